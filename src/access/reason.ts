// Why a token does not count. Goes to the log and never to whoever handed it in: nobody learns how near a guess was.
import type { Log } from '../log.ts';

export type Reason =
  | 'nothing was handed in'
  | 'too long'
  | 'malformed'
  | 'unknown'
  | 'revoked'
  | 'expired'
  | 'not valid yet'
  | 'made for too long a time'
  | 'an algorithm that is not allowed'
  | 'a header that is not allowed'
  | 'no such key'
  | 'a wrong signature'
  | 'another issuer'
  | 'another audience'
  | 'wrong claims';

const WINDOW_MS = 60_000;
/** Lines about one reason in that time; a flood of bad tokens is counted instead. */
const LINES = 10;

interface Window {
  beganAt: number;
  count: number;
}

/** Writes refusals to the log, at most ten lines a minute for each reason, and how many there were besides. */
export class RefusalLog {
  readonly #log: Pick<Log, 'info'>;
  readonly #now: () => number;
  readonly #windows = new Map<Reason, Window>();

  constructor(log: Pick<Log, 'info'>, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  report(reason: Reason): void {
    const window = this.#windowOf(reason);
    window.count += 1;
    if (window.count <= LINES) this.#log.info({ reason }, 'somebody was not let in');
  }

  #windowOf(reason: Reason): Window {
    const now = this.#now();
    const last = this.#windows.get(reason);
    if (last && Math.abs(now - last.beganAt) < WINDOW_MS) return last;
    const unlogged = last ? last.count - LINES : 0;
    if (unlogged > 0) this.#log.info({ reason, unlogged }, 'more were not let in than the log says');
    const window = { beganAt: now, count: 0 };
    this.#windows.set(reason, window);
    return window;
  }
}
