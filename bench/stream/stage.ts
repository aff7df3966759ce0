// What the figures are taken from: this server, the relays, a fake Ollama and the people, each a process of its own.
import { z } from 'zod';
import { startServer, tempDir } from '../../test/support/server-process.ts';
import { Child } from './child.ts';
import { Heard, Said } from './speech.ts';
import type { Speech, Talk, Way } from './speech.ts';

export interface System {
  url: string;
  pid: number;
}

const settings = {
  MODEL: 'ollama',
  RAW_REPLIES: '1',
  OLLAMA_SLOTS: '1000',
  OLLAMA_QUEUE: '100000',
  OLLAMA_NUM_PREDICT: '100000',
  OLLAMA_NUM_CTX: '200000',
};

/** One talk of many people: what was said to them, and what they heard. */
export interface Talked {
  said: Said[];
  heard: Heard[];
}

export class Stage implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #ollama: Child;
  readonly #people: Child;
  /** What answers in which way; what is not there answers in none. */
  readonly systems: ReadonlyMap<Way, System>;

  private constructor(
    resources: AsyncDisposableStack,
    ollama: Child,
    people: Child,
    systems: Stage['systems'],
  ) {
    this.#resources = resources;
    this.#ollama = ollama;
    this.#people = people;
    this.systems = systems;
  }

  /** `env`: settings of this server, over those it is measured with. */
  static async open(env: Record<string, string> = {}): Promise<Stage> {
    await using resources = new AsyncDisposableStack();
    const ollama = resources.use(new Child('ollama'));
    const model = { OLLAMA_BASE_URL: await ollama.hear(z.string()) };
    const people = resources.use(new Child('clients'));
    const { path } = resources.use(await tempDir());
    const server = resources.use(
      await startServer({ dataDir: path, env: { ...settings, ...model, ...env } }),
    );
    const systems = new Map<Way, System>();
    for (const way of ['socket', 'sse', 'poll'] as const)
      systems.set(way, { url: server.url, pid: server.pid });
    for (const way of ['relay-socket', 'relay-sse'] as const) {
      const relay = resources.use(new Child(way, model));
      systems.set(way, { url: await relay.hear(z.string()), pid: relay.pid });
    }
    return new Stage(resources.move(), ollama, people, systems);
  }

  system(way: Way): System {
    const system = this.systems.get(way);
    if (!system) throw new Error(`Nobody answers by ${way}`);
    return system;
  }

  /** `begun` is called once all of them have heard something. */
  async talk(speech: Speech, talk: Omit<Talk, 'url'>, begun: () => void): Promise<Talked> {
    await this.#ollama.ask(speech, z.literal('told'));
    await this.#people.ask({ ...talk, url: this.system(talk.way).url }, z.literal('begun'));
    begun();
    const heard = await this.#people.hear(z.array(Heard));
    return { said: await this.#ollama.ask('said', z.array(Said)), heard };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
