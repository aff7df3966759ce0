// What a store keeps for the people behind a session goes with the step it belongs to; what leads to it over all sessions is
// written before the step, and put right after it.
import { AppError } from '../errors.ts';
import type { AuditFact, NewAlert } from './escalation.ts';
import type { NewMessage } from './outbox.ts';
import type { AlertArg } from './redis-alerts.ts';
import type { FactArg } from './redis-audit.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { NoteRequest, SessionRef } from './store.ts';
import type { Sealer } from './vault.ts';
import { alertArgs, alertChange, RedisAlerts } from './redis-alerts.ts';
import { RedisAudit } from './redis-audit.ts';
import { clientArg, RedisClients } from './redis-clients.ts';
import type { MessageArg } from './redis-messages.ts';
import { messageArgs } from './redis-messages.ts';
import { RedisOutbox } from './redis-outbox.ts';

/** What a step may carry besides what it does to the session. */
interface Carried {
  alerts?: readonly NewAlert[];
  audit?: readonly AuditFact[] | undefined;
  client?: { client: string; care: string } | null | undefined;
  alert?: NoteRequest['alert'];
  outbox?: readonly NewMessage[] | undefined;
}

/** The same as its script takes it. */
export interface PeopleArgs {
  facts: FactArg[];
  /** What is sealed by the key of the session. */
  sealed: (sealer: Sealer) => {
    alerts: AlertArg[];
    client: string;
    alert: object;
    messages: MessageArg[];
  };
}

/** Facts that nodes left behind are looked for this often. */
const SWEEP_MS = 5_000;

export class RedisPeople implements Disposable {
  readonly alerts: RedisAlerts;
  readonly audit: RedisAudit;
  readonly clients: RedisClients;
  readonly outbox: RedisOutbox;
  readonly #index: RedisIndex;
  readonly #timer: NodeJS.Timeout;
  readonly #onFault: (error: unknown) => void;

  constructor(
    link: RedisLink,
    index: RedisIndex,
    keys: RedisKeys,
    onFault: (error: unknown) => void,
    onErased: () => void,
  ) {
    this.#onFault = onFault;
    this.#index = index;
    this.alerts = new RedisAlerts(link, keys, onFault);
    this.audit = new RedisAudit(link, onFault);
    this.clients = new RedisClients(link, keys);
    this.outbox = new RedisOutbox(link, keys, onFault, onErased);
    const sweep = () => void this.audit.sweep().catch(() => undefined);
    this.#timer = setInterval(sweep, SWEEP_MS * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  /** Takes a step; an answer of which `isRefused` holds, or an error that is an answer, means that nothing was stored. */
  async with<T>(
    ref: SessionRef,
    { alerts = [], audit = [], client = null, alert, outbox: told = [] }: Carried,
    step: (args: PeopleArgs) => Promise<T>,
    isRefused: (result: T) => boolean = () => false,
  ): Promise<T> {
    const base = this.#index.base(ref);
    const [calls, outbox] = await Promise.all([
      this.alerts.before(ref, alerts),
      this.audit.before(base, audit),
      client && this.clients.before(base, ref.tenant, client.client),
      alert && this.alerts.beforeChange(alert.alertId, alert.status),
      this.outbox.before(base, told),
    ]);
    const args: PeopleArgs = {
      facts: outbox.facts,
      sealed: (sealer) => ({
        alerts: alertArgs(calls.alerts, ref, sealer),
        client: client ? clientArg(ref.tenant, client, sealer) : '',
        alert: alert ? alertChange(alert, sealer) : {},
        messages: messageArgs(told, sealer),
      }),
    };
    try {
      const result = await step(args);
      const isStored = !isRefused(result);
      if (!isStored) await this.alerts.refused(ref, calls);
      else if (alert) await this.alerts.changed(alert.alertId);
      await Promise.all([this.audit.flush(outbox), this.outbox.after(base, told, isStored)]);
      return result;
    } catch (error) {
      // whether it was stored is not known then, and who looks for what nodes leave behind finds out
      const isAnswer = error instanceof AppError && error.code !== 'STORE_UNAVAILABLE';
      if (isAnswer) {
        const left = [this.audit.flush(outbox), this.outbox.after(base, told, false)];
        await Promise.all([this.alerts.refused(ref, calls), ...left]);
      }
      throw error;
    }
  }

  /** After the end of a session that had these, sealed by its key. */
  async removed(ref: SessionRef, alertIds: readonly string[], client: string, sealer: Sealer): Promise<void> {
    try {
      await this.alerts.removed(ref, alertIds);
      await this.clients.removed(this.#index.base(ref), client, sealer);
    } catch (error) {
      // the session is gone: what is left of it in lists is dropped when it is met
      this.#onFault(error);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
