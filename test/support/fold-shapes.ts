// What the fold reads of the wire, written apart from src/contract: it needs no more than this.
import { z } from 'zod';

const TurnData = z.looseObject({ turn_id: z.string() });
export const Started = TurnData.extend({ n: z.int().min(1), user_input: z.string() });
export const Words = TurnData.extend({ at: z.int().min(0), text: z.string() });
export const Ended = TurnData.extend({ text: z.string() });
export const Done = TurnData.extend({ therapist_response: z.string() });
export const Frame = z.looseObject({
  session_id: z.string(),
  seq: z.int().min(1),
  from: z.int().min(1).optional(),
  turn_id: z.string().optional(),
});
export const Deleted = z.looseObject({ session_id: z.string(), epoch: z.string() });
export const SnapshotTurn = z.looseObject({
  turn_id: z.string(),
  n: z.int().min(1),
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  user_input: z.string(),
  text: z.string(),
});
export const Snapshot = z.looseObject({
  mode: z.literal('snapshot'),
  cursor: z.string(),
  session: z.looseObject({ session_id: z.string(), epoch: z.string() }),
  turns: z.array(SnapshotTurn),
  live: SnapshotTurn.nullable(),
});
export const Tail = z.looseObject({ mode: z.literal('tail'), cursor: z.string() });
export const Page = Tail.extend({
  entries: z.array(z.looseObject({ seq: z.int(), event: z.string(), data: z.unknown() })),
});

export const endStates = {
  'therapist:done': 'done',
  'therapist:error': 'failed',
  'turn:cancelled': 'cancelled',
} as const;

export const loggedEvents: readonly string[] = [
  'turn:started',
  'therapist:token',
  'therapist:reset',
  'therapist:done',
  'therapist:error',
  'turn:cancelled',
  'safety:resources',
  'disclosure',
  'human:message',
  'session:updated',
];

/** Most ended turns a snapshot holds. */
export const snapshotTurns = 50;
