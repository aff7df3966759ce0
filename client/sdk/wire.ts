// Made from src/contract by `npm run docs`; do not edit.
import type {
  Admission,
  Capability,
  Cursor,
  Disclosure,
  Failure,
  Health,
  HumanMessage,
  JoinAck,
  LogEntry,
  Logged,
  Navigation,
  Phase,
  Preprocessing,
  PriorityState,
  Resource,
  SafetyLevel,
  Session,
  SessionCreateInput,
  SessionExport,
  SessionId,
  Snapshot,
  StateId,
  Substate,
  TherapistResponse,
  Timestamp,
  Turn,
  TurnId,
  TurnState,
} from './wire-model.ts';

export type * from './wire-model.ts';

/** What can be asked for: what a client sends, and the value of the answer. */
export interface Operations {
  /** Open a session under an id of your own, or under a made one */
  'session:create': {
    input: SessionCreateInput | string | null;
    output: Session & { created: boolean; message: string };
  };
  /** Follow the log of a session from a cursor on; without one, from a snapshot */
  'session:join': {
    input: { session_id: SessionId; after?: Cursor | null | undefined };
    output: JoinAck;
  };
  /** Stop following a session */
  'session:leave': {
    input: { session_id: SessionId };
    output: Record<string, never>;
  };
  /** Say something; makes the session if there is none */
  'session:input': {
    input: {
      session_id: SessionId;
      /** 1 to 16000 characters (code points) */
      user_input: string;
      input_id?: string | null | undefined;
      /** Cancel a live turn in the same step */
      interrupt?: boolean | null | undefined;
    };
    output: Admission;
  };
  /** Stop a turn, whatever it is doing */
  'turn:cancel': {
    input: { session_id: SessionId; turn_id?: TurnId | null | undefined };
    output: { turn_id: TurnId; state: TurnState };
  };
  /** Run the input of the last turn again, if that failed or was cancelled */
  'turn:retry': {
    input: { session_id: SessionId; turn_id: TurnId; input_id?: string | null | undefined };
    output: Admission;
  };
  /** The session as it is now */
  'session:status': {
    input: { session_id: SessionId };
    output: Session;
  };
  /** Turns before a turn number, newest last */
  'session:history': {
    input: {
      session_id: SessionId;
      before?: number | null | undefined;
      /** Default 50 */
      limit?: number | null | undefined;
    };
    output: { turns: Turn[]; next_before: number | null };
  };
  /** Delete all data of a session and free its id */
  'session:delete': {
    input: { session_id: SessionId };
    output: Record<string, never>;
  };
  /** Hand in a fresh token of the same caller, before the one at hand runs out */
  'auth:refresh': {
    input: { token: string };
    output: { expires_at: string | null };
  };
  /** What the client has applied: flow control for slow links, never acknowledged */
  received: {
    input: { session_id: SessionId; seq: number };
    output: Record<string, never>;
  };
  /** Long poll: the log from a cursor on, as soon as there is more of it */
  'session:log': {
    input: { session_id: SessionId; after?: Cursor | null | undefined; wait?: number | null | undefined };
    output: { mode: 'tail'; entries: LogEntry[]; cursor: Cursor } | Snapshot;
  };
  /** Server-sent events of a session; `Last-Event-ID` resumes */
  'session:events': {
    input: {
      session_id: SessionId;
      after?: Cursor | null | undefined;
      /** From `…/ticket`, in place of a token; it opens one stream */
      ticket?: string | null | undefined;
    };
    output: JoinAck;
  };
  /** One turn */
  'turn:get': {
    input: { session_id: SessionId; turn_id: TurnId };
    output: Turn;
  };
  /** All that is stored of a session */
  'session:export': {
    input: { session_id: SessionId };
    output: SessionExport;
  };
  /** The sessions, oldest first */
  'session:list': {
    input: {
      /** Default 1000 */
      limit?: number | null | undefined;
      /** `next` of the page before */
      after?: string | null | undefined;
    };
    output: {
      total_sessions: number;
      sessions: {
        session_id: SessionId;
        client_id: string | null;
        status: 'active' | 'completed';
        created_at: Timestamp;
        last_interaction: Timestamp;
        turn_count: number;
        current_substate: Substate;
        state_id: StateId;
        /** Null where the fine state itself answered the turn */
        priority_state: PriorityState | null;
        storage: string;
      }[];
      next: string | null;
      timestamp: string;
    };
  };
  /** How the server and what it uses are doing; always 200 */
  'server:health': {
    input: Record<string, never>;
    output: Health;
  };
  /** Let somebody else into a session: a token for it and nothing else */
  'session:grant': {
    input: {
      session_id: SessionId;
      /** Default: read and write */
      rights?: ('read' | 'write' | 'export' | 'erase')[] | null | undefined;
      /** Seconds; absent: a day; null: as long as the session lives */
      expires_in?: number | null | undefined;
      /** To tell it from others in the list */
      label?: string | null | undefined;
    };
    output: Capability & {
      /** Shown this once; kept nowhere */
      token: string;
    };
  };
  /** The capabilities of a session, without their tokens */
  'session:grants': {
    input: { session_id: SessionId };
    output: { capabilities: Capability[] };
  };
  /** Take a capability back: whoever is connected by it is disconnected, on every node */
  'session:revoke': {
    input: { session_id: SessionId; capability_id: string };
    output: Record<string, never>;
  };
  /** A ticket that opens the event stream of a session once, for clients that cannot send a header */
  'session:ticket': {
    input: { session_id: SessionId };
    output: { ticket: string; expires_at: Timestamp };
  };
}

