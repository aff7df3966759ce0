// The master keys that all nodes on this Redis use. What no node wraps by any more is wrapped anew in the background, and forgotten.
import type { Log } from '../log.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { Master, RedisLink } from './redis-link.ts';
import type { RedisScan } from './redis-scan.ts';
import { nameOf } from './redis-keys.ts';
import { loadScript } from './redis-link.ts';
import { OWN_PLAIN, rewrapMessages } from './redis-messages.ts';
import { textOf, textsOf } from './redis-reply.ts';
import { RedisReseal } from './redis-reseal.ts';
import { steps } from './redis-steps.ts';
import { masterOf } from './vault.ts';

const script = loadScript('vault', 'time');
/** Stands for no key where ids of master keys stand. */
const PLAIN = 'plain';
/** How often a node says by which key it wraps, and how long after the last time nobody is expected to wrap by it. */
const BEAT_MS = 30_000;
const IDLE_MS = 120_000;
/** After a look at all sessions that left something to do, none is begun for so many times as long as it took. */
const REST = 10;

/** What a look at all sessions found. */
interface Pass {
  changed: number;
  /** Left for later: a turn lives there. */
  left: number;
  failed: number;
}

export class RedisVault implements Disposable {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;
  readonly #scan: RedisScan;
  readonly #reseal: RedisReseal;
  readonly #log: Pick<Log, 'info' | 'warn'>;
  readonly #name: string;
  /** Called when nothing is wrapped by an older key any more. */
  readonly #onThrough: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isSweeping = false;
  #hasWarned = false;
  /** Sessions that could not be seen to when it was said last. */
  #failed = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(
    link: RedisLink,
    index: RedisIndex,
    keys: RedisKeys,
    scan: RedisScan,
    log: Pick<Log, 'info' | 'warn'>,
    onThrough: () => void,
  ) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
    this.#scan = scan;
    this.#reseal = new RedisReseal(link, keys);
    this.#log = log;
    this.#name = `${link.prefix}:{vault}`;
    this.#onThrough = onThrough;
  }

  /** Before anything else is done. @throws Error of one line: a master key in use is not here; nothing was written */
  async join(): Promise<void> {
    const missing = await this.#say('join');
    if (missing.length === 0) return;
    if (this.#keys.vault.masters.length > 0) {
      throw new Error(
        `Conversations in Redis are encrypted by the master key ${missing.join(' and ')}, which is not in ENCRYPTION_KEY_FILE: add its line to that file.`,
      );
    }
    throw new Error(
      'Conversations in Redis are encrypted: set ENCRYPTION_KEY_FILE to the key file they were stored with.',
    );
  }

  /** Tells the other nodes from now on, and sees to what is wrapped by keys that no node wraps by. */
  start(): void {
    const beat = () => void this.#tick().catch(() => undefined);
    this.#timer = setInterval(beat, BEAT_MS * (0.75 + Math.random() / 4));
    this.#timer.unref();
    beat();
  }

  /** What is done at every beat; resolves when nothing more can be done now. @throws STORE_UNAVAILABLE */
  async beat(): Promise<void> {
    const missing = await this.#say('use');
    if (missing.length > 0 && !this.#hasWarned) {
      this.#hasWarned = true;
      this.#log.warn(
        {},
        'other nodes encrypt by a master key that is not here: their sessions cannot be used here',
      );
    }
    if (this.#keys.vault.masters.length === 0 || this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      await this.#sweep();
    } finally {
      this.#isSweeping = false;
    }
  }

  async #tick(): Promise<void> {
    const begun = performance.now();
    if (begun < this.#restsUntil) return void (await this.#say('use'));
    await this.beat();
    const now = performance.now();
    this.#restsUntil = now + REST * (now - begun);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #say(verb: 'join' | 'use'): Promise<string[]> {
    const { masters } = this.#keys.vault;
    return this.#ask(verb, ...(masters.length === 0 ? [PLAIN] : masters));
  }

  async #ask(verb: string, ...args: (string | number)[]): Promise<string[]> {
    return textsOf(await this.#link.run(script, this.#name, [verb, ...args]));
  }

  /** A key is forgotten after a look at all sessions that found nothing to do: none is wrapped by it then, and nobody begins to. */
  async #sweep(): Promise<void> {
    const seen = await this.#ask('idle', IDLE_MS);
    const idle = seen.flatMap((id, at): [string, string][] =>
      at % 2 === 0 ? [[id, seen[at + 1] ?? '']] : [],
    );
    const over = idle.filter(([id]) => id !== this.#keys.vault.masters[0]);
    if (over.length === 0) return;
    const ids = new Set(over.map(([id]) => id));
    let pass = await this.#pass(ids);
    while (pass.changed > 0 && pass.left === 0 && pass.failed === 0) pass = await this.#pass(ids);
    if (pass.failed > this.#failed) {
      this.#log.warn(
        { sessions: pass.failed },
        'sessions could not be encrypted by the first master key; tried again later',
      );
    }
    this.#failed = pass.failed;
    if (pass.left > 0 || pass.failed > 0 || this.#isClosed) return;
    for (const [id, when] of over) {
      if ((await this.#link.run(script, this.#name, ['forget', id, when])) !== 1) continue;
      if (id === PLAIN) this.#log.info({}, 'all conversations in Redis are encrypted');
      else
        this.#log.info(
          { key: id },
          'no conversation needs this master key any more: it may be taken out of the key file',
        );
      this.#onThrough();
    }
  }

  /** Sees to all sessions that are wrapped by one of these. */
  async #pass(ids: ReadonlySet<string>): Promise<Pass> {
    const pass = { changed: 0, left: 0, failed: 0 };
    for (const master of this.#link.masters()) {
      await this.#passOf(master, ids, pass);
      await this.#messagesOf(master, ids, pass);
    }
    return pass;
  }

  /** What is told of sessions that are gone has keys of its own. */
  async #messagesOf(master: Master, ids: ReadonlySet<string>, pass: Pass): Promise<void> {
    for (let cursor: string | undefined; ;) {
      const { sessions, next } = await this.#scan.page(master, cursor, 'm');
      for (const session of sessions) {
        if (this.#isClosed) return;
        pass.changed += await rewrapMessages(this.#link, this.#keys, this.#index.baseOf(session), (own) =>
          ids.has(own === OWN_PLAIN ? PLAIN : masterOf(own)),
        );
      }
      if (next === null) return;
      cursor = next;
    }
  }

  async #passOf(master: Master, ids: ReadonlySet<string>, pass: Pass): Promise<void> {
    for (let cursor: string | undefined; ;) {
      const { sessions, next } = await this.#scan.page(master, cursor);
      const bases = sessions.map((session) => this.#index.baseOf(session));
      const wrapped = await Promise.all(bases.map((base) => this.#link.send(base, 'HGET', `${base}:s`, 'k')));
      for (const [at, base] of bases.entries()) {
        const key = wrapped[at] ?? null;
        if (this.#isClosed) return;
        if (ids.has(key === null ? PLAIN : masterOf(textOf(key)))) {
          pass[await this.#see(base, key === null ? '' : textOf(key))] += 1;
        }
      }
      if (next === null) return;
      cursor = next;
    }
  }

  async #see(base: string, wrapped: string): Promise<keyof Pass> {
    try {
      if (wrapped !== '') return await this.#rewrap(base, wrapped);
      return (await this.#reseal.reseal(base)) === 'later' ? 'left' : 'changed';
    } catch {
      return 'failed';
    }
  }

  async #rewrap(base: string, wrapped: string): Promise<keyof Pass> {
    const anew = this.#keys.vault.rewrap(nameOf(base), wrapped);
    if (anew !== undefined) await this.#link.run(steps.rewrap, base, [wrapped, anew]);
    return 'changed';
  }
}
