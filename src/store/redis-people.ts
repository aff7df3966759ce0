// What a store keeps for the people behind a session goes with the step it belongs to; what leads to it over all sessions is
// written before the step, and put right after it.
import { AppError } from '../errors.ts';
import type { AuditFact, NewAlert } from './escalation.ts';
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

/** What a step may carry besides what it does to the session. */
interface Carried {
  alerts?: readonly NewAlert[];
  audit?: readonly AuditFact[] | undefined;
  client?: { client: string; care: string } | null | undefined;
  alert?: NoteRequest['alert'];
}

/** The same as its script takes it. */
export interface PeopleArgs {
  facts: FactArg[];
  /** What is sealed by the key of the session. */
  sealed: (sealer: Sealer) => { alerts: AlertArg[]; client: string; alert: object };
}

/** Facts that nodes left behind are looked for this often. */
const SWEEP_MS = 5_000;

export class RedisPeople implements Disposable {
  readonly alerts: RedisAlerts;
  readonly audit: RedisAudit;
  readonly clients: RedisClients;
  readonly #index: RedisIndex;
  readonly #timer: NodeJS.Timeout;
  readonly #onFault: (error: unknown) => void;

  constructor(link: RedisLink, index: RedisIndex, keys: RedisKeys, onFault: (error: unknown) => void) {
    this.#onFault = onFault;
    this.#index = index;
    this.alerts = new RedisAlerts(link, keys, onFault);
    this.audit = new RedisAudit(link, onFault);
    this.clients = new RedisClients(link, keys);
    const sweep = () => void this.audit.sweep().catch(() => undefined);
    this.#timer = setInterval(sweep, SWEEP_MS * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  /** Takes a step; an answer of which `isRefused` holds, or an error that is an answer, means that nothing was stored. */
  async with<T>(
    ref: SessionRef,
    { alerts = [], audit = [], client = null, alert }: Carried,
    step: (args: PeopleArgs) => Promise<T>,
    isRefused: (result: T) => boolean = () => false,
  ): Promise<T> {
    const base = this.#index.base(ref);
    const [calls, outbox] = await Promise.all([
      this.alerts.before(ref, alerts),
      this.audit.before(base, audit),
      client && this.clients.before(base, ref.tenant, client.client),
      alert && this.alerts.beforeChange(alert.alertId, alert.status),
    ]);
    const args: PeopleArgs = {
      facts: outbox.facts,
      sealed: (sealer) => ({
        alerts: alertArgs(calls.alerts, ref, sealer),
        client: client ? clientArg(ref.tenant, client, sealer) : '',
        alert: alert ? alertChange(alert, sealer) : {},
      }),
    };
    try {
      const result = await step(args);
      if (isRefused(result)) await this.alerts.refused(ref, calls);
      else if (alert) await this.alerts.changed(alert.alertId);
      await this.audit.flush(outbox);
      return result;
    } catch (error) {
      // whether it was stored is not known then, and who looks for what nodes leave behind finds out
      const isAnswer = error instanceof AppError && error.code !== 'STORE_UNAVAILABLE';
      if (isAnswer) await Promise.all([this.alerts.refused(ref, calls), this.audit.flush(outbox)]);
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