/** What the server sends by itself. */
export interface Pushes {
  /** The place in the queue for the model, again whenever it changes */
  'turn:queued': { session_id: SessionId; turn_id: TurnId; position: number };
  /** What a live turn is doing, at least every 10 s while no text flows */
  'turn:status': { session_id: SessionId; turn_id: TurnId; phase: Phase; since_ms: number };
  /** An input was admitted */
  'turn:started': Logged & {
    turn_id: TurnId;
    n: number;
    user_input: string;
    preprocessing: Preprocessing;
    navigation: Navigation;
  };
  /** Text of the reply that begins at UTF-16 index `at` of it */
  'therapist:token': Logged & { turn_id: TurnId; at: number; text: string };
  /** The reply is now `text`; what follows goes on from there */
  'therapist:reset': Logged & { turn_id: TurnId; at: number; text: string; cause: string };
  /** The reply is whole */
  'therapist:done': TherapistResponse;
  /** The turn failed for good; the text so far stays */
  'therapist:error': Logged & { turn_id: TurnId; error: Failure; text: string };
  /** The turn was cancelled; no text of it follows */
  'turn:cancelled': Logged & { turn_id: TurnId; text: string };
  /** Places to get help now */
  'safety:resources': Logged & { turn_id: TurnId; level: SafetyLevel; resources: Resource[] };
  /** What the person must know about whom they talk to */
  disclosure: Disclosure;
  /** A person's words during a takeover */
  'human:message': HumanMessage;
  /** The status or the safety mode of the session changed */
  'session:updated': Session & { seq: number; from?: number | undefined };
  /** The session is gone; drop what you have of it */
  'session:deleted': { session_id: SessionId; epoch: string };
  /** The model is being fetched or loaded, is ready, or is not to be had */
  'model:status': {
    name: string;
    phase: 'pulling' | 'loading' | 'ready' | 'unavailable';
    completed?: number | undefined;
    total?: number | undefined;
  };
  /** A notice to everybody from the people behind the server; the same text and time again is the same notice */
  'server:notice': { text: string; at: Timestamp };
  /** The token runs out in 60 s */
  'auth:expiring': { expires_at: string };
  /** The server goes down; reconnect after this time */
  'server:draining': { reconnect_after_ms: number };
}

/** Pushes that are entries of the log of a session: numbered without a hole, and sent again after a gap. */
export type LoggedPush =
  | 'turn:started' | 'therapist:token' | 'therapist:reset' | 'therapist:done' | 'therapist:error'
  | 'turn:cancelled' | 'safety:resources' | 'disclosure' | 'human:message' | 'session:updated';

export const loggedPushes = [
  'turn:started', 'therapist:token', 'therapist:reset', 'therapist:done', 'therapist:error', 'turn:cancelled',
  'safety:resources', 'disclosure', 'human:message', 'session:updated',
] as const satisfies readonly LoggedPush[];

/** Pushes of the moment: they are not sent again. */
export const otherPushes = [
  'turn:queued', 'turn:status', 'session:deleted', 'model:status', 'server:notice', 'auth:expiring',
  'server:draining',
] as const satisfies readonly Exclude<keyof Pushes, LoggedPush>[];

/** Method and path of each operation that is to be had over REST, then the fields that go into the query. */
export const routes = {
  'session:create': ['POST', '/api/v1/session/create'],
  'session:input': ['POST', '/api/v1/session/:session_id/input'],
  'turn:cancel': ['POST', '/api/v1/session/:session_id/turns/:turn_id/cancel'],
  'turn:retry': ['POST', '/api/v1/session/:session_id/turns/:turn_id/retry'],
  'session:status': ['GET', '/api/v1/session/:session_id/status'],
  'session:history': ['GET', '/api/v1/session/:session_id/history', 'before', 'limit'],
  'session:delete': ['DELETE', '/api/v1/session/:session_id'],
  'session:log': ['GET', '/api/v1/session/:session_id/log', 'after', 'wait'],
  'session:events': ['GET', '/api/v1/session/:session_id/events', 'after', 'ticket'],
  'turn:get': ['GET', '/api/v1/session/:session_id/turns/:turn_id'],
  'session:export': ['GET', '/api/v1/session/:session_id/export'],
  'session:list': ['GET', '/api/v1/sessions', 'limit', 'after'],
  'server:health': ['GET', '/health'],
  'session:grant': ['POST', '/api/v1/session/:session_id/capabilities'],
  'session:grants': ['GET', '/api/v1/session/:session_id/capabilities'],
  'session:revoke': ['DELETE', '/api/v1/session/:session_id/capabilities/:capability_id'],
  'session:ticket': ['POST', '/api/v1/session/:session_id/ticket'],
} as const;
