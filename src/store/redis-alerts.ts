// Calls for a person. The truth lies with their session; an index over all sessions tells where to look. [US-41]
import type { AlertStatus } from '../contract/types.ts';
import type { AlertRecord, EscalationStore, NewAlert } from './escalation.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { SessionRef } from './store.ts';
import type { Sealer } from './vault.ts';
import { Envelope, sessionKey } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import { listOf, numberOf, textOf, textsOf } from './redis-reply.ts';

type Change = Parameters<EscalationStore['settleAlert']>[1];
/** What an alert says, which never changes. */
type Call = Omit<NewAlert, 'isSent'> & SessionRef;

/** What a step says to its script about one call. */
export interface AlertArg {
  id: string;
  call: string;
  delivery: AlertRecord['delivery'];
}

/** The calls that a step may make, and those of them that the index did not know before. */
export interface Expected {
  alerts: NewAlert[];
  fresh: string[];
}

/** Where an alert should lie: with the session at `base`. */
interface Entry {
  id: string;
  base: string;
  /** How often it was expected. */
  touches: string;
  /** Its place among all. */
  n: string;
}

interface Stored extends Entry {
  alert: AlertRecord;
  /** How often it was changed. */
  rev: string;
}

const index = loadScript('alerts', 'time');
const truth = loadScript('alert', 'time', 'people');
const MIN_PAGE = 16;
const MAX_PAGE = 256;

const calls = new Envelope<Call>('call');
const actors = new Envelope<string>('actor');

/** What a step says to its script about calls. */
export function alertArgs(
  alerts: readonly NewAlert[],
  { tenant, sessionId }: SessionRef,
  sealer: Sealer,
): AlertArg[] {
  return alerts.map(({ isSent, ...said }) => ({
    id: said.alertId,
    call: calls.seal({ ...said, tenant, sessionId }, sealer, said.alertId),
    delivery: isSent ? 'pending' : 'off',
  }));
}

/** What a step says to its script about what somebody did. */
export function alertChange(
  { alertId: id, status, actor }: { alertId: string; status: AlertStatus; actor: string },
  sealer: Sealer,
) {
  return { id, status, actor: actors.seal(actor, sealer, id) };
}

/** An alert as it lies with a session, once that is encrypted. */
export function moveAlert(id: string, packed: string, to: Sealer): string {
  const [call, at, status, actor, ...rest]: string[] = JSON.parse(packed);
  const moved = actor === undefined || actor === '' ? '' : actors.move(actor, to, id);
  return JSON.stringify([calls.move(textOf(call), to, id), at, status, moved, ...rest]);
}

export class RedisAlerts {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #onFault: (error: unknown) => void;

  /** `onFault` is told why an index could not be tidied. */
  constructor(link: RedisLink, keys: RedisKeys, onFault: (error: unknown) => void) {
    this.#link = link;
    this.#keys = keys;
    this.#onFault = onFault;
  }

