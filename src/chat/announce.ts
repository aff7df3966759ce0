// What receivers outside are told: what happened and where. Never a word, and nothing of what the safety rules found.
import type { WebhookEvent } from '../contract/webhooks.ts';
import type { Announcer, NewMessage } from '../store/outbox.ts';
import type { FinishRequest, SessionLife, SessionRecord, TurnRecord } from '../store/store.ts';
import { toCursor } from './wire.ts';

type Messages = readonly NewMessage[];

const where = ({ sessionId, epoch }: SessionLife) => ({ session_id: sessionId, epoch });

export const tellCreated = (announcer: Announcer, session: SessionLife): Messages =>
  announcer.messages(session.tenant, { type: 'session.created', data: where(session) });

export const tellDeleted = (announcer: Announcer, session: SessionLife): Messages =>
  announcer.messages(session.tenant, { type: 'session.deleted', data: { ...where(session), by: 'owner' } });

/** A turn is done, and the session stands there from now on. */
export function tellDone(
  announcer: Announcer,
  session: SessionLife,
  { turnId, n, firstSeq, source }: TurnRecord,
  { state_id }: SessionRecord['progress'],
): Messages {
  const event: WebhookEvent = {
    type: 'turn.done',
    data: {
      ...where(session),
      turn_id: turnId,
      n,
      state: 'done',
      cursor: toCursor(session, firstSeq - 1),
      // a fixed reply, or a person, would tell that there was a risk
      source: source === 'ollama' ? 'ollama' : 'guide',
      state_id,
    },
  };
  return announcer.messages(session.tenant, event);
}

/** A turn ends; one that is not done is told to nobody. */
export function tellEnded(
  announcer: Announcer,
  session: SessionRecord,
  record: TurnRecord,
  { after, completes }: Pick<FinishRequest, 'after' | 'completes'>,
): Messages {
  if (after === null) return [];
  const done = tellDone(announcer, session, record, after.progress);
  if (!completes || session.status === 'completed') return done;
  const { state_id, completion_criteria } = after.progress;
  const turn_count = session.turnCount + 1;
  const data = { ...where(session), turn_count, state_id, completion_criteria };
  return [...done, ...announcer.messages(session.tenant, { type: 'session.completed', data })];
}

/** After a step that stored these. */
export function wakeFor(announcer: Announcer, messages: Messages): void {
  if (messages.length > 0) announcer.wake();
}
