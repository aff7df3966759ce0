// The door of the SDK.
import type {
  ChatClient,
  ChatSession,
  ClientOptions,
  CreateInput,
  KeyValueStorage,
  ModelStatus,
  Notice,
  RequestOptions,
} from './api.ts';
import { Connection } from './connection.ts';
import { ChatError, ConnectionError } from './errors.ts';
import type { Announcement, OperationName } from './line.ts';
import { Session } from './session.ts';
import { defaultStorage, keep, newKey, recall, ownOrigin, watchSurroundings } from './surroundings.ts';
import { Value } from './value.ts';
import type { Operations } from './wire.ts';

export type * from './api.ts';
export { ChatError, ConnectionError, ReplyReset } from './errors.ts';
export type * from './wire.ts';

const DEFAULT_URL = 'http://127.0.0.1:8090';
/** Several signs of coming back arrive together. */
const BACK_QUIET_MS = 200;

/** Opens nothing yet: the first session that is opened or spoken to, or the first request, connects. */
export function createClient(options: ClientOptions = {}): ChatClient {
  return new Client(options);
}

class Client implements ChatClient {
  readonly model = new Value<ModelStatus | null>(null);
  readonly notice = new Value<Notice | null>(null);
  readonly #connection: Connection;
  readonly #options: ClientOptions;
  readonly #sessions = new Set<Session>();
  readonly #byId = new Map<string, Session>();
  /** Of sessions that this client makes or made: another one gets a key of its own. */
  readonly #keys = new Set<string>();
  readonly #url: string;
  readonly #unwatch: () => void;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#url = (options.url ?? ownOrigin() ?? DEFAULT_URL).replace(/\/+$/, '');
    this.#connection = new Connection({
      server: { url: this.#url, token: () => this.#token() },
      transports: options.transports ?? ['socket', 'stream', 'poll'],
      announced: (announcement) => this.#announced(announcement),
    });
    this.#unwatch = watchSurroundings((isOffline) => this.#woke(isOffline));
    this.connection.subscribe(() => this.#endedFor());
  }

  get connection(): Connection['state'] {
    return this.#connection.state;
  }

  /** Looked for with the first use: nothing is touched before. */
  get #kept(): KeyValueStorage | undefined {
    return this.#options.storage ?? defaultStorage();
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === 'function' ? await token() : token;
  }

  #announced({ event, data }: Announcement): void {
    if (event === 'model:status') this.model.set(data);
    if (event === 'server:notice') this.notice.set(data);
    if (event === 'auth:expiring') void this.#refresh().catch(() => {});
  }

  /** A string cannot be refreshed: the server ends the connection when it has run out. */
  async #refresh(): Promise<void> {
    const { token } = this.#options;
    if (typeof token === 'function')
      await this.#connection.line.get()?.request('auth:refresh', { token: await token() });
  }

  #woke(isOffline: boolean): void {
    this.#connection.tell({ type: isOffline ? 'offline' : 'again' });
    if (isOffline) return;
    for (const session of this.#sessions) session.resync(BACK_QUIET_MS);
  }

  #endedFor(): void {
    if (this.connection.get().phase !== 'closed') return;
    for (const session of this.#sessions) session.abandon(this.#connection.whyNot());
  }

  session(id?: string): ChatSession {
    return this.#session(id || null);
  }

  #session(id: string | null): Session {
    const known = id === null ? undefined : this.#byId.get(id);
    if (known) return known;
    const session = new Session(id, {
      connection: this.#connection,
      storage: this.#kept,
      prefix: `stillpoint:${this.#url}:`,
      create: (input) => this.#create(input),
      named: (session) => this.#named(session),
      closed: (session) => this.#closed(session),
    });
    this.#named(session);
    return session;
  }

  #named(session: Session): void {
    this.#sessions.add(session);
    if (session.id !== null) this.#byId.set(session.id, session);
  }

  #closed(session: Session): void {
    this.#sessions.delete(session);
    if (session.id !== null && this.#byId.get(session.id) === session) this.#byId.delete(session.id);
  }

  async create(input: CreateInput = {}): Promise<ChatSession> {
    const info = await this.#create(input);
    const session = this.#session(info.session_id);
    const { created: _created, message: _message, ...own } = info;
    session.adopt(own);
    session.start();
    return session;
  }

  /** The key outlives a lost answer and a reload: there is never a second session. [S-5] */
  async #create(input: CreateInput): Promise<Operations['session:create']['output']> {
    const storage = this.#kept;
    const slot = `stillpoint:${this.#url}:create:${input.session_id ?? ''}`;
    const before = recall(storage, slot);
    const key = input.create_key ?? (before && !this.#keys.has(before) ? before : newKey());
    this.#keys.add(key);
    keep(storage, slot, key);
    try {
      for (;;) {
        try {
          const info = await this.#connection.request('session:create', { ...input, create_key: key });
          keep(storage, slot, null);
          return info;
        } catch (error) {
          if (error instanceof ChatError) keep(storage, slot, null);
          if (!(error instanceof ConnectionError && /lost|timeout/.test(error.reason))) throw error;
        }
      }
    } finally {
      this.#keys.delete(key);
    }
  }

  request<N extends OperationName>(
    name: N,
    input: Operations[N]['input'],
    options?: RequestOptions,
  ): Promise<Operations[N]['output']> {
    return this.#connection.request(name, input, options);
  }

  close(): void {
    this.#unwatch();
    for (const session of this.#sessions) session.close();
    this.#connection.tell({ type: 'closed', error: null });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
