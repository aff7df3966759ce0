// A server with people of two tenants: some are watched and must not notice anything, the others do what they like.
import { join } from 'node:path';
import { answerTo } from '../../src/ops/keys-init.ts';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { MemoryGauge, preloadTidyMemory } from '../support/memory.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer, RestOptions } from '../support/rest.ts';
import { tempDir } from '../support/server-process.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';
import { Fault } from './fault.ts';
import { openSocket } from './open-socket.ts';
import type { Who } from './shots.ts';
import { peopleTokens, serviceTokens } from './tokens.ts';
import type { Person, Tokens } from './tokens.ts';
import { bulkOf } from './values.ts';

/** Words of watched people, which nobody else may ever read. */
export const secrets = ['heron-of-ada', 'heron-of-dan', 'heron-of-eve'] as const;
const OPERATOR_KEY = 'operator-key-of-a-run-0123456789abcdef';
/** Whose requests are to be served always: each has an address of their own. */
const quiet: readonly string[] = ['ada', 'dan', 'eve', 'ivy', 'operator'];

/** Of the limits, those that would end a run by one person; the others come into force now and then. */
const roomy =
  'request_subject=6000/60,input_subject=3000/60,create_subject=3000/60,input_session=6000/60,input_address=3000/60,connections_subject=50,';

export const worlds = {
  people: { tokens: peopleTokens, isCounted: false, isSealed: false, env: {} },
  services: { tokens: serviceTokens, isCounted: false, isSealed: true, env: {} },
  counted: {
    tokens: peopleTokens,
    isCounted: true,
    isSealed: false,
    env: {
      RATE_LIMIT: 'on',
      TRUST_PROXY: 'loopback',
      LIMITS: `${roomy}request_address=300/10,connect_address=40/10,failure_address=8/10,create_address=30/10`,
    },
  },
} as const;
export type WorldName = keyof typeof worlds;

interface Watched {
  person: 'ada' | 'dan';
  id: string;
  export: string;
  list: string;
  grants: string;
}

const listOf = ({ body }: Answer): string => JSON.stringify([body['total_sessions'], body['sessions']]);

export class World implements AsyncDisposable {
  readonly server: GuideServer;
  readonly tokens: Tokens;
  readonly isCounted: boolean;
  readonly memory: MemoryGauge;
  /** Ids that somebody's accepted requests may have made, that they must have, and that were deleted. */
  readonly made = { bea: new Set<string>(), cyd: new Set<string>() };
  readonly kept = { bea: new Set<string>(), cyd: new Set<string>() };
  readonly #stack: AsyncDisposableStack;
  readonly #known = new Map<string, string>();
  readonly #sockets = new Map<Who, Promise<SocketClient>>();
  #watched: Watched[] = [];
  #ivy: { socket: SocketClient; client: Client } | undefined;
  #blocks = 0;
  #errands = 0;

  private constructor(stack: AsyncDisposableStack, server: GuideServer, tokens: Tokens, isCounted: boolean) {
    this.#stack = stack;
    this.server = server;
    this.tokens = tokens;
    this.isCounted = isCounted;
    this.memory = new MemoryGauge(server.process);
  }

