import { once } from 'node:events';
import type { Phase } from '../contract/types.ts';
import type { TakeoverCause } from '../meter.ts';
import type { Ticket } from '../store/slots.ts';
import type { SessionLife, SessionRecord, Store, TurnView } from '../store/store.ts';
import { Turn } from './turn.ts';
import type { TurnParts } from './turn.ts';

/** Orphaned turns taken at a time: the next ones may be for another node. */
const TAKE_LIMIT = 16;
/** How often every node looks for them; half of it at random, so that nodes do not look at the same moment. */
const SCAN_MS = 250;
/** A lease is renewed so many times before it runs out. */
const RENEWALS = 4;

/**
 * The turns this process runs: begins them, keeps their leases, takes over what nobody runs any more. [P-8]
 */
export class Turns implements AsyncDisposable {
  readonly #parts: TurnParts;
  readonly #store: Store;
  readonly #node: string;
  readonly #live = new Map<string, Turn>();
  #timer: NodeJS.Timeout | undefined;
  #tending: Promise<void> | undefined;
  #renewedAt = performance.now();
  #isStoreAway = false;
  /** Since the start: turns taken from others, and given up. */
  readonly taken: Record<TakeoverCause, number> = { released: 0, expired: 0 };
  handedOver = 0;
  #closing = false;
  #closed = false;

  constructor(parts: TurnParts, node: string) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#node = node;
  }

  /** Takes over what is left unfinished, and from then on looks for it. */
  async start(): Promise<number> {
    const taken = await this.takeOver();
    this.#tendSoon();
    return taken;
  }

  /** Turns running or waiting here now. */
  get size(): number {
    return this.#live.size;
  }

  /** Each of them, without what is said in it. */
  look(): { epoch: string; n: number; phase: Phase; position: number | null; sinceAt: number }[] {
    return [...this.#live.values()].map(({ lease: { epoch }, n, doing }) => ({ epoch, n, ...doing }));
  }

  /** How many wait here for a slot of the model, and how many run. */
  count(): { queued: number; running: number } {
    let queued = 0;
    for (const { doing } of this.#live.values())
      if (doing.phase === 'queued' && doing.position !== null) queued += 1;
    return { queued, running: this.#live.size - queued };
  }

  /** Once closed, the turn is left to the next owner. `place` is given back when the turn ends. */
  begin(
    session: SessionRecord,
    view: TurnView,
    ticket: Ticket | null,
    { place = null, takenOver = null }: { place?: Disposable | null; takenOver?: TakeoverCause | null } = {},
  ): void {
    if (this.#closed) {
      ticket?.release();
      place?.[Symbol.dispose]();
      return;
    }
    this.abort(view.turn.turnId); // an earlier owner here, if it was us
    const turn = new Turn(this.#parts, session, view, ticket, takenOver);
    this.#live.set(turn.lease.turnId, turn);
    const watching = this.#store.watchTurn(turn.lease, () => turn.abort());
    void turn.ended.finally(() => {
      watching[Symbol.dispose]();
      place?.[Symbol.dispose]();
      if (this.#live.get(turn.lease.turnId) === turn) this.#live.delete(turn.lease.turnId);
    });
  }

  /** Stops a turn that the store has ended; nothing happens if it does not run here. */
  abort(turnId: string): void {
    this.#live.get(turnId)?.abort();
  }

  abortSession(life: SessionLife): void {
    for (const turn of this.#live.values()) {
      const { tenant, sessionId, epoch } = turn.lease;
      if (tenant === life.tenant && sessionId === life.sessionId && epoch === life.epoch) turn.abort();
    }
  }

  /** Goes on with every turn whose owner is gone; a node whose model is away leaves them to the others for two leases more. */
  async takeOver(): Promise<number> {
    const { leaseMs, speakers } = this.#parts;
    const overdueMs = speakers.model.hosts().length > 0 ? 0 : 2 * leaseMs;
    for (let total = 0; ;) {
      const taken = await this.#store.takeOver(this.#node, leaseMs, TAKE_LIMIT, overdueMs);
      for (const { session, view, why: takenOver } of taken) {
        const { turnId, generation } = view.turn;
        this.#parts.log.info({ turnId, generation }, 'turn taken over');
        this.taken[takenOver] += 1;
        this.begin(session, view, null, { takenOver });
      }
      total += taken.length;
      if (taken.length < TAKE_LIMIT) return total;
    }
  }

  #tendSoon(): void {
    if (this.#closed) return;
    const periodMs = Math.min(SCAN_MS, this.#parts.leaseMs / RENEWALS);
    this.#timer = setTimeout(
      () => {
        this.#tending = this.#renewAndTake().finally(() => {
          this.#tending = undefined;
          this.#tendSoon();
        });
      },
      periodMs * (0.5 + Math.random()),
    );
    this.#timer.unref();
  }

  /** Own leases first, so that a stalled process does not take its own turns. */
  async #renewAndTake(): Promise<void> {
    try {
      const now = performance.now();
      if (now - this.#renewedAt >= this.#parts.leaseMs / RENEWALS) {
        await this.#renew();
        this.#renewedAt = now;
      }
      this.#isStoreAway = false;
    } catch (error) {
      this.#tellAway(error);
    }
    try {
      const taken = this.#closing ? 0 : await this.takeOver();
      if (taken > 0) this.#parts.log.info({ taken }, 'turns taken over');
    } catch (error) {
      this.#tellAway(error);
    }
  }

  /** Once: it goes on until the store is back. */
  #tellAway(error: unknown): void {
    if (!this.#isStoreAway) this.#parts.log.warn({ err: error }, 'leases not renewed');
    this.#isStoreAway = true;
  }

  async #renew(): Promise<void> {
    const leases = [...this.#live.values()].map((turn) => turn.lease);
    if (leases.length === 0) return;
    const lost = await this.#store.renew(leases, this.#parts.leaseMs);
    for (const lease of lost) this.#abortLost(lease.turnId, lease.generation);
  }

  #abortLost(turnId: string, generation: number): void {
    const turn = this.#live.get(turnId);
    if (turn?.lease.generation !== generation) return;
    this.#parts.log.info({ turnId, generation }, 'turn lost');
    turn.abort();
  }

  /**
   * Lets running turns finish for `ms`; those left keep their words and give their lease back, so that the next owner
   * goes on with them at once.
   */
  async drain(ms: number): Promise<void> {
    this.#closing = true;
    const over = new AbortController();
    const isOver = once(over.signal, 'abort');
    const timer = setTimeout(() => over.abort(), ms);
    // a risk is still taken meanwhile, and answered [P-12]
    while (this.#live.size > 0 && !over.signal.aborted) {
      await Promise.race([Promise.all([...this.#live.values()].map((turn) => turn.ended)), isOver]);
    }
    clearTimeout(timer);
    await this.#tending;
    const left = [...this.#live.values()];
    for (const turn of left) {
      turn.abort();
      this.#parts.meter.handedOver();
      this.handedOver += 1;
    }
    await Promise.all(left.map((turn) => turn.ended));
    await this.#store.release(left.map((turn) => turn.lease)).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
