// What this process does, as counts: none of them depends on how fast the machine is. All is wrapped from outside, so that what
// is counted is what is shipped.
import { createHook } from 'node:async_hooks';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import timers from 'node:timers/promises';
import { z } from 'zod';
import { CommandCounter, total } from '../../bench/nodes/count.ts';
import type { Store } from '../../src/store/store.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { countNames } from './token-table.ts';
import type { CountName } from './token-table.ts';

export type Counts = ReadonlyMap<CountName, number>;

/** No timer of this length or longer rings while the clock stands still. */
const LONG_MS = 100;
const NEVER_MS = 2 ** 30;

type Told = (self: unknown, args: unknown[]) => void;

/** Calls `told` before each call of a method; it may change the arguments. */
function onCall(owner: object, name: string, told: Told): void {
  const real: unknown = Reflect.get(owner, name);
  if (typeof real !== 'function') throw new TypeError(`There is no method ${name}`);
  const value = function (this: unknown, ...args: unknown[]): unknown {
    told(this, args);
    return Reflect.apply(real, this, args);
  };
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

/**
 * From here on no time passes: `performance.now` stands still, what is to happen in 100 ms or later never does, and no connection
 * is quiet for too long. What is due sooner still comes, in real time.
 */
export function stopClock(): void {
  const at = performance.now();
  Object.defineProperty(performance, 'now', { value: () => at, configurable: true });
  for (const name of ['setTimeout', 'setInterval']) {
    onCall(globalThis, name, (_self, args) => {
      if (Number(args[1]) >= LONG_MS) args[1] = NEVER_MS;
    });
  }
  onCall(Socket.prototype, 'setTimeout', (_self, args) => {
    args[0] = 0;
  });
}

/** Counts from its making on; a process has one. */
export class Counters {
  readonly #counts = new Map<CountName, number>(countNames.map((name) => [name, 0]));
  readonly #served = new Set<number>();
  readonly #nodes: CommandTap[] = [];
  readonly #redisPort: number;
  #isOurs = false;
  /** Told of every step of a store. */
  onStep: (name: string) => void = () => {};

  constructor(redisPort: number) {
    this.#redisPort = redisPort;
    createHook({ init: (_id, type) => type === 'PROMISE' && this.add('promises') }).enable();
    this.#watchTimers();
    onCall(JSON, 'stringify', () => this.add('JSON.stringify'));
    onCall(JSON, 'parse', () => this.add('JSON.parse'));
    for (const name of ['from', 'alloc', 'allocUnsafe', 'concat']) {
      onCall(Buffer, name, () => this.add('buffers'));
    }
    for (const name of ['run', 'get', 'all', 'iterate']) {
      onCall(StatementSync.prototype, name, (self) => this.#stated(self));
    }
    onCall(DatabaseSync.prototype, 'exec', () => this.add('statements'));
    onCall(encoderOf(), 'encode', () => this.add('packets'));
    onCall(Socket.prototype, '_write', (self, [chunk]) => this.#wrote(self, () => [chunk]));
    onCall(Socket.prototype, '_writev', (self, [parts]) => this.#wrote(self, () => chunksOf(parts)));
  }

  add(name: CountName, by = 1): void {
    if (!this.#isOurs) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** Does what is not to be counted. */
  uncounted(act: () => void): void {
    const before = this.#isOurs;
    this.#isOurs = true;
    act();
    this.#isOurs = before;
  }

  /** Everything so far. */
  read(): Counts {
    const [one, two] = this.#nodes.slice(-2).map((node) => node.count);
    return new Map([...this.#counts, ['commands of node 1', one ?? 0], ['commands of node 2', two ?? 0]]);
  }

  /** Counts what is written to the clients of the server at this port. */
  serves(port: number): void {
    this.#served.add(port);
  }

  /** Connections to Redis that are opened from now on are of one more node. */
  nextNode(): void {
    this.#nodes.push(new CommandTap());
  }

  /** Counts the steps of a store. */
  steps(store: Store): Store {
    const count = (name: string) => {
      this.add('store steps');
      this.onStep(name);
    };
    return new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name !== 'watch') count(String(name));
          return Reflect.apply(value, target, args);
        };
      },
    });
  }

  /** Not those that Node makes for itself: they come with every second, and with the rubbish that is collected. */
  #watchTimers(): void {
    const owners = { setTimeout: globalThis, setInterval: globalThis, timeout: AbortSignal };
    for (const [name, owner] of Object.entries(owners)) onCall(owner, name, () => this.add('timers'));
    onCall(timers, 'setTimeout', () => this.add('timers'));
    // for those who have imported it by its name
    syncBuiltinESMExports();
    onCall(globalThis, 'setImmediate', () => this.add('immediates'));
  }

  #stated(statement: unknown): void {
    this.add('statements');
    if (statement instanceof StatementSync && statement.sourceSQL === 'COMMIT') this.add('commits');
  }

  #wrote(socket: unknown, chunks: () => unknown[]): void {
    if (!(socket instanceof Socket)) return;
    if (this.#served.has(socket.localPort ?? 0)) this.add('writes');
    if (socket.remotePort !== this.#redisPort) return;
    const node = this.#nodes.find((each) => each.has(socket)) ?? this.#nodes.at(-1);
    this.uncounted(() => {
      for (const chunk of chunks()) node?.take(socket, chunk);
    });
  }
}

const Parts = z.array(z.object({ chunk: z.unknown() }));

const chunksOf = (parts: unknown): unknown[] => Parts.parse(parts).map(({ chunk }) => chunk);

/** What one node says to Redis. */
class CommandTap {
  readonly #listeners: Parameters<TcpProxy['onBytes']>[0][] = [];
  readonly #numbers = new Map<Socket, number>();
  readonly #counter = new CommandCounter({
    bytes: { up: 0, down: 0 },
    onBytes: (listener) => {
      this.#listeners.push(listener);
      return { [Symbol.dispose]: () => {} };
    },
  });

  get count(): number {
    return total(this.#counter.tally);
  }

  has(socket: Socket): boolean {
    return this.#numbers.has(socket);
  }

  take(socket: Socket, chunk: unknown): void {
    const number = this.#numbers.get(socket) ?? this.#numbers.size;
    this.#numbers.set(socket, number);
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    for (const listener of this.#listeners) listener('up', bytes, number);
  }
}

/** What makes text of the packets of Socket.IO: of the very parser that the server has. */
function encoderOf(): object {
  const ofServer = createRequire(createRequire(import.meta.url).resolve('socket.io'));
  const parser: { Encoder: { prototype: object } } = ofServer('socket.io-parser');
  return parser.Encoder.prototype;
}