  static async open(name: WorldName): Promise<World> {
    const { tokens: makeTokens, isCounted, isSealed, env } = worlds[name];
    const stack = new AsyncDisposableStack();
    try {
      const { path } = stack.use(await tempDir());
      const tokens = await makeTokens(path);
      const keyFile = join(path, 'master-keys');
      if (isSealed) answerTo([keyFile], { DATA_DIR: join(path, 'data') });
      const settings = { ...env, ...tokens.env, OPERATOR_KEY, ...preloadTidyMemory };
      const server = stack.use(
        await startGuide({ ...settings, ...(isSealed && { ENCRYPTION_KEY_FILE: keyFile }) }),
      );
      const world = new World(stack, server, tokens, isCounted);
      await world.#furnish();
      return world;
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  /** The token of whoever it is; null for somebody who has none. */
  tokenOf(who: Who | Person): string | null {
    if (who === 'operator') return OPERATOR_KEY;
    if (who === 'lent') return this.#known.get('@capability-token') ?? '';
    if (who === 'nobody') return null;
    if (who === 'rubbish') return 'spk_\u00e9';
    const { of, bad } = this.tokens;
    return who in of ? of[who as Person] : bad[who as keyof Tokens['bad']];
  }

  /** Where a request of theirs comes from, as a proxy says it. */
  headersOf(who: Who | Person): Record<string, string> {
    const token = this.tokenOf(who);
    const isQuiet = quiet.includes(who);
    const address = isQuiet ? `198.51.100.${quiet.indexOf(who) + 1}` : `203.0.113.${who.length}`;
    return {
      ...(token !== null && { Authorization: `Bearer ${/^[\x21-\x7e]*$/.test(token) ? token : 'x y'}` }),
      ...(this.isCounted && { 'X-Forwarded-For': address }),
    };
  }

  async rest(who: Person, line: string, options: RestOptions = {}): Promise<Answer> {
    const headers = { ...this.headersOf(who), ...this.#elsewhere(), ...options.headers };
    return await rest(this.server.url, line, { ...options, headers });
  }

  /** Looking after things is not to come over a limit. */
  #elsewhere(): Record<string, string> {
    this.#errands += 1;
    return this.isCounted ? { 'X-Forwarded-For': `192.0.2.${this.#errands % 250}` } : {};
  }

  /** The same with what was known only now in place of names that begin with @. */
  filled(value: unknown): unknown {
    if (typeof value === 'string') return this.#known.get(value) ?? bulkOf(value) ?? value;
    if (Array.isArray(value)) return value.map((one) => this.filled(one));
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.filled(one)]));
  }

  /** A connection of theirs, as long as it holds. */
  async socketOf(who: Who): Promise<SocketClient> {
    const open = await this.#sockets.get(who)?.catch(() => undefined);
    if (open?.socket.connected) return open;
    const token = this.tokenOf(who);
    const { Authorization: _, ...extraHeaders } = this.headersOf(who);
    const socket = openSocket(this.server.url, token === null ? {} : { token }, extraHeaders);
    this.#sockets.set(who, socket);
    return await socket;
  }

  /** Everybody who does what they like begins anew: a session with a turn, a capability and a ticket; nothing else. */
  async begin(): Promise<void> {
    await this.clear();
    for (const who of ['bea', 'cyd'] as const) {
      await this.#must(who, 'POST /api/v1/session/home/input', { body: { user_input: 'here I am' } });
      this.made[who].add('home');
      this.kept[who].add('home');
    }
    const { body } = await this.#must('bea', 'GET /api/v1/session/home/history');
    this.#know({ '@turn': first(body['turns'])['turn_id'] });
    const status = await this.#must('bea', 'GET /api/v1/session/home/status');
    this.#know({
      '@cursor': status.body['cursor'],
      '@cursor:ahead': `${String(status.body['epoch'])}.99999`,
    });
    const grant = await this.#must('bea', 'POST /api/v1/session/home/capabilities', { body: {} });
    this.#know({ '@capability': grant.body['capability_id'], '@capability-token': grant.body['token'] });
    const ticket = await this.#must('bea', 'POST /api/v1/session/home/ticket');
    this.#know({ '@ticket': ticket.body['ticket'] });
    const theirs = await this.#must('ada', `POST ${pathOf('of ada', '/ticket')}`);
    this.#know({ '@ticket:ada': theirs.body['ticket'] });
    // used up: whoever has a fresh one of hers may read
    const path = pathOf('of ada', `/events?ticket=${String(theirs.body['ticket'])}`);
    using stream = await openEvents(this.server.url, path, { headers: this.headersOf('nobody') });
    if (stream.status !== 200) throw new Fault(`a ticket opens nothing: ${stream.status}`);
    await this.#stand();
  }

  /** Closes every connection and deletes every session of those who do what they like. */
  async clear(): Promise<void> {
    for (const socket of this.#sockets.values()) (await socket.catch(() => undefined))?.close();
    this.#sockets.clear();
    for (const who of ['bea', 'cyd', 'mal'] as const) {
      for (const id of await this.idsOf(who)) await this.#must(who, `DELETE ${pathOf(id)}`);
    }
    for (const who of ['bea', 'cyd'] as const) {
      this.made[who].clear();
      this.kept[who].clear();
    }
  }

  /** What became of a session of theirs, as the answer says. */
  note(who: Who, deed: 'made' | 'kept' | 'deleted', sessionId: string): void {
    const owner = who === 'lent' ? 'bea' : who;
    if (owner !== 'bea' && owner !== 'cyd') return;
    if (deed === 'deleted') this.kept[owner].delete(sessionId);
    else this.made[owner].add(sessionId);
    if (deed === 'kept') this.kept[owner].add(sessionId);
  }

  async idsOf(who: Person): Promise<string[]> {
    const { body } = await this.#must(who, 'GET /api/v1/sessions');
    return all(body['sessions']).map((session) => String(session['session_id']));
  }

  /** Somebody else is answered, whole and in order. */
  async speak(): Promise<void> {
    const { socket, client } = this.#ivy ?? {};
    if (!socket || !client) throw new Fault('nobody stands by');
    if (!socket.socket.connected) throw new Fault('the bystander lost the connection');
    const words = { session_id: client.sessionId, user_input: 'I want to feel calm' };
    const { turn_id: turnId } = await socket.must('session:input', words);
    const turn = await client.ended(String(turnId));
    if (turn.state !== 'done' || turn.text === '') throw new Fault(`the bystander's turn is ${turn.state}`);
  }

  /** Nobody who is watched lost or got anything, and what was refused made nothing. @throws Fault */
  async check(): Promise<void> {
    for (const before of this.#watched) {
      const after = await this.#look(before.person, before.id);
      for (const part of ['export', 'list', 'grants'] as const) {
        if (after[part] !== before[part])
          throw new Fault(`the ${part} of ${before.person} changed\n${before[part]}\n${after[part]}`);
      }
    }
    for (const who of ['bea', 'cyd'] as const) {
      const ids = await this.idsOf(who);
      const strange = ids.filter((id) => !this.made[who].has(id));
      if (strange.length > 0) throw new Fault(`sessions that nobody made: ${JSON.stringify(strange)}`);
      const lost = [...this.kept[who]].filter((id) => !ids.includes(id));
      if (ids.length < 1_000 && lost.length > 0)
        throw new Fault(`sessions that nobody deleted are gone: ${JSON.stringify(lost)}`);
    }
    if ((await this.idsOf('weak')).length > 0) throw new Fault('somebody without the right made a session');
    this.#checkLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.values()) (await socket.catch(() => undefined))?.close();
    this.#ivy?.socket.close();
    await this.#stack.disposeAsync();
  }

  #checkLog(): void {
    const { log, stderr, stdout } = this.server.process;
    const bad = log.filter(({ level }) => Number(level) >= 50);
    if (bad.length > 0) throw new Fault(`the server reports a fault of its own: ${JSON.stringify(bad)}`);
    if (stderr !== '') throw new Fault(`the server wrote ${stderr}`);
    const told = [...secrets, ...Object.values(this.tokens.of)].find((secret) => stdout.includes(secret));
    if (told !== undefined) throw new Fault(`the log of the server tells ${told.slice(0, 20)}`);
  }

  /** Sessions of those who are watched, in both tenants, and an alert of one whom nobody looks at. */
  async #furnish(): Promise<void> {
    for (const person of ['ada', 'dan', 'eve'] as const) {
      const secret = `heron-of-${person}`;
      const session = { session_id: `of ${person}`, client_id: secret, metadata: { [secret]: secret } };
      await this.#must(person, 'POST /api/v1/session/create', { body: session });
      const user_input = person === 'eve' ? `I want to kill myself ${secret}` : `I feel tense ${secret}`;
      await this.#must(person, `POST ${pathOf(`of ${person}`, '/input')}`, { body: { user_input } });
    }
    for (const person of ['ada', 'dan'] as const) {
      const label = `heron-of-${person}`;
      const grant = await this.#must(person, `POST ${pathOf(`of ${person}`, '/capabilities')}`, {
        body: { label },
      });
      const { body } = await this.#must(person, `GET ${pathOf(`of ${person}`, '/history')}`);
      this.#know({ [`@turn:${person}`]: first(body['turns'])['turn_id'] });
      if (person === 'ada') this.#know({ '@capability:ada': grant.body['capability_id'] });
      this.#watched.push(await this.#look(person, `of ${person}`));
    }
    const { body } = await this.#must('ada', `GET ${pathOf('of ada', '/status')}`);
    this.#know({
      '@cursor:ada': body['cursor'],
      '@token:bea': this.tokens.of.bea,
      '@token:cyd': this.tokens.of.cyd,
    });
    this.#know({ '@token:expired': this.tokens.bad.expired, '@token:mutated': this.tokens.bad.mutated });
    const headers = this.headersOf('operator');
    const alerts = await rest(this.server.url, 'GET /api/v1/operator/alerts', { headers });
    this.#know({ '@alert': first(alerts.body['alerts'])['alert_id'] });
  }

  async #look(person: Watched['person'], id: string): Promise<Watched> {
    const exported = await this.#must(person, `GET ${pathOf(id, '/export')}`);
    const list = await this.#must(person, 'GET /api/v1/sessions');
    const grants = await this.#must(person, `GET ${pathOf(id, '/capabilities')}`);
    return { person, id, export: exported.text, list: listOf(list), grants: grants.text };
  }

  /** The bystander, in a new session: a long one would only take longer. */
  async #stand(): Promise<void> {
    this.#ivy?.socket.close();
    const id = `bystander ${(this.#blocks += 1)}`;
    for (const old of await this.idsOf('ivy')) await this.#must('ivy', `DELETE ${pathOf(old)}`);
    const { Authorization: _, ...extraHeaders } = this.headersOf('ivy');
    const socket = await openSocket(this.server.url, { token: this.tokens.of.ivy }, extraHeaders);
    this.#ivy = { socket, client: socket.feed(new Client(id)) };
    await socket.must('session:create', id);
  }

  #know(values: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(values)) this.#known.set(name, String(value));
  }

  async #must(who: Person, line: string, options: RestOptions = {}): Promise<Answer> {
    const answer = await this.rest(who, line, options);
    if (answer.status === 200) return answer;
    throw new Fault(
      `${who}: ${line.slice(0, 200)} is answered with ${answer.status} ${answer.text.slice(0, 500)}`,
    );
  }
}

type Fields = Record<string, unknown>;
const all = (list: unknown): Fields[] => (Array.isArray(list) ? (list as Fields[]) : []);
const first = (list: unknown): Fields => all(list)[0] ?? {};
