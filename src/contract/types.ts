// Types derived from the tables; nobody writes them by hand.
import type { z } from 'zod';
import type * as m from './model.ts';
import type { operations, pushes } from './operations.ts';
import type * as o from './operator.ts';
import type * as p from './progress.ts';

type Operations = typeof operations;
type Pushes = typeof pushes;

export type OperationName = keyof Operations;
export type Input<N extends OperationName> = z.output<Operations[N]['input']>;
export type Output<N extends OperationName> = z.output<Operations[N]['output']>;

export type PushName = keyof Pushes;
export type LoggedPush = { [N in PushName]: Pushes[N]['logged'] extends true ? N : never }[PushName];
export type Payload<N extends PushName> = z.output<Pushes[N]['payload']>;
/** What the log keeps of a payload: the session id and the number are added when it is read. */
export type Stored<N extends LoggedPush> = Omit<Payload<N>, 'session_id' | 'seq' | 'from'>;

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: Failure };
/** One handler per operation; a missing one, or one of another shape, does not compile. */
export type Handlers<C> = {
  [N in OperationName]: (input: Input<N>, caller: C) => Promise<Output<N>>;
};

/** Socket.IO's generics. */
export type ClientEvents = {
  [N in OperationName as Operations[N]['socket'] extends true ? N : never]: (
    input: z.input<Operations[N]['input']>,
    ack?: (answer: Ack<Output<N>>) => void,
  ) => void;
};
export type ServerEvents = { [N in PushName]: (payload: Payload<N>) => void };

export type Session = z.output<typeof m.Session>;
export type Turn = z.output<typeof m.Turn>;
export type Right = z.output<typeof m.Right>;
export type TurnState = z.output<typeof m.TurnState>;
export type Phase = z.output<typeof m.Phase>;
export type Source = z.output<typeof m.Source>;
export type Admission = z.output<typeof m.Admission>;
export type TherapistResponse = z.output<typeof m.TherapistResponse>;
export type Preprocessing = z.output<typeof m.Preprocessing>;
export type Navigation = z.output<typeof p.Navigation>;
export type SessionProgress = z.output<typeof p.SessionProgress>;
export type Substate = z.output<typeof p.Substate>;
export type StateId = z.output<typeof p.StateId>;
export type PriorityState = z.output<typeof p.PriorityState>;
export type Decision = z.output<typeof p.Decision>;
export type RagQuery = z.output<typeof p.RagQuery>;
export type AlphaStep = z.output<typeof p.AlphaStep>;
export type SafetyLevel = z.output<typeof m.SafetyLevel>;
export type SafetyMode = z.output<typeof m.SafetyMode>;
export type SafetyNotice = z.output<typeof m.SafetyNotice>;
export type SessionSafety = z.output<typeof m.SessionSafety>;
export type Urgency = z.output<typeof o.Urgency>;
export type AlertStatus = z.output<typeof o.AlertStatus>;
export type Resource = z.output<typeof m.Resource>;
export type Failure = z.output<typeof m.Failure>;
export type FaultDetail = z.output<typeof m.FaultDetail>;
export type ErrorBody = z.output<typeof m.ErrorBody>;
export type Health = z.output<typeof m.Health>;
