// A fake Ollama, a data directory and the real server between them and its clients: what the scenario tests play in.
import { z } from 'zod';
import { startFakeOllama } from './fake-ollama.ts';
import type { FakeOllama, FakeOptions } from './fake-ollama.ts';
import { Client } from './fold.ts';
import { rest } from './rest.ts';
import type { Answer } from './rest.ts';
import { startServer, tempDir } from './server-process.ts';
import type { Exit, ServerProcess } from './server-process.ts';
import { connect } from './socket-client.ts';
import type { SocketClient } from './socket-client.ts';
import { deadline } from './wait.ts';

export interface SceneOptions {
  /** Of the server, over the defaults here; the address of the fake is always handed in. */
  env?: Record<string, string>;
  fake?: FakeOptions;
  /** Done with the fake before the server starts. */
  prepare?: (fake: FakeOllama) => Promise<void> | void;
}

const Admission = z.looseObject({
  turn_id: z.string(),
  n: z.number(),
  state: z.string(),
  cursor: z.string(),
  position: z.number().optional(),
  duplicate: z.boolean().optional(),
});
export type Admission = z.output<typeof Admission>;

/** What the server writes about itself when it did something wrong. */
export const complaints = ['a promise was dropped', 'a request failed on our side'];

/** A running server and the fake it talks to. Disposing ends both, and fails if the server had to complain of itself. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  await using resources = new AsyncDisposableStack();
  const fake = resources.use(await startFakeOllama(options.fake));
  await options.prepare?.(fake);
  const directory = resources.use(await tempDir());
  const scene = new Scene(fake, directory.path, options.env ?? {});
  resources.defer(() => scene.end());
  await scene.start();
  scene.owns(resources.move());
  return scene;
}

export class Scene implements AsyncDisposable {
  readonly fake: FakeOllama;
  readonly dataDir: string;
  readonly #env: Record<string, string>;
  readonly #sockets: SocketClient[] = [];
  readonly #past: ServerProcess[] = [];
  #server: ServerProcess | undefined;
  #resources = new AsyncDisposableStack();

  constructor(fake: FakeOllama, dataDir: string, env: Record<string, string>) {
    this.fake = fake;
    this.dataDir = dataDir;
    this.#env = env;
  }

  get server(): ServerProcess {
    if (!this.#server) throw new Error('no server runs');
    return this.#server;
  }

  get url(): string {
    return this.server.url;
  }

  owns(resources: AsyncDisposableStack): void {
    this.#resources = resources;
  }

  /** Starts the server, again after `kill`, on the same data. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const defaults = { GUIDE_WORD_MS: '1', OLLAMA_CHECK_MS: '50', OLLAMA_BASE_URL: this.fake.url };
    this.#server = await startServer({
      dataDir: this.dataDir,
      env: { ...defaults, ...this.#env, ...env },
    });
    this.#past.push(this.#server);
  }

  /** Ends the server; SIGKILL unless told. */
  async kill(signal: NodeJS.Signals = 'SIGKILL', ms?: number): Promise<Exit> {
    const exit = await this.server.kill(signal, ms);
    this.#server = undefined;
    return exit;
  }

  /** The end of a server that was told to end. */
  async exited(ms?: number): Promise<Exit> {
    const exit = await deadline(this.server.exited, 'the end of the server', ms);
    this.#server = undefined;
    return exit;
  }

  /** A connected socket of the official client; the end of the scene closes it. */
  async socket(): Promise<SocketClient> {
    const socket = await connect(this.url);
    this.#sockets.push(socket);
    return socket;
  }

  rest(line: string, options?: Parameters<typeof rest>[2]): Promise<Answer> {
    return rest(this.url, line, options);
  }

  /** A socket that follows the session `id`, made by its first input; the client folds what comes. */
  async speak(id: string, userInput: string, more: Record<string, unknown> = {}): Promise<Spoken> {
    const socket = await this.socket();
    const client = socket.feed(new Client(id));
    return { socket, client, admission: await input(socket, id, userInput, more) };
  }

  /** Resolves when `ask` says true of what `/health` answers; asks again and again. */
  async healthy(ask: (health: Health) => boolean): Promise<Health> {
    const until = performance.now() + 10_000;
    for (;;) {
      const health = Health.parse((await this.rest('GET /health')).body);
      if (ask(health)) return health;
      if (performance.now() > until) throw new Error(`health stays ${JSON.stringify(health)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    if (this.#server) await this.#server.kill('SIGKILL');
    const lines = this.#past.flatMap(({ log }) => log);
    const bad = lines.filter(({ msg }) => complaints.includes(String(msg)));
    const errors = this.#past.map(({ stderr }) => stderr).join('');
    if (bad.length > 0 || errors !== '')
      throw new Error(`the server complained: ${JSON.stringify(bad)} ${errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

const Health = z.looseObject({
  status: z.string(),
  services: z.looseObject({ ollama: z.string() }),
  model: z.looseObject({ source: z.string(), name: z.string(), reason: z.string().optional() }),
});
type Health = z.output<typeof Health>;

export interface Spoken {
  socket: SocketClient;
  client: Client;
  admission: Admission;
}

/** The ack of an input that is to be taken. */
export async function input(
  socket: SocketClient,
  id: string,
  userInput: string,
  more: Record<string, unknown> = {},
): Promise<Admission> {
  return Admission.parse(
    await socket.must('session:input', { session_id: id, user_input: userInput, ...more }),
  );
}

/** A number in letters: digits may stand for letters, and then the guard waits for the whole word. */
const lettersOf = (n: number): string =>
  String(n).replace(/\d/g, (digit) => 'bcdfghjklm'.charAt(Number(digit)));

/** A reply of that many words, no two alike, that the guard has no reason to hold back. */
export const words = (count: number, stem = 'xylo'): string =>
  `And ${Array.from({ length: count - 1 }, (_, i) => `${stem}${lettersOf(i)}`).join(' ')}`;

/** The first words of a text, as the fake cuts pieces. */
export const firstWords = (text: string, count: number): string => text.split(' ').slice(0, count).join(' ');

const Done = z.looseObject({
  turn_id: z.string(),
  therapist_response: z.string(),
  source: z.string(),
  model: z.string(),
});

/** The therapist response of a turn, as the socket got it. */
export function responseOf(socket: SocketClient, turnId: string): z.output<typeof Done> {
  const found = socket.of('therapist:done').map((data) => Done.parse(data));
  const own = found.find((response) => response.turn_id === turnId);
  if (!own) throw new Error(`no therapist:done of ${turnId}`);
  return own;
}