  /**
   * Before a step that calls: what it may call for. An id that another session has used is left out.
   * @throws STORE_UNAVAILABLE the step must not be taken
   */
  async before(ref: SessionRef, alerts: readonly NewAlert[]): Promise<Expected> {
    if (alerts.length === 0) return { alerts: [], fresh: [] };
    const first = await this.#expect(ref, alerts, new Map());
    const elsewhere = await Promise.all(
      first.flatMap(async ({ id, other }): Promise<[string, string][]> => {
        if (other === null) return [];
        const key = `${other}:a`;
        const isThere = (await this.#link.send(key, 'HEXISTS', key, id)) === 1;
        return isThere ? [] : [[id, other]];
      }),
    );
    const from = new Map(elsewhere.flat());
    const moved = alerts.filter(({ alertId }) => from.has(alertId));
    const second = moved.length === 0 ? [] : await this.#expect(ref, moved, from);
    const found = [...first, ...second];
    const may = new Set(found.flatMap(({ id, other }) => (other === null ? id : [])));
    const fresh = found.flatMap(({ id, touches }) => (touches === 1 ? id : []));
    return { alerts: alerts.filter(({ alertId }) => may.has(alertId)), fresh };
  }

  /** After a step that was refused for certain. */
  async refused(ref: SessionRef, { fresh }: Expected): Promise<void> {
    const base = this.#base(ref);
    await this.#tidy(fresh.map((id) => this.#index('drop', { id, base, touches: '1', old: false })));
  }

  /** Before a step in which somebody does something about an alert. @throws STORE_UNAVAILABLE */
  async beforeChange(alertId: string, status: AlertStatus): Promise<void> {
    await this.#index('may', { id: alertId, status, waits: status === 'open', due: false });
  }

  /** After such a step. */
  async changed(alertId: string): Promise<void> {
    await this.#tidy([this.#change(alertId, [], 'noted')]);
  }

  /** After the end of a session that had these. */
  async removed(ref: SessionRef, alertIds: readonly string[]): Promise<void> {
    const base = this.#base(ref);
    await this.#tidy(alertIds.map((id) => this.#index('drop', { id, base, touches: '', old: false })));
  }

  async alert(alertId: string): Promise<AlertRecord | undefined> {
    const [stored] = await this.#read(entriesOf(await this.#index('find', { id: alertId })));
    return stored?.alert;
  }

  /** The latest first. */
  alerts(status: AlertStatus | null, limit: number): Promise<AlertRecord[]> {
    const list = status === null ? ':z' : `:s:${status}`;
    return this.#walk('latest', list, limit, (alert) => status === null || alert.status === status);
  }

  /** Those that somebody still has to acknowledge and that were not alarmed about, the oldest first. */
  waitingAlerts(limit: number): Promise<AlertRecord[]> {
    return this.#walk('oldest', ':w', limit, waits);
  }

  /** Those to deliver by now that nobody has claimed, the ones due longest first. */
  async dueAlerts(limit: number): Promise<AlertRecord[]> {
    for (let size = Math.max(limit, MIN_PAGE); ; size *= 2) {
      const entries = entriesOf(await this.#index('due', { limit: size }));
      const stored = await this.#read(entries);
      const found = stored.filter(({ alert }) => alert.delivery === 'pending');
      await this.#misplaced(stored.filter((one) => !found.includes(one)));
      if (found.length >= limit || entries.length < size) {
        return found.slice(0, limit).map(({ alert }) => alert);
      }
    }
  }

  /** True for one caller, until it is settled or the time is over. */
  async claimAlert(alertId: string, ms: number): Promise<boolean> {
    return (await this.#index('claim', { id: alertId, ms })) === 1;
  }

  /** Stores what became of an alert and gives its claim back; false when it is gone. */
  async settleAlert(alertId: string, change: Change): Promise<boolean> {
    const isDue = change.delivery === 'pending';
    const isWaiting = change.alarmedAt === null;
    if (isDue || isWaiting) {
      await this.#index('may', { id: alertId, status: '', waits: isWaiting, due: isDue });
    }
    return this.#change(alertId, placed(change), 'settled');
  }

  /** Makes changes to the truth, and then says to the index how it is. */
  async #change(
    alertId: string,
    changes: readonly (string | number)[],
    after: 'settled' | 'noted',
  ): Promise<boolean> {
    const [entry] = entriesOf(await this.#index('find', { id: alertId }));
    const stored = entry && (await this.#get(entry, changes));
    if (stored) await this.#place(stored, after);
    return stored !== undefined;
  }

  /** What the index says of each call: how often it was expected, or under which other session its id lies. */
  async #expect(ref: SessionRef, alerts: readonly NewAlert[], from: ReadonlyMap<string, string>) {
    const said = alerts.map(({ alertId: id, requiresAck, isSent }) => ({
      id,
      ack: requiresAck,
      sent: isSent,
      from: from.get(id) ?? '',
    }));
    const answers = listOf(await this.#index('expect', { base: this.#base(ref), alerts: said }));
    return alerts.map(({ alertId: id }, at) => {
      const answer = answers[at];
      const isOther = typeof answer === 'string';
      return { id, other: isOther ? answer : null, touches: isOther ? 0 : numberOf(answer) };
    });
  }

  /** Pages of a list, until enough of those in it belong there. */
  async #walk(
    verb: 'latest' | 'oldest',
    list: string,
    limit: number,
    belongs: (alert: AlertRecord) => boolean,
  ): Promise<AlertRecord[]> {
    const found: AlertRecord[] = [];
    const size = Math.min(MAX_PAGE, Math.max(limit, MIN_PAGE));
    for (let from = verb === 'latest' ? '+inf' : '0'; ;) {
      const entries = entriesOf(await this.#index(verb, { list, from, limit: size }));
      const stored = await this.#read(entries);
      await this.#misplaced(stored.filter(({ alert }) => !belongs(alert)));
      found.push(...stored.flatMap(({ alert }) => (belongs(alert) ? alert : [])));
      const last = entries.at(-1);
      if (found.length >= limit || entries.length < size || !last) return found.slice(0, limit);
      from = last.n;
    }
  }

  /** The alerts behind these entries; an entry that stands for nothing is struck out. */
  async #read(entries: readonly Entry[]): Promise<Stored[]> {
    const stored = await Promise.all(entries.map((entry) => this.#get(entry)));
    const gone = entries.filter((_, at) => stored[at] === undefined);
    await this.#tidy(
      gone.map(({ id, base, touches }) => this.#index('drop', { id, base, touches, old: true })),
    );
    return stored.filter((one) => one !== undefined);
  }

  /** The truth about an alert, once these changes are made. */
  async #get(entry: Entry, changes: readonly (string | number)[] = []): Promise<Stored | undefined> {
    const reply = await this.#link.run(truth, entry.base, [entry.id, ...changes]);
    const [epoch, wrapped, ...alert] = textsOf(reply);
    if (epoch === undefined) return undefined;
    return toStored(entry, epoch, alert, this.#keys.sealer(entry.base, textOf(wrapped)));
  }

  async #misplaced(stored: readonly Stored[]): Promise<void> {
    await this.#tidy(stored.map((one) => this.#place(one, 'met')));
  }

  /** Says to the index how it is, after a step of one's own, or because it was met where it does not belong. */
  async #place({ id, base, rev, alert }: Stored, after: 'settled' | 'noted' | 'met'): Promise<void> {
    const { status, delivery, nextAt } = alert;
    const due = delivery === 'pending' ? String(nextAt) : '';
    const how = { own: after !== 'met', free: after === 'settled' };
    await this.#index('place', { id, base, rev, status, waits: waits(alert), due, ...how });
  }

  /** What can be left for later never fails a step. */
  async #tidy(work: readonly Promise<unknown>[]): Promise<void> {
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === 'rejected') this.#onFault(outcome.reason);
    }
  }

