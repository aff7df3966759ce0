// Brings alerts to their receiver, however long it takes, and says aloud when nobody has acknowledged one. Of several
// nodes one sees to each alert at a time. Replies never wait for it. [US-41] [US-43]
import type { Log } from '../log.ts';
import type { Meter } from '../meter.ts';
import type { AlertRecord, EscalationStore } from '../store/escalation.ts';
import { GIVE_UP_MS, retryAfterMs } from './retry.ts';
import type { Webhook } from './webhook.ts';

export interface EscalationParts {
  store: EscalationStore;
  /** Null: alerts only wait in the list. */
  webhook: Webhook | null;
  /** How long an alert may stay open before it is said aloud. */
  ackMs: { immediate: number; urgent: number };
  now: () => number;
  meter?: Pick<Meter, 'delivered'>;
  log: Log;
}

const TICK_MS = 1_000;
const AT_ONCE = 8;
/** How long an alert is left to whoever sees to it: longer than a delivery and what is written about it take. */
const CLAIM_MS = 15_000;
const OPEN_LIMIT = 200;

export class Escalation implements AsyncDisposable {
  readonly #parts: EscalationParts;
  /** What the receiver has, and the store does not know of yet. */
  readonly #posted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #isAgain = false;
  #isStoreAway = false;
  readonly #closing = new AbortController();

  constructor(parts: EscalationParts) {
    this.#parts = parts;
  }

  /** Goes on with what an earlier process left. */
  start(): void {
    this.#timer = setInterval(() => this.wake(), TICK_MS);
    this.#timer.unref();
    this.wake();
  }

  /** There may be something to do. Returns at once. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#isAgain = true;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#isAgain && !this.#closing.signal.aborted) {
      this.#isAgain = false;
      try {
        await this.#deliver();
        await this.#lookForUnanswered();
        this.#isStoreAway = false;
      } catch (error) {
        // told once: it goes on until the store is back
        if (!this.#isStoreAway) this.#parts.log.warn({ err: error }, 'alerts could not be read');
        this.#isStoreAway = true;
      }
    }
  }

  async #deliver(): Promise<void> {
    const { store, webhook } = this.#parts;
    if (webhook === null) return;
    while (!this.#closing.signal.aborted) {
      const due = await store.dueAlerts(AT_ONCE);
      await Promise.all(due.map((alert) => this.#send(webhook, alert)));
      if (due.length < AT_ONCE) return;
    }
  }

  async #send(webhook: Webhook, due: AlertRecord): Promise<void> {
    const isStill = (alert: AlertRecord) => alert.delivery === 'pending' && alert.tries === due.tries;
    const alert = await this.#claim(due.alertId, isStill);
    if (!alert) return;
    const { store, meter } = this.#parts;
    const { alertId } = alert;
    const failure = await this.#post(webhook, alert);
    if (failure === null) {
      const tries = alert.tries + 1;
      await store.settleAlert(alertId, { delivery: 'sent', tries });
      this.#posted.delete(alertId);
      meter?.delivered('alert', 'sent');
      await this.#attest(alert, 'delivered', tries);
    } else if (this.#closing.signal.aborted) await store.settleAlert(alertId, {});
    else await this.#putOff(alert, failure);
  }

  /** Why the receiver has not taken it; null when it has, now or before the store failed. */
  async #post(webhook: Webhook, { alertId, body }: AlertRecord): Promise<string | null> {
    try {
      if (!this.#posted.has(alertId)) await webhook.send(alertId, body, this.#closing.signal);
      this.#posted.add(alertId);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : 'unknown';
    }
  }

  async #putOff(alert: AlertRecord, reason: string): Promise<void> {
    const { store, now, meter, log } = this.#parts;
    const { alertId } = alert;
    const tries = alert.tries + 1;
    const isOver = now() - alert.at >= GIVE_UP_MS;
    const nextAt = now() + retryAfterMs(alert.tries, Math.random());
    const fields = { alertId, tries, reason };
    meter?.delivered('alert', isOver ? 'given_up' : 'retried');
    if (isOver) log.error(fields, 'an alert was given up');
    else log.warn(fields, 'an alert was not delivered');
    await store.settleAlert(alertId, isOver ? { delivery: 'dead', tries } : { tries, nextAt });
    if (isOver) await this.#attest(alert, 'undelivered', tries);
  }

  /** The alert as it is, for this node alone; undefined when another one sees to it, or has done so. */
  async #claim(alertId: string, isStill: (alert: AlertRecord) => boolean): Promise<AlertRecord | undefined> {
    const { store } = this.#parts;
    if (!(await store.claimAlert(alertId, CLAIM_MS))) return undefined;
    const alert = await store.alert(alertId);
    if (alert && isStill(alert)) return alert;
    await store.settleAlert(alertId, {});
    return undefined;
  }

  /** What is to be done about other alerts does not depend on it. */
  async #attest({ alertId, level }: AlertRecord, kind: string, tries: number): Promise<void> {
    const { store, log } = this.#parts;
    try {
      await store.attest([{ kind, ref: '', level, data: { alert_id: alertId, tries } }]);
    } catch (error) {
      log.error({ err: error, alertId, kind }, 'the audit does not say what became of an alert');
    }
  }

  async #lookForUnanswered(): Promise<void> {
    const { store, ackMs, now, log } = this.#parts;
    const isStill = ({ status, alarmedAt }: AlertRecord) => status === 'open' && alarmedAt === null;
    for (const { alertId, urgency, at, level } of await store.waitingAlerts(OPEN_LIMIT)) {
      if (urgency === 'notice' || now() - at < ackMs[urgency]) continue;
      const alert = await this.#claim(alertId, isStill);
      if (!alert) continue;
      await store.settleAlert(alertId, { alarmedAt: now() });
      await this.#attest(alert, 'unanswered', alert.tries);
      log.error({ alertId, urgency, level }, 'nobody has acknowledged an alert in time');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await this.#work;
  }
}
