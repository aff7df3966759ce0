// Nodes on one Redis, as short as they can be: a session is what its people keep of it, and a link fails where a test says so.
import { hash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../src/errors.ts';
import { sessionKey } from '../../src/store/envelope.ts';
import type { AuditFact, NewAlert } from '../../src/store/escalation.ts';
import { alertArgs, RedisAlerts } from '../../src/store/redis-alerts.ts';
import type { alertChange, Expected } from '../../src/store/redis-alerts.ts';
import { RedisAudit } from '../../src/store/redis-audit.ts';
import type { FactArg, Outbox } from '../../src/store/redis-audit.ts';
import { RedisClients } from '../../src/store/redis-clients.ts';
import { RedisKeys } from '../../src/store/redis-keys.ts';
import type { RedisLink, Reply, Script } from '../../src/store/redis-link.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { plain, Vault } from '../../src/store/vault.ts';

const quiet = { info: () => {}, warn: () => {} };

/** A step on a session, as short as it can be. */
const step = scriptOf(`
  local a = cjson.decode(ARGV[1])
  redis.call('HSET', KEYS[1] .. ':s', 'epoch', 'epoch')
  if a.client then redis.call('HSET', KEYS[1] .. ':s', 'client', string.format('%016.0f:', micros()) .. a.client) end
  call_for(KEYS[1], a.alerts, now())
  if a.change then change_alert(KEYS[1], a.change.id, a.change, now()) end
  put_facts(KEYS[1], a.facts, now())
  return 1
`);

function scriptOf(text: string): Script {
  const shared = ['time', 'people'].map((name) =>
    readFileSync(join(import.meta.dirname, `../../src/store/lua/${name}.lua`), 'utf8'),
  );
  const whole = [...shared, text].join('\n');
  return { name: 'step', text: whole, sha: hash('sha1', whole) };
}

interface Said {
  alerts?: NewAlert[];
  change?: ReturnType<typeof alertChange>;
  facts?: FactArg[];
  client?: string;
}

export const sessionOf = (sessionId: string) => ({ tenant: 'tenant', sessionId });

/** One node: a link that fails where a test says so. */
export class Node {
  readonly link: RedisLink;
  readonly alerts: RedisAlerts;
  readonly audit: RedisAudit;
  readonly clients: RedisClients;
  readonly faults: unknown[] = [];
  /** Commands until one fails, and whether that one is carried out all the same. */
  #failsAfter = Infinity;
  #isHeard = false;
  #holds: { after: number; reached: () => void; gate: Promise<void> } | undefined;

  constructor(link: RedisLink) {
    this.link = new Proxy(link, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'run' && name !== 'send') return value;
        return (...args: unknown[]) =>
          this.#pass(() => Reflect.apply(value as () => Promise<Reply>, target, args));
      },
    });
    const onFault = (error: unknown) => void this.faults.push(error);
    const keys = new RedisKeys(this.link, new Vault([]));
    this.alerts = new RedisAlerts(this.link, keys, onFault);
    this.audit = new RedisAudit(this.link, onFault);
    this.clients = new RedisClients(this.link, keys);
  }

  base(sessionId: string): string {
    return `${this.link.prefix}:{${sessionKey(sessionOf(sessionId))}}`;
  }

  async step(sessionId: string, said: Said): Promise<void> {
    const alerts = alertArgs(said.alerts ?? [], sessionOf(sessionId), plain);
    await this.link.run(step, this.base(sessionId), [JSON.stringify({ facts: [], ...said, alerts })]);
  }

  async call(sessionId: string, alerts: NewAlert[]): Promise<Expected> {
    const expected = await this.alerts.before(sessionOf(sessionId), alerts);
    await this.step(sessionId, { alerts: expected.alerts });
    return expected;
  }

  /** A step with facts, which are not moved yet. */
  async leave(sessionId: string, facts: AuditFact[]): Promise<Outbox> {
    const outbox = await this.audit.before(this.base(sessionId), facts);
    await this.step(sessionId, { facts: outbox.facts });
    return outbox;
  }

  /** All that is known of the session is gone, but for its outbox. */
  async forget(sessionId: string): Promise<void> {
    const base = this.base(sessionId);
    await this.link.send(base, 'DEL', `${base}:s`, `${base}:a`);
  }

  /** The `count`-th command from now on fails, and all behind it. */
  failAfter(count: number, isHeard: boolean): void {
    this.#failsAfter = count;
    this.#isHeard = isHeard;
  }

  /** One command waits, after `count` others. */
  holdAfter(count: number): { reached: Promise<void>; release: () => void } {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    this.#holds = { after: count, reached: reached.resolve, gate: gate.promise };
    return { reached: reached.promise, release: gate.resolve };
  }

  async #pass(run: () => Promise<Reply>): Promise<Reply> {
    if (this.#holds && this.#holds.after-- === 0) {
      this.#holds.reached();
      await this.#holds.gate;
    }
    this.#failsAfter -= 1;
    if (this.#failsAfter >= 0) return run();
    if (this.#failsAfter === -1 && this.#isHeard) await run();
    throw new AppError('STORE_UNAVAILABLE');
  }
}

export interface PeopleBench extends AsyncDisposable {
  nodes: [Node, Node];
  advance(ms: number): void;
  /** Keys of the index of alerts, and of what is on its way to the audit. */
  keys(): Promise<string[]>;
}

/** Two nodes on one Redis, with keys and a clock of their own. */
export async function openPeople(
  urls: readonly string[],
  keysOf: (pattern: string) => Promise<string[]>,
): Promise<PeopleBench> {
  const stack = new AsyncDisposableStack();
  const prefix = randomUUID();
  let aheadMs = 0;
  const node = async () =>
    new Node(stack.use(await openRedis({ urls, prefix, aheadMs: () => aheadMs, log: quiet })));
  return {
    nodes: [await node(), await node()],
    advance: (ms) => void (aheadMs += ms),
    keys: async () => (await keysOf(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Who the facts are about. */
export function refsOf(audit: readonly { body: string }[]): string[] {
  return audit.map(({ body }) => String(JSON.parse(body).ref));
}
