// Brings messages to their receivers, each session's in the order they came, however long it takes. Of several nodes one sees to a
// message at a time. Replies never wait for it, nor does one receiver for another.
import { WebhookBody } from '../contract/webhooks.ts';
import type { WebhookType } from '../contract/webhooks.ts';
import type { Log } from '../log.ts';
import type { MessageRecord, OutboxStore } from '../store/outbox.ts';
import type { Receiver } from './outbox-receivers.ts';
import { GIVE_UP_MS, retryAfterMs } from './retry.ts';

export type Outcome = 'sent' | 'retried' | 'given_up';

export interface DeliveriesParts {
  store: { outbox: OutboxStore };
  /** The receivers of now. */
  receivers: () => readonly Receiver[];
  /** ms since 1970, by the clock of the store. */
  now: () => number;
  log: Pick<Log, 'warn' | 'error'>;
  /** Told of every try, and of what is dropped before one. `type` is null where that is not known. */
  onOutcome?: (type: WebhookType | null, outcome: Outcome) => void;
  /** Messages that may wait for one receiver: of more, the oldest are given up. */
  waitingMax?: number;
}

const TICK_MS = 1_000;
/** At one receiver. */
const AT_ONCE = 8;
/** How long a message is left to whoever sees to it: longer than a delivery and what is written about it take. */
const CLAIM_MS = 15_000;
const WAITING_MAX = 10_000;
const TIDY_MS = 10_000;
/** How long the messages of a receiver that is in no file are kept: other nodes may know it already. */
const STRAY_MS = 60_000;
const DAMAGED = 'it is damaged';
const AWAY = 'a webhook was not delivered; whatever waits for this receiver is tried again for a day';

interface Run {
  work: Promise<void>;
  isAgain: boolean;
}

