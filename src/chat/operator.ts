// What people behind the server do: see alerts, take a session over, answer in it, give it back, end its crisis. [US-42]
import { hash, timingSafeEqual } from 'node:crypto';
import type { AlertStatus, Handlers, Input, Output } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { cleared, readCare, writeCare, writeClientCare } from '../safety/care.ts';
import type { AlertRecord, AuditFact } from '../store/escalation.ts';
import type { Announcer } from '../store/outbox.ts';
import type { NewEntry, SessionRecord, Store, TurnRecord } from '../store/store.ts';
import { clientOf } from './access.ts';
import type { Caller } from './access.ts';
import { tellDone } from './announce.ts';
import type { Control } from './control.ts';
import { poll, takeSnapshot } from './reading.ts';
import type { ReadingParts } from './reading.ts';
import type { Turns } from './turns.ts';
import { sessionUpdated, toCursor, toTime } from './wire.ts';

export interface OperatorParts extends ReadingParts {
  turns: Turns;
  announcer: Announcer;
  control: Control;
  /** What people behind the server hand in; null: there are no routes for them. */
  operatorKey: string | null;
  now: () => number;
  log: Log;
}

type OperatorName = Extract<keyof Handlers<Caller>, `operator:${string}`>;
type AlertView = Output<'operator:acknowledge'>;

const LIST = 50;
const MINUTE_MS = 60_000;
const TAKEOVER_MINUTES = 30;
/** The model of a turn that a person answered. */
const PERSON = 'person';

/** @throws NOT_FOUND there are no such routes · UNAUTHENTICATED */
function mustOperator(key: string | null, { bearer }: Caller): void {
  if (key === null) throw new AppError('NOT_FOUND');
  const digest = (text: string) => hash('sha256', text, 'buffer');
  if (!bearer || !timingSafeEqual(digest(bearer), digest(key))) throw new AppError('UNAUTHENTICATED');
}

function toAlert(record: AlertRecord): AlertView {
  const { session, statusAt, alarmedAt } = record;
  return {
    alert_id: record.alertId,
    session_id: session.sessionId,
    epoch: session.epoch,
    time: toTime(record.at),
    level: record.level,
    urgency: record.urgency,
    requires_ack: record.requiresAck,
    status: record.status,
    actor: record.actor,
    status_at: statusAt === null ? null : toTime(statusAt),
    delivery: record.delivery,
    tries: record.tries,
    unanswered: alarmedAt !== null,
  };
}

interface Found {
  alert: AlertRecord;
  session: SessionRecord;
}

/** @throws NOT_FOUND there is no such alert, or its session is gone */
async function mustAlert(store: Store, alertId: string): Promise<Found> {
  const alert = await store.alert(alertId);
  const session = alert && (await store.session(alert.session));
  if (!alert || session?.epoch !== alert.session.epoch) {
    throw new AppError('NOT_FOUND', { message: 'No such alert' });
  }
  return { alert, session };
}

interface Change {
  status: AlertStatus;
  /** What the session becomes; nothing when only the alert changes. */
  session?: Partial<Pick<SessionRecord, 'safety' | 'care' | 'human'>>;
}

const factOf = ({ session, alert }: Found, kind: string, actor: string): AuditFact => ({
  kind,
  ref: readCare(session.care, '', session.safety).ref,
  level: alert.level,
  data: { alert_id: alert.alertId, actor },
});

/** Changes an alert and its session in one step, decided again when the session has changed meanwhile. */
async function change(
  store: Store,
  alertId: string,
  { kind, actor }: { kind: string; actor: string },
  decided: (found: Found) => Change,
): Promise<AlertView> {
  for (;;) {
    const found = await mustAlert(store, alertId);
    const { session } = found;
    const next = decided(found);
    const entries = next.session ? [sessionUpdated({ ...session, ...next.session })] : [];
    const care = next.session?.care;
    const client = clientOf(session);
    const noted = await store.note(session, entries, next.session ?? {}, {
      basis: session.version,
      alert: { alertId, status: next.status, actor },
      audit: [factOf(found, kind, actor)],
      ...(care &&
        client !== null && {
          client: { client, care: writeClientCare(readCare(care, '', session.safety)) },
        }),
    });
    if (noted !== 'stale') return toAlert((await mustAlert(store, alertId)).alert);
  }
}

/** A crisis that a person has ended: a check-in follows. */
function clearedSession(session: SessionRecord): Change['session'] {
  const care = cleared(readCare(session.care, '', session.safety));
  const safety = { ...session.safety, mode: care.mode };
  return { care: writeCare(care), safety, human: null };
}

/** The end of a turn that a person answered. */
function endOf(turn: TurnRecord, { progress }: SessionRecord, text: string, now: number): NewEntry {
  const { plan } = turn;
  const ms = Math.max(0, now - turn.startedAt);
  return {
    event: 'therapist:done',
    data: {
      turn_id: turn.turnId,
      n: turn.n,
      therapist_response: text,
      preprocessing: plan.preprocessing,
      navigation: plan.navigation,
      session_progress: progress,
      safety: plan.care.safety,
      source: 'human',
      model: PERSON,
      timings: { queued_ms: ms, first_token_ms: ms, total_ms: ms },
      timestamp: toTime(now),
    },
  };
}

