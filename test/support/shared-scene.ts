// A scene that several tests of a file play in, one after another: what a server costs is its start.
import { afterAll, afterEach } from 'vitest';
import type { FakeOllama, RequestKind, RequestRecord } from './fake-ollama.ts';
import { openScene } from './scene.ts';
import type { Scene, SceneOptions } from './scene.ts';

/**
 * One server for the tests of the file, or of the `describe`, that calls it: started for the first test that asks,
 * ended after the last. Each finds a fake that holds nobody and behaves as at first, and says words in sessions of its
 * own. A test that kills the server opens a scene of its own.
 */
export function sharedScene(options: SceneOptions = {}): () => Promise<Scene> {
  let opening: Promise<Scene> | undefined;
  afterEach(async () => {
    const fake = (await opening)?.fake;
    if (!fake) return;
    fake.release();
    fake.always(options.fake?.behaviour ?? {});
    fake.always({}, 'choice');
    await fake.idle();
  });
  afterAll(async () => await (await opening)?.[Symbol.asyncDispose]());
  return () => (opening ??= openScene(options));
}

/** The requests that the fake gets from now on, by their kind: those of the tests before are on its list too. */
export function fromNowOn(fake: FakeOllama): (kind: RequestKind) => readonly RequestRecord[] {
  const first = fake.requests.length;
  return (kind) => fake.of(kind).filter(({ index }) => index >= first);
}
