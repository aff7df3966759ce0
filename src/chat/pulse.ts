import type { SessionLife, TurnRecord } from '../store/store.ts';
import { Frame } from './frame.ts';

/** `turn:status` comes again after this long without words: every 10 s at the latest, recheck included. */
const STATUS_MS = 9_000;

/** What a follower last heard of the live turn: `turn:queued` and `turn:status` are read from the stored turn. */
export class Pulse {
  #turnId = '';
  #phase = '';
  #position: number | null = null;
  #at = Number.NEGATIVE_INFINITY;

  /** `now` is the store's clock; the interval is measured with one that never goes back. */
  next(life: SessionLife, live: TurnRecord | null, heard: boolean, now: number): Frame[] {
    if (!live) return [];
    const frames: Frame[] = [];
    const ids = { session_id: life.sessionId, turn_id: live.turnId };
    const isNew = live.turnId !== this.#turnId;
    if (live.position !== null && (isNew || live.position !== this.#position)) {
      frames.push(new Frame('turn:queued', { ...ids, position: live.position }));
    }
    const at = performance.now();
    if (heard) this.#at = at;
    if (isNew || live.phase !== this.#phase || at - this.#at >= STATUS_MS) {
      const since_ms = Math.max(0, now - live.phaseAt);
      frames.push(new Frame('turn:status', { ...ids, phase: live.phase, since_ms }));
      this.#at = at;
    }
    this.#turnId = live.turnId;
    this.#phase = live.phase;
    this.#position = live.position;
    return frames;
  }
}