  #index(verb: string, args: object): Promise<Reply> {
    return this.#link.run(index, `${this.#link.prefix}:{alerts}`, [verb, JSON.stringify(args)]);
  }

  #base(ref: SessionRef): string {
    return `${this.#link.prefix}:{${sessionKey(ref)}}`;
  }
}

/** Whether somebody still has to acknowledge it, and was not called again. */
function waits({ requiresAck, status, alarmedAt }: AlertRecord): boolean {
  return requiresAck && status === 'open' && alarmedAt === null;
}

/** Changes as the script takes them: the place of a value, the value … */
function placed({ delivery, tries, nextAt, alarmedAt }: Change): (string | number)[] {
  const values = { 6: delivery, 7: tries, 8: nextAt, 9: alarmedAt };
  return Object.entries(values).flatMap(([place, value]) =>
    value === undefined ? [] : [place, value ?? ''],
  );
}

function entriesOf(reply: Reply): Entry[] {
  return listOf(reply).map((row) => {
    const [id = '', base = '', touches = '', n = ''] = textsOf(row);
    return { id, base, touches, n };
  });
}

const statuses: Record<string, AlertStatus> = {
  open: 'open',
  acknowledged: 'acknowledged',
  taken_over: 'taken_over',
  cleared: 'cleared',
};
const deliveries: Record<string, AlertRecord['delivery']> = {
  off: 'off',
  pending: 'pending',
  sent: 'sent',
  dead: 'dead',
};

function toStored(entry: Entry, epoch: string, packed: readonly string[], sealer: Sealer): Stored {
  const [call, at, status, actor, statusAt, delivery, tries, nextAt, alarmedAt, rev] = packed;
  const { tenant, sessionId, ...said } = calls.open(textOf(call), sealer, entry.id);
  const alert: AlertRecord = {
    ...said,
    session: { tenant, sessionId, epoch },
    at: numberOf(at),
    status: statuses[textOf(status)] ?? 'open',
    actor: actor === undefined || actor === '' ? null : actors.open(actor, sealer, entry.id),
    statusAt: maybeNumber(statusAt),
    delivery: deliveries[textOf(delivery)] ?? 'off',
    tries: numberOf(tries),
    nextAt: numberOf(nextAt),
    alarmedAt: maybeNumber(alarmedAt),
  };
  return { ...entry, alert, rev: textOf(rev) };
}

function maybeNumber(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text);
}
