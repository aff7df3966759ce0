// What is removed is still in the append-only file of Redis until that is written anew.
import type { Master, RedisLink } from './redis-link.ts';
import { textOf } from './redis-reply.ts';

/** A file is written anew at most this often, whatever is removed and by whichever node. */
const REWRITE_MS = 600_000;
/** How often a node looks whether it is time. */
const LOOK_MS = 60_000;

export class RedisErasure implements Disposable {
  readonly #link: RedisLink;
  readonly #log: { warn(facts: object, message: string): void };
  readonly #wanted: string;
  readonly #claim: string;
  readonly #timer: NodeJS.Timeout;
  #hasWarned = false;

  constructor(link: RedisLink, log: { warn(facts: object, message: string): void }) {
    this.#link = link;
    this.#log = log;
    this.#wanted = `${link.prefix}:{rewrite}`;
    this.#claim = `${link.prefix}:{rewrite}:at`;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  /** Something was removed. @throws STORE_UNAVAILABLE it is not known to the nodes that look for it */
  async want(): Promise<void> {
    await this.#link.send(this.#wanted, 'SET', this.#wanted, '1');
    void this.#look();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** Never rejects: where it fails, the next look does it. */
  async #look(): Promise<void> {
    try {
      if ((await this.#link.send(this.#wanted, 'EXISTS', this.#wanted)) !== 1) return;
      const claim = ['SET', this.#claim, '1', 'NX', 'PX', String(REWRITE_MS)];
      if ((await this.#link.send(this.#claim, ...claim)) === null) return;
      // whoever removes something from now on wants the next one
      await this.#link.send(this.#wanted, 'DEL', this.#wanted);
      const done = await Promise.all(this.#link.masters().map((master) => this.#rewrite(master)));
      if (done.includes(false)) await this.#link.send(this.#wanted, 'SET', this.#wanted, '1');
    } catch {
      // Redis is away, and says so itself
    }
  }

  /** False when it has to be asked again. */
  async #rewrite(master: Master): Promise<boolean> {
    try {
      const info = textOf(await master.send('INFO', 'persistence'));
      if (!info.includes('aof_enabled:1')) return true;
      // one that is under way began before
      if (info.includes('aof_rewrite_in_progress:1')) return false;
      await master.send('BGREWRITEAOF');
      return true;
    } catch (error) {
      if (!this.#hasWarned) {
        this.#log.warn(
          { err: error },
          'Redis did not write its append-only file anew: what was removed stays in it until it does so by itself',
        );
      }
      this.#hasWarned = true;
      return false;
    }
  }
}
