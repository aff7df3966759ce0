// A server for a file of bad input: after every test a bystander tells whether it came to any harm.
import { afterAll, afterEach, beforeAll } from 'vitest';
import { standBy } from './bystander.ts';
import type { Bystander } from './bystander.ts';
import { startGuide } from './guide-server.ts';
import type { GuideServer } from './guide-server.ts';

interface GuardedOptions {
  env?: Record<string, string>;
  /** Runs before the bystander takes down how things are. */
  prepare?: (server: GuideServer) => Promise<unknown>;
}

/** Starts the server before the tests of the file that calls it, and stops it after them. */
export function guardedServer({ env, prepare }: GuardedOptions = {}): Omit<
  GuideServer,
  keyof AsyncDisposable
> {
  let server: GuideServer | undefined;
  let bystander: Bystander | undefined;
  const must = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the server is started before the tests, and not sooner');
    return part;
  };
  beforeAll(async () => {
    server = await startGuide(env);
    await prepare?.(server);
    bystander = await standBy(server);
  });
  afterEach(async () => await must(bystander).expectUnharmed());
  afterAll(async () => {
    bystander?.close();
    await server?.[Symbol.asyncDispose]();
  });
  return {
    get url() {
      return must(server).url;
    },
    get port() {
      return must(server).port;
    },
    get process() {
      return must(server).process;
    },
  };
}
