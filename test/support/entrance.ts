// The application in this process behind a door: tokens of the tests, a clock that the test moves, a store that counts.
import type { Authenticator } from '../../src/access/authenticator.ts';
import { openAuthenticator } from '../../src/access/open-authenticator.ts';
import { Tickets } from '../../src/access/tickets.ts';
import { noLimits } from '../../src/access/limits.ts';
import type { AppParts } from '../../src/app.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Vault } from '../../src/store/vault.ts';
import { silent, startApp } from './app.ts';
import { countStore } from './count-store.ts';
import type { CountedStore } from './count-store.ts';
import { enter } from './doors.ts';
import { rest } from './rest.ts';
import type { Answer, RestOptions } from './rest.ts';
import type { SocketClient } from './socket-client.ts';
import { openEvents } from './sse.ts';
import type { EventReader } from './sse.ts';
import { bearer, openJwtDesk, openKeyDesk, personToken } from './tokens.ts';
import type { KeyDesk, Person, TokenDesk } from './tokens.ts';
import { createChanges, deadline } from './wait.ts';
import type { Changes } from './wait.ts';

export interface EntranceOptions {
  mode?: 'jwt' | 'key';
  parts?: Partial<AppParts>;
  /** Default: a store in memory. */
  store?: { directory: string; vault?: Vault };
}

export const ada: Person = { tenant: 'acme', name: 'ada' };

/** How often a file of keys is looked at, in ms. */
const POLL_MS = 20;

export async function openEntrance(options: EntranceOptions = {}): Promise<Entrance> {
  await using stack = new AsyncDisposableStack();
  const desk = stack.use(await (options.mode === 'key' ? openKeyDesk() : openJwtDesk()));
  const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
  const { now } = clock;
  const counted = countStore(await openSqlite({ directory: ':memory:', ...options.store, now }));
  const { store } = counted;
  const changes = createChanges();
  const refusals = { report: () => {} };
  const { env } = desk;
  const authenticator = stack.use(
    await openAuthenticator({
      mode: options.mode ?? 'jwt',
      apiKeysFile: env['API_KEYS_FILE'] ?? '',
      jwt: {
        issuer: env['JWT_ISSUER'] ?? '',
        audience: env['JWT_AUDIENCE'] ?? '',
        keysFile: env['JWT_KEYS_FILE'] ?? '',
        jwksUrl: '',
      },
      store,
      refusals,
      now,
      log: { ...silent, info: () => changes.notify() },
      pollMs: POLL_MS,
    }),
  );
  const tickets = new Tickets({ store, authenticator, refusals, now });
  const access = { authenticator, tickets, limits: noLimits };
  const app = stack.use(await startApp({ store, now, access, ...options.parts }));
  return new Entrance({ url: app.url, desk, counted, clock, authenticator, changes }, stack.move());
}

interface EntranceParts {
  url: string;
  desk: TokenDesk;
  counted: CountedStore;
  clock: { aheadMs: number; now: () => number };
  authenticator: Authenticator;
  /** A file of keys was read again. */
  changes: Changes;
}

export class Entrance implements AsyncDisposable {
  readonly url: string;
  readonly counted: CountedStore;
  readonly #parts: EntranceParts;
  readonly #stack: AsyncDisposableStack;

  constructor(parts: EntranceParts, stack: AsyncDisposableStack) {
    this.url = parts.url;
    this.counted = parts.counted;
    this.#parts = parts;
    this.#stack = stack;
  }

  /** Moves the clock by which tokens end. */
  pass(ms: number): void {
    this.#parts.clock.aheadMs += ms;
  }

  /** Of the issuer, for so long from now on by that clock. */
  tokenFor(lifeS: number, person: Person = ada): string {
    return personToken(person, Math.floor(this.#parts.clock.now() / 1000), lifeS);
  }

  get keys(): KeyDesk {
    const { desk } = this.#parts;
    if (!('revoke' in desk)) throw new Error('there are no keys in this mode');
    return desk as KeyDesk;
  }

  /** One that counts already. */
  async token(person: Person = ada): Promise<string> {
    const { desk, authenticator, changes } = this.#parts;
    const token = await desk.token(person);
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _subscription = changes.subscribe(resolve);
      const identity = await authenticator.authenticate(token).catch(() => undefined);
      if (identity) return token;
      await deadline(promise, 'a server that has read its keys again');
    }
  }

  ask(token: string | null, line: string, options: RestOptions = {}): Promise<Answer> {
    const headers = { ...options.headers, ...bearer(token) };
    return rest(this.url, line.replace(' /', ' /api/v1/'), { ...options, headers });
  }

  /** The body of a request that is to succeed. */
  async must(token: string | null, line: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.ask(token, line, body && { body });
    if (answer.status >= 300) throw new Error(`${line} was refused: ${answer.text}`);
    return answer.body;
  }

  /** A token for one session, made by its owner. */
  async capability(
    owner: string,
    sessionId: string,
    more: object = {},
  ): Promise<{ id: string; token: string }> {
    const line = `POST /session/${encodeURIComponent(sessionId)}/capabilities`;
    const { capability_id: id, token } = await this.must(owner, line, more);
    return { id: String(id), token: String(token) };
  }

  async socket(token: string | null): Promise<SocketClient> {
    return this.#stack.use(await enter(this.url, { auth: token === null ? {} : { token } }));
  }

  async events(token: string | null, path: string): Promise<EventReader> {
    const headers = bearer(token);
    return this.#stack.use(await openEvents(this.url, `/api/v1${path}`, { headers }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** Resolves once the server has closed it. */
export const closed = (socket: SocketClient): Promise<void> =>
  socket.until(() => !socket.socket.connected, 'the end of the connection');
