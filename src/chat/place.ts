import { isUsable, ModelError } from '../model/model.ts';
import type { Model, ModelFault } from '../model/model.ts';
import type { Slots, Ticket } from '../store/slots.ts';
import { insist } from './reply.ts';

/** Faults after which another host is asked; after any other one only where this one may not be asked again now. */
const ELSEWHERE: readonly ModelFault[] = ['unreachable', 'missing', 'busy'];

/** Why a model cannot be asked at all. */
function absence(model: Model): ModelError | undefined {
  const state = model.state();
  if (isUsable(state)) return undefined;
  if (state.phase === 'unavailable') return new ModelError('unreachable', state.reason);
  return new ModelError('missing', 'it is being fetched');
}

/** What one turn has of the slots of its model: nothing, a place in the queue, or a slot on a host. */
export class Place {
  readonly #slots: Slots;
  readonly #client: string;
  readonly #onPosition: (position: number | null) => void;
  #ticket: Ticket | null;
  /** Whether it had a slot: what it waited for once is not waited for again. */
  #hadSlot = false;
  /** Hosts that failed it, and that it does not go back to before all others did. */
  readonly #failed = new Set<string>();

  constructor(
    slots: Slots,
    client: string,
    ticket: Ticket | null,
    onPosition: (position: number | null) => void,
  ) {
    this.#slots = slots;
    this.#client = client;
    this.#ticket = ticket;
    this.#onPosition = onPosition;
  }

  /** Where the slot is. */
  get host(): string {
    return this.#ticket?.host ?? '';
  }

  /**
   * Resolves with a slot at hand, or with none for a model that needs none. The place is kept when the model goes away meanwhile.
   * @throws ModelError it cannot be asked at all · STORE_UNAVAILABLE · the reason of `signal`
   */
  async take(model: Model, wordsShown: boolean, signal: AbortSignal): Promise<void> {
    if (!model.needsSlot) return this.leave();
    const ticket = this.#ticket ?? (await this.#reserve(model, wordsShown, signal));
    this.#ticket = ticket;
    if (ticket.position === null) return;
    signal.throwIfAborted();
    const gone = absence(model);
    if (gone) throw gone;
    ticket.onPosition = this.#onPosition;
    this.#onPosition(ticket.position);
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    using _watching = model.watch(() => {
      const reason = absence(model);
      if (reason) reject(reason);
    });
    try {
      await Promise.race([ticket.granted, promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      ticket.onPosition = () => {};
    }
  }

  async #reserve(model: Model, wordsShown: boolean, signal: AbortSignal): Promise<Ticket> {
    const hosts = () => {
      const names = model.hosts();
      const others = names.filter((name) => !this.#failed.has(name));
      return others.length > 0 ? others : names;
    };
    const request = { client: this.#client, hosts, always: true, first: wordsShown || this.#hadSlot };
    const ticket = await insist(() => this.#slots.reserve(request), signal);
    if (!signal.aborted) return ticket;
    ticket.release();
    throw signal.reason;
  }

  /** After a fault of its host: gives the slot back where another one may be asked now, so that the next slot is there. */
  moves(model: Model, fault: ModelFault): boolean {
    const host = this.#ticket?.host ?? null;
    if (host === null || fault === 'refused') return false;
    const names = model.hosts();
    const isLost = ELSEWHERE.includes(fault) || !names.includes(host);
    const isElsewhere = names.some((name) => name !== host && !this.#failed.has(name));
    if (!isLost || !isElsewhere) {
      this.#failed.clear();
      return false;
    }
    this.#failed.add(host);
    this.#hadSlot = true;
    this.leave();
    return true;
  }

  /** Gives back what there is. */
  leave(): void {
    this.#ticket?.release();
    this.#ticket = null;
  }
}
