// Two nodes in this process: one store, and Redis between their sockets.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { AppParts } from '../../src/app.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { openControlAdapter } from '../../src/transport/redis-adapter.ts';
import { startApp } from './app.ts';
import type { TestApp } from './app.ts';
import { pathOf, rest } from './rest.ts';
import type { Answer } from './rest.ts';
import { connect } from './socket-client.ts';
import type { SocketClient } from './socket-client.ts';
import { openEvents } from './sse.ts';
import type { EventReader } from './sse.ts';
import { deadline } from './wait.ts';

export const operatorKey = 'operator-key-for-tests-0123456789abcdef';

const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string(), session_id: z.string() })) });
const Counted = z.object({ followers: z.int() });

/** Steps of somebody behind the server at `url`. */
export const asOperator = (url: string, line: string, body?: object, key = operatorKey): Promise<Answer> =>
  rest(url, line.replace(' /', ' /api/v1/operator/'), {
    headers: { Authorization: `Bearer ${key}` },
    ...(body && { body }),
  });

/** Calls a person to the session, so that an operator can look at it. The id of the alert. */
export async function alarm(url: string, sessionId: string): Promise<string> {
  await rest(url, `POST ${pathOf(sessionId, '/input')}`, {
    body: { user_input: 'I am going to kill myself tonight' },
  });
  const { alerts } = Alerts.parse((await asOperator(url, 'GET /alerts')).body);
  const alert = alerts.find(({ session_id: id }) => id === sessionId);
  if (!alert) throw new Error('there is no alert');
  return alert.alert_id;
}

export async function followersOf(url: string, alertId: string): Promise<number> {
  return Counted.parse((await asOperator(url, `GET /alerts/${alertId}`)).body).followers;
}

/** What both nodes keep everything in; none of them closes it. */
const lent = (store: Store): Store =>
  new Proxy(store, {
    get(target, key) {
      if (key === Symbol.asyncDispose) return () => Promise.resolve();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** Sends a command to every Redis there is. */
export type Command = (...args: string[]) => Promise<string[]>;

export class NodePair implements AsyncDisposable {
  readonly store: Store;
  readonly nodes: TestApp[] = [];
  /** What each node warned of. */
  readonly warnings: string[][] = [];
  readonly #command: Command;
  readonly prefix = `test-${randomUUID()}`;
  readonly #stack = new AsyncDisposableStack();

  private constructor(store: Store, command: Command) {
    this.store = this.#stack.use(store);
    this.#command = command;
  }

  /** Resolves once each hears the other. `parts` are of both. */
  static async open(
    urls: readonly string[],
    command: Command,
    parts: Partial<AppParts> = {},
  ): Promise<NodePair> {
    const pair = new NodePair(await openSqlite({ directory: ':memory:' }), command);
    try {
      await pair.#start(urls, parts);
      await pair.together();
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(urls: readonly string[], parts: Partial<AppParts>): Promise<void> {
    while (this.nodes.length < 2) {
      const warnings: string[] = [];
      const log = { warn: (_: object, message: string) => void warnings.push(message) };
      this.warnings.push(warnings);
      const { adapter } = this.#stack.use(await openControlAdapter({ urls, prefix: this.prefix, log }));
      const store = lent(this.store);
      this.nodes.push(this.#stack.use(await startApp({ operatorKey, ...parts, store, adapter })));
    }
  }

  /** Where nodes tell each other. */
  get channel(): string {
    return `${this.prefix}:nodes#/#`;
  }

  /** Address of a node. */
  url(node: 0 | 1): string {
    return this.nodes[node]?.url ?? '';
  }

  /** Resolves once so many nodes hear what is said to all. */
  async together(nodes = 2): Promise<void> {
    const look = async (): Promise<void> => {
      for (;;) {
        const answers = await this.#command('PUBSUB', 'SHARDNUMSUB', this.channel);
        if (answers.some((answer) => answer.endsWith(`\n${nodes}`))) return;
      }
    };
    await deadline(look(), `${nodes} nodes that hear each other`, 60_000);
  }

  /** A socket on a node, which follows the session if one is named. */
  async socket(node: 0 | 1, sessionId?: string): Promise<SocketClient> {
    const client = this.#stack.use(await connect(this.url(node)));
    if (sessionId === undefined) return client;
    const isMade = (await client.call('session:create', { session_id: sessionId })).ok;
    if (!isMade) await client.must('session:join', { session_id: sessionId });
    return client;
  }

  async stream(node: 0 | 1, sessionId: string): Promise<EventReader> {
    return this.#stack.use(await openEvents(this.url(node), pathOf(sessionId, '/events')));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