async function say(
  { store, announcer, turns, now }: OperatorParts,
  { alert_id: alertId, actor, text }: Input<'operator:message'>,
): Promise<Output<'operator:message'>> {
  const found = await mustAlert(store, alertId);
  const { human } = found.session;
  if (human === null || human.untilAt <= now()) {
    throw new AppError('FORBIDDEN', { message: 'Take the session over first' });
  }
  const { ended } = await store.answer(found.session, {
    entries: (turn) => {
      const words = { text, name: human.name };
      return [{ event: 'human:message', data: turn ? { ...words, turn_id: turn.turnId } : words }];
    },
    text,
    end: (turn) => endOf(turn, found.session, text, now()),
    audit: [factOf(found, 'human_message', actor)],
    outbox: (turn) => tellDone(announcer, found.session, turn, found.session.progress),
  });
  if (ended) {
    turns.abort(ended.turnId);
    announcer.wake();
  }
  const session = await store.session(found.session);
  const cursor = toCursor(found.session, session?.lastSeq ?? found.session.lastSeq);
  return { turn_id: ended?.turnId ?? null, cursor };
}

/** Nobody is left without a notice because the store is away: then its audit is a line of the log. */
async function announce(
  { store, control, now, log }: OperatorParts,
  { actor, text }: Input<'operator:announce'>,
): Promise<Output<'operator:announce'>> {
  const time = toTime(now());
  const fact: AuditFact = { kind: 'announced', ref: '', level: 'none', data: { actor } };
  const audited = await store.attest([fact]).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof AppError && error.code === 'STORE_UNAVAILABLE')) throw error;
      log.error({ actor, at: time }, 'a notice to everybody could not be put into the audit');
      return false;
    },
  );
  control.announce({ text, at: time });
  return { time, audited };
}

type Some<N extends OperatorName> = Pick<Handlers<Caller>, N>;

export function operatorHandlers(parts: OperatorParts): Some<OperatorName> {
  const must = (caller: Caller) => mustOperator(parts.operatorKey, caller);
  return { ...readers(parts, must), ...actors(parts, must) };
}

function readers(
  parts: OperatorParts,
  must: (caller: Caller) => void,
): Some<'operator:alerts' | 'operator:alert' | 'operator:log' | 'operator:overview'> {
  const { store, control, follow } = parts;
  return {
    'operator:alerts': async ({ status, limit }, caller) => {
      must(caller);
      const alerts = await store.alerts(status ?? null, limit ?? LIST);
      return { alerts: alerts.map(toAlert) };
    },
    'operator:alert': async (input, caller) => {
      must(caller);
      const { alert, session } = await mustAlert(store, input.alert_id);
      const [snapshot, followers] = await Promise.all([
        takeSnapshot(store, session),
        control.followers(session.epoch),
      ]);
      return { alert: toAlert(alert), snapshot, followers };
    },
    'operator:overview': async (_input, caller) => {
      must(caller);
      return { nodes: await control.nodes(), time: toTime(parts.now()) };
    },
    'operator:log': async (input, caller) => {
      must(caller);
      const { session } = await mustAlert(store, input.alert_id);
      using _ = follow.lookOn(session);
      return await poll(parts, session, input, caller.signal);
    },
  };
}

function actors(
  parts: OperatorParts,
  must: (caller: Caller) => void,
): Omit<Some<OperatorName>, keyof ReturnType<typeof readers>> {
  const { store, now } = parts;
  return {
    'operator:acknowledge': async ({ alert_id, actor }, caller) => {
      must(caller);
      return change(store, alert_id, { kind: 'acknowledged', actor }, ({ alert }) => ({
        status: alert.status === 'open' ? 'acknowledged' : alert.status,
      }));
    },
    'operator:take_over': async ({ alert_id, actor, name, minutes }, caller) => {
      must(caller);
      const untilAt = now() + (minutes ?? TAKEOVER_MINUTES) * MINUTE_MS;
      const human = { name: name ?? actor, untilAt };
      return change(store, alert_id, { kind: 'taken_over', actor }, () => ({
        status: 'taken_over',
        session: { human },
      }));
    },
    'operator:announce': async (input, caller) => {
      must(caller);
      return announce(parts, input);
    },
    'operator:message': async (input, caller) => {
      must(caller);
      return say(parts, input);
    },
    'operator:release': async ({ alert_id, actor }, caller) => {
      must(caller);
      return change(store, alert_id, { kind: 'released', actor }, ({ alert }) => ({
        status: alert.status === 'taken_over' ? 'acknowledged' : alert.status,
        session: { human: null },
      }));
    },
    'operator:clear': async ({ alert_id, actor }, caller) => {
      must(caller);
      return change(store, alert_id, { kind: 'cleared', actor }, ({ session }) => {
        const changed = clearedSession(session);
        return { status: 'cleared', ...(changed && { session: changed }) };
      });
    },
  };
}