export class Deliveries implements AsyncDisposable {
  readonly #parts: DeliveriesParts;
  readonly #runs = new Map<string, Run>();
  /** What a receiver has, and the store does not know of yet. */
  readonly #posted = new Set<string>();
  /** Receivers in no file, and since when. */
  readonly #strays = new Map<string, number>();
  /** Receivers that took nothing lately. */
  readonly #away = new Set<string>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #tidying: Promise<void> = Promise.resolve();
  #tidiedAt = Number.NEGATIVE_INFINITY;
  #isStoreAway = false;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
  }

  /** Goes on with what an earlier process left. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
    this.#tick();
  }

  /** There may be something to deliver. Returns at once. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    for (const { id } of this.#parts.receivers()) {
      const run = this.#runs.get(id);
      if (run) run.isAgain = true;
      else this.#begin(id);
    }
  }

  #begin(id: string): void {
    const run: Run = { work: Promise.resolve(), isAgain: true };
    this.#runs.set(id, run);
    run.work = this.#run(id, run);
  }

  #tick(): void {
    this.wake();
    const now = this.#parts.now();
    if (now - this.#tidiedAt < TIDY_MS) return;
    this.#tidiedAt = now;
    this.#tidying = this.#tidying.then(() => this.#guarded(() => this.tidy()));
  }

  async #run(id: string, run: Run): Promise<void> {
    while (run.isAgain && !this.#closing.signal.aborted) {
      run.isAgain = false;
      await this.#guarded(() => this.#deliver(id));
    }
    // at once: whoever wakes it from now on begins it anew
    this.#runs.delete(id);
  }

  /** Until nothing is due that other nodes do not see to. */
  async #deliver(id: string): Promise<void> {
    const { store, receivers } = this.#parts;
    while (!this.#closing.signal.aborted) {
      const receiver = receivers().find((one) => one.id === id);
      const due = receiver ? await store.outbox.dueMessages(id, AT_ONCE) : [];
      if (!receiver || due.length === 0) return;
      const taken = await Promise.all(due.map((message) => this.#send(receiver, message)));
      if (!taken.includes(true)) return;
    }
  }

  /** False when another node sees to it, or has done so. */
  async #send(receiver: Receiver, message: MessageRecord): Promise<boolean> {
    const { outbox } = this.#parts.store;
    if (!(await outbox.claimMessage(message, CLAIM_MS))) return false;
    const { messageId, body } = message;
    const failure = body === null ? DAMAGED : await this.#post(receiver, messageId, body);
    if (failure === null) {
      await outbox.settleMessage(message, 'gone');
      this.#posted.delete(messageId);
      this.#away.delete(receiver.id);
      this.#tell(body, 'sent');
    } else if (this.#closing.signal.aborted) await outbox.settleMessage(message, 'free');
    else await this.#putOff(receiver, message, failure);
    return true;
  }

  /** Why the receiver has not taken it; null when it has, now or before the store failed. */
  async #post({ webhook }: Receiver, messageId: string, body: string): Promise<string | null> {
    try {
      if (!this.#posted.has(messageId)) await webhook.send(messageId, body, this.#closing.signal);
      this.#posted.add(messageId);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : 'unknown';
    }
  }

  async #putOff(receiver: Receiver, message: MessageRecord, reason: string): Promise<void> {
    const { store, now, log } = this.#parts;
    const { messageId, tries, at } = message;
    if (message.body === null || now() - at >= GIVE_UP_MS) return this.#giveUp(receiver, message, reason);
    // said once: a receiver that is away for a day is no news every minute
    const { name } = receiver.entry;
    if (!this.#away.has(receiver.id)) log.warn({ receiver: name, messageId, reason }, AWAY);
    this.#away.add(receiver.id);
    await store.outbox.settleMessage(message, { nextAt: now() + retryAfterMs(tries, Math.random()) });
    this.#tell(message.body, 'retried');
  }

  async #giveUp({ entry }: Receiver, message: MessageRecord, reason: string): Promise<void> {
    const { messageId, tries, body } = message;
    await this.#parts.store.outbox.settleMessage(message, 'gone');
    this.#parts.log.error({ receiver: entry.name, messageId, tries, reason }, 'a webhook was given up');
    this.#tell(body, 'given_up');
  }

  #tell(body: string | null, outcome: Outcome): void {
    this.#parts.onOutcome?.(body === null ? null : typeOf(body), outcome);
  }

  /** Gives up what waits for receivers that nobody knows any more, and of each other one what is over the limit. @throws STORE_UNAVAILABLE */
  async tidy(): Promise<void> {
    const { store, receivers, now, log, waitingMax = WAITING_MAX } = this.#parts;
    const names = new Map(receivers().map(({ id, entry }) => [id, entry.name]));
    const waiting = await store.outbox.waitingReceivers();
    for (const id of this.#strays.keys()) if (!waiting.includes(id)) this.#strays.delete(id);
    for (const id of waiting) {
      const name = names.get(id);
      if (name === undefined) {
        await this.#dropStray(id, now());
        continue;
      }
      this.#strays.delete(id);
      const count = await store.outbox.trimMessages(id, waitingMax);
      if (count === 0) continue;
      log.error({ receiver: name, count }, 'too many webhooks wait for a receiver: the oldest were given up');
      this.#count(count);
    }
  }

  async #dropStray(id: string, now: number): Promise<void> {
    const since = this.#strays.get(id) ?? now;
    this.#strays.set(id, since);
    if (now - since < STRAY_MS) return;
    const count = await this.#parts.store.outbox.trimMessages(id, 0);
    if (count === 0) return;
    this.#parts.log.warn({ count }, 'webhooks of a receiver that is in the file no more were dropped');
    this.#count(count);
  }

  #count(givenUp: number): void {
    for (let n = 0; n < givenUp; n += 1) this.#tell(null, 'given_up');
  }

  /** A fault is told once: it goes on until the store is back. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#isStoreAway = false;
    } catch (error) {
      if (!this.#isStoreAway) this.#parts.log.warn({ err: error }, 'webhooks could not be read');
      this.#isStoreAway = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await Promise.all([this.#tidying, ...Array.from(this.#runs.values(), ({ work }) => work)]);
  }
}

/** The event that a message tells of; null for what this version does not know. */
function typeOf(body: string): WebhookType | null {
  const parsed = WebhookBody.safeParse(JSON.parse(body));
  return parsed.success ? parsed.data.type : null;
}
