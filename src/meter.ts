/** What happens while the server runs, told to whoever measures it. No call waits or raises, and none is told who anybody is. */
export interface Meter {
  /** A turn begins on this node, or is taken over by it. */
  turn(begun: TurnBegun): TurnMeter;
  /** A turn was given up to other nodes, with the words it has. */
  handedOver(): void;
  /** An input was stored; `level` is that of the screening. */
  screened(level: string): void;
  /** Words of a model were not let through. */
  guarded(reason: string): void;
  /** An operation was answered; `code` is OK or that of the failure. */
  answered(operation: string, code: string, ms: number): void;
  /** A step of the store took so long; `outcome` is `error` where it raised something that is no answer. */
  stored(step: string, ms: number, outcome: 'ok' | 'fenced' | 'error'): void;
  /** Somebody follows a session from now on. */
  follower(transport: Transport): FollowerMeter;
  /** A client that asked for the rest of a log was given a snapshot instead. */
  resynced(): void;
  /** A log read for a follower has a hole, or words twice. Never right. [P-2] */
  gap(): void;
  /** A connection was opened; the answer is called once, with why it ended. */
  connected(transport: 'socket' | 'sse'): (reason: string) => void;
  /** A call of somebody outside went out: an alert or a webhook. */
  delivered(kind: string, outcome: Delivery): void;
}

/** How words reach a client: `turn` is a response that waits for one turn. */
export type Transport = 'socket' | 'sse' | 'poll' | 'turn';

type Delivery = 'sent' | 'retried' | 'given_up';

export interface TurnBegun {
  turnId: string;
  generation: number;
  /** ms since 1970, by the clock of the store. */
  startedAt: number;
  now: number;
  /** Why its owner before has it no more; null for a turn that is new. */
  takenOver: TakeoverCause | null;
}

/** `released`: its owner gave it back; `expired`: its owner is dead or does not answer. */
export type TakeoverCause = 'released' | 'expired';

/** `left`: another node goes on with it, or it was cancelled. */
export type TurnEnd = 'done' | 'failed' | 'left';

export interface TurnMeter {
  /** What it does from now on, as in `turn:status`; `person`: somebody may answer instead. */
  phase(name: string): void;
  /** A model begins on it. */
  began(source: string, model: string): void;
  /** The first word of the reply is shown. */
  firstWord(): void;
  /** Once. */
  ended(how: TurnEnd, chars: number): void;
}

/** Tells of turns elsewhere. */
export interface TurnTracer {
  turn(begun: TurnBegun): TurnMeter;
}

export interface FollowerMeter extends Disposable {
  /** A frame went out, so long after the wake-up that brought it; of a turn, if it has words. */
  sent(bytes: number, afterMs: number, wordsOf: string | null): void;
  /** `paused`: the client takes no more for now. */
  is(state: 'live' | 'behind' | 'paused'): void;
}

const nothing = (): void => {};
const noTurn: TurnMeter = { phase: nothing, began: nothing, firstWord: nothing, ended: nothing };
const noFollower: FollowerMeter = { sent: nothing, is: nothing, [Symbol.dispose]: nothing };

/** Measures nothing. */
export const noMeter: Meter = {
  turn: () => noTurn,
  handedOver: nothing,
  screened: nothing,
  guarded: nothing,
  answered: nothing,
  stored: nothing,
  follower: () => noFollower,
  resynced: nothing,
  gap: nothing,
  connected: () => nothing,
  delivered: nothing,
};
