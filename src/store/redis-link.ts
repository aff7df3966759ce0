// The way to Redis: one connection for commands and one for wake-ups, to one server or to a Cluster of them.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorReply } from 'redis';
import { AppError } from '../errors.ts';
import type { RedisWakes } from './redis-wakes.ts';

/** What a command answers: text, a number, nothing, or a list of such. */
export type Reply = string | number | null | readonly Reply[];

/** A script, which Redis keeps under the hash of its text. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

export interface LinkOptions {
  /** What every key and channel begins with. */
  prefix: string;
  /** For tests: how far the clock of the store is ahead of that of Redis, in ms. */
  aheadMs?: () => number;
}

/** A command without an answer for so long has failed, whatever becomes of it. */
const COMMAND_MS = 2_000;
/** For so long after that nothing is sent: a connection without an answer is given up only when nothing is written to it either. */
const QUIET_MS = 5_000;
const RETRY_AFTER_MS = 1_000;
/** Refusals that say something about the state of Redis, and nothing about the command. */
const PASSING =
  /^(ASK|BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH|NOPERM|NOREPLICAS|OOM|READONLY|TRYAGAIN|UNKILLABLE|WRONGPASS)\b/;

/** One of the servers over which the keys are spread. */
export interface Master {
  /** The same for as long as it is that server. */
  readonly id: string;
  readonly send: (...command: string[]) => Promise<Reply>;
}

/** What is used of a client, of one server or of a Cluster. */
export interface Commands {
  send(key: string, command: string[]): Promise<Reply>;
  masters(): Master[];
  destroy(): void;
}

const unavailable = (cause: unknown): AppError =>
  new AppError('STORE_UNAVAILABLE', { cause, retryAfterMs: RETRY_AFTER_MS });

const lua = (name: string): string => readFileSync(join(import.meta.dirname, 'lua', `${name}.lua`), 'utf8');

const silent = (): AppError => unavailable(new Error('Redis does not answer'));

/** A script of `lua/`, behind what it shares with others. */
export function loadScript(name: string, ...shared: string[]): Script {
  const text = [...shared, name].map(lua).join('\n');
  return { name, text, sha: hash('sha1', text) };
}

/** Whether Redis answered that the command itself is wrong: a bug of ours. */
function isBug(error: unknown): boolean {
  return error instanceof ErrorReply && !PASSING.test(error.message);
}

/**
 * Commands and wake-ups. Every key that a script touches is made from its first one, so that all lie in one slot of a Cluster.
 */
export class RedisLink implements AsyncDisposable {
  readonly prefix: string;
  readonly wakes: RedisWakes;
  readonly #commands: Commands;
  readonly #aheadMs: () => number;
  #isClosed = false;
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions, commands: Commands, wakes: RedisWakes) {
    this.prefix = options.prefix;
    this.#aheadMs = options.aheadMs ?? (() => 0);
    this.#commands = commands;
    this.wakes = wakes;
  }

  /**
   * Runs a script on the keys that begin with `key`.
   * @throws STORE_UNAVAILABLE it may have been run all the same
   */
  async run(script: Script, key: string, args: readonly (string | number)[]): Promise<Reply> {
    // while a slot of a Cluster moves, a script that names one key runs where that is not, and finds nothing: with two it is put off
    const rest = ['2', key, `${key}:~`, ...args.map(String), String(this.#aheadMs())];
    try {
      return await this.#send(key, ['EVALSHA', script.sha, ...rest]);
    } catch (error) {
      if (!(error instanceof ErrorReply && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#send(key, ['EVAL', script.text, ...rest]);
    }
  }

  /** One command, of which `key` is the key. @throws STORE_UNAVAILABLE */
  send(key: string, ...command: string[]): Promise<Reply> {
    return this.#send(key, command);
  }

  /** All servers that have keys now, in the order of their ids. Their commands settle as those above. */
  masters(): Master[] {
    const masters = this.#commands.masters().map(({ id, send }): Master => ({
      id,
      send: (...command) => this.#settle(() => send(...command)),
    }));
    return masters.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #send(key: string, command: string[]): Promise<Reply> {
    return this.#settle(() => this.#commands.send(key, command));
  }

  /** Settles after the time for a command at the latest. */
  #settle(send: () => Promise<Reply>): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(unavailable(new Error('The store is closed')));
    if (performance.now() < this.#quietUntil) return Promise.reject(silent());
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.#quietUntil = performance.now() + QUIET_MS;
      reject(silent());
    }, COMMAND_MS);
    const fail = (error: unknown) => reject(isBug(error) ? error : unavailable(error));
    send()
      .then(resolve, fail)
      .finally(() => {
        clearTimeout(late);
        // it was answered after all, or its connection is closed
        if (isLate) this.#quietUntil = Number.NEGATIVE_INFINITY;
      });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.wakes[Symbol.asyncDispose]();
    this.#commands.destroy();
  }
}
