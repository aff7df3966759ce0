// What the end of a turn stores.
import type { SessionSafety } from '../contract/types.ts';
import type { Trip } from '../safety/guard.ts';
import type { FinishRequest, NewEntry, SessionRecord, TurnRecord } from '../store/store.ts';
import { guardedFact } from './admission-request.ts';
import { sessionUpdated, toTime } from './wire.ts';

/** The name under which the fixed replies to a risk go. */
export const FIXED = 'fixed';

const safetyOf = ({ plan }: TurnRecord, trip: Trip | undefined): SessionSafety => ({
  ...plan.care.safety,
  guarded: trip !== undefined,
});

interface Shown {
  text: string;
  firstTextAt: number | null;
  now: number;
}

export function doneEntry(
  record: TurnRecord,
  { text, firstTextAt, now }: Shown,
  trip: Trip | undefined,
): NewEntry {
  const { plan, n, turnId, startedAt, beganAt, source, model } = record;
  const since = (at: number | null) => Math.max(0, (at ?? now) - startedAt);
  const done = {
    turn_id: turnId,
    n,
    therapist_response: text,
    preprocessing: plan.preprocessing,
    navigation: plan.navigation,
    session_progress: plan.progress,
    safety: safetyOf(record, trip),
    source: source ?? 'guide',
    model: model ?? FIXED,
    timings: { queued_ms: since(beganAt), first_token_ms: since(firstTextAt), total_ms: since(now) },
    timestamp: toTime(now),
  };
  return { event: 'therapist:done', data: done };
}

/** The session changes its status with this turn. */
function completed(session: SessionRecord, { plan }: TurnRecord): NewEntry {
  const turnCount = session.turnCount + 1;
  return sessionUpdated({ ...session, turnCount, progress: plan.progress, status: 'completed' });
}

interface Ending {
  state: 'done' | 'failed';
  entry: NewEntry;
  /** Words of the model that were not let through. */
  trip: Trip | undefined;
}

export function finishRequest(
  session: SessionRecord,
  record: TurnRecord,
  { state, entry, trip }: Ending,
): FinishRequest {
  const { progress, memory, care } = record.plan;
  const isDone = state === 'done';
  const completes = isDone && progress.completion_criteria.ready_for_stage_2;
  const entries = completes && session.status === 'active' ? [entry, completed(session, record)] : [entry];
  return {
    state,
    entries,
    after: isDone ? { progress, memory } : null,
    completes,
    ...(trip && { safety: safetyOf(record, trip), audit: [guardedFact(record.turnId, care, trip)] }),
  };
}
