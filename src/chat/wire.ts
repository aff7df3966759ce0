// Records of the store as the wire names them: snake_case begins here.
import type { Session, Turn, TherapistResponse } from '../contract/types.ts';
import type {
  ListedSession,
  LogRecord,
  NewEntry,
  SessionLife,
  SessionRecord,
  SessionRef,
  TurnView,
} from '../store/store.ts';

export const toTime = (at: number): string => new Date(at).toISOString();

export const toCursor = (life: { epoch: string }, seq: number): string => `${life.epoch}.${seq}`;

/** What a cursor says, or undefined for any other string. */
export function parseCursor(cursor: string): { epoch: string; seq: number } | undefined {
  const [, epoch, seq] = /^(.+)\.(0|[1-9]\d{0,14})$/s.exec(cursor) ?? [];
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) };
}

/** Where a cursor that the server itself gave lies. */
export function startOf(ref: SessionRef, cursor: string): { life: SessionLife; after: number } {
  const { epoch = '', seq = 0 } = parseCursor(cursor) ?? {};
  return { life: { tenant: ref.tenant, sessionId: ref.sessionId, epoch }, after: seq };
}

export function toSession(record: SessionRecord): Session {
  return {
    session_id: record.sessionId,
    epoch: record.epoch,
    client_id: record.clientId,
    metadata: record.metadata,
    locale: record.locale,
    country: record.country,
    age_band: record.ageBand,
    status: record.status,
    created_at: toTime(record.createdAt),
    last_interaction: toTime(record.lastInteractionAt),
    turn_count: record.turnCount,
    ...record.progress,
    safety: record.safety,
    human: record.human && { name: record.human.name, until: toTime(record.human.untilAt) },
    cursor: toCursor(record, record.lastSeq),
  };
}

/** The entry that tells how a session is from now on. */
export function sessionUpdated(record: SessionRecord): NewEntry {
  const { session_id: _, ...data } = toSession(record);
  return { event: 'session:updated', data };
}

/** A session as lists show it. */
export function toListed(record: ListedSession, storage: string) {
  return {
    session_id: record.sessionId,
    client_id: record.clientId,
    status: record.status,
    created_at: toTime(record.createdAt),
    last_interaction: toTime(record.lastInteractionAt),
    turn_count: record.turnCount,
    current_substate: record.progress.current_substate,
    state_id: record.progress.state_id,
    priority_state: record.progress.priority_state,
    storage,
  };
}

/** A payload as it is sent: what the log keeps, and where it lies. */
export function toPayload(
  life: SessionLife,
  entry: LogRecord,
  from?: number,
): { seq: number } & Record<string, unknown> {
  return {
    session_id: life.sessionId,
    seq: entry.seq,
    ...(from !== undefined && { from }),
    ...entry.data,
    ...(entry.event === 'session:updated' && { cursor: toCursor(life, entry.seq) }),
  };
}

export function toLogEntry(life: SessionLife, entry: LogRecord) {
  return { seq: entry.seq, event: entry.event, data: toPayload(life, entry) };
}

function toResponse(life: SessionLife, entry: LogRecord): TherapistResponse | undefined {
  if (entry.event !== 'therapist:done') return undefined;
  return { session_id: life.sessionId, seq: entry.seq, ...entry.data };
}

export function toTurn(life: SessionLife, { turn, text, end }: TurnView): Turn {
  const response = end ? toResponse(life, end) : undefined;
  return {
    turn_id: turn.turnId,
    n: turn.n,
    state: turn.state,
    user_input: turn.userInput,
    text,
    seq: turn.lastSeq,
    started_at: toTime(turn.startedAt),
    ended_at: turn.endedAt === null ? null : toTime(turn.endedAt),
    ...(response && { response }),
    ...(end?.event === 'therapist:error' && { error: end.data.error }),
  };
}
