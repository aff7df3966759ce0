// One open way to the server. The connection chooses it; sessions read and ask through it and do not know which it is.
import type { RequestOptions, Transport } from './api.ts';
import type { ChatError } from './errors.ts';
import type { LoggedPush, Operations, Pushes, Snapshot } from './wire.ts';

export type OperationName = keyof Operations;

/** A push as it came. The SDK trusts the server's payloads: tests hold them to the contract. */
export type Arrival = { [E in keyof Pushes]: { event: E; data: Pushes[E] } }[keyof Pushes];
/** A push that the log keeps. */
export type Entry = Extract<Arrival, { event: LoggedPush }>;

/** What a later version says beyond these is handed on, and means nothing here. */
export const arrivalOf = (event: string, data: unknown): Arrival =>
  ({ event, data: Object(data) }) as Arrival;

export const isEntry = (arrival: Arrival): arrival is Entry => 'seq' in arrival.data;

/** What a session wants of a line. Everything is called at once, in the order in which it came. */
export interface Reader {
  /** `<epoch>.<seq>` of the last entry applied; null: nothing is known. */
  readonly cursor: string | null;
  /** What follows begins at the cursor; or the snapshot stands for everything so far. */
  joined(snapshot: Snapshot | null): void;
  arrived(arrival: Arrival): void;
  /** The session cannot be followed; nothing arrives until it is followed again. */
  refused(error: ChatError): void;
}

export interface Following {
  /** Reads again from the cursor on. The line is lost where no answer comes in time. */
  resync(timeoutMs?: number): void;
  /** Something should have arrived by now: resyncs, or finds that the line holds frames back. */
  overdue(): void;
  stop(): void;
}

export interface Line {
  readonly via: Transport;
  /** @throws ChatError, ConnectionError */
  request<N extends OperationName>(
    name: N,
    input: Operations[N]['input'],
    options?: RequestOptions,
  ): Promise<Operations[N]['output']>;
  /** One follower per session. */
  follow(sessionId: string, reader: Reader): Following;
  close(): void;
}

/** What a line tells the connection. */
export interface LineEvents {
  /** It is of no use any more. `buffered`: frames are held back on the way, and another transport is needed. */
  lost: (line: Line, why: unknown) => void;
  announced: (line: Line, announcement: Announcement) => void;
}

/** A push that concerns no session. */
export type Announcement = Extract<
  Arrival,
  { event: 'model:status' | 'server:notice' | 'auth:expiring' | 'server:draining' }
>;
export const isAnnouncement = (arrival: Arrival): arrival is Announcement => !('session_id' in arrival.data);

/** A stream says something every 15 s, a live turn every 10 s. */
export const SILENCE_MS = 45_000;

/** How long an answer is waited for. */
export const REQUEST_MS = 10_000;
