// Records of the store as the wire names them: snake_case begins here.
import type { Session, Turn, TherapistResponse } from '../contract/types.ts';
import type { LogRecord, SessionLife, SessionRecord, TurnView } from '../store/store.ts';

export const toTime = (at: number): string => new Date(at).toISOString();

export const toCursor = (life: { epoch: string }, seq: number): string => `${life.epoch}.${seq}`;

/** The number in a cursor of this epoch, or undefined for any other string. */
export function fromCursor(cursor: string, epoch: string): number | undefined {
  const number = cursor.startsWith(`${epoch}.`) ? cursor.slice(epoch.length + 1) : '';
  return /^(0|[1-9]\d{0,14})$/.test(number) ? Number(number) : undefined;
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
    cursor: toCursor(record, record.lastSeq),
  };
}

/** A session as lists show it. */
export function toListed(record: SessionRecord, storage: string) {
  const { session_id, client_id, status, created_at, last_interaction, turn_count, current_substate } =
    toSession(record);
  return {
    session_id,
    client_id,
    status,
    created_at,
    last_interaction,
    turn_count,
    current_substate,
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
