// The API, once: types, validation, the Socket.IO loop, the REST loop, OpenAPI and AsyncAPI are read from these two tables.
import { z } from 'zod';
import { accessOperations } from './access.ts';
import type { ErrorCode } from './errors.ts';
import * as m from './model.ts';
import { operation, route } from './operation.ts';
import { operatorOperations } from './operator.ts';
import { Navigation } from './progress.ts';

/** Every operation may be refused with these. */
export const commonErrors = [
  'MALFORMED_JSON',
  'VALIDATION_FAILED',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'STORE_UNAVAILABLE',
  'INTERNAL',
] as const satisfies readonly ErrorCode[];

const ofSession = { session_id: m.GivenSessionId };
const ofTurn = { session_id: m.GivenSessionId, turn_id: m.TurnId };
const word = m.Text.nullish();
const after = m.Cursor.nullish();

const CreateFields = z.object({
  session_id: m.SessionId.nullish().meta({
    description: 'Your own id; absent, null or "" makes one [S-1] [S-2]',
  }),
  client_id: word,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  create_key: word.meta({ description: 'The same key returns the session its first use made [S-5]' }),
  locale: word,
  country: word,
  age_band: word,
});
/** Nothing, a string (the id), or the fields. */
const CreateInput = z.preprocess(
  (value) => (typeof value === 'string' ? { session_id: value } : (value ?? {})),
  CreateFields,
);

const InputFields = z.object({
  ...ofSession,
  user_input: m.UserInput,
  input_id: m.InputId.nullish(),
  interrupt: z.boolean().nullish().meta({ description: 'Cancel a live turn in the same step' }),
});

const JoinAck = z
  .union([z.object({ session: m.Session, mode: z.literal('tail'), cursor: m.Cursor }), m.Snapshot])
  .meta({ id: 'JoinAck' });

export const operations = {
  'session:create': operation({
    summary: 'Open a session under an id of your own, or under a made one',
    needs: 'create',
    input: CreateInput,
    output: m.Session.extend({ created: z.boolean(), message: z.string() }),
    errors: ['SESSION_CONFLICT', 'IDEMPOTENCY_CONFLICT', 'DRAINING'],
    rest: [route('POST /api/v1/session/create')],
    socket: true,
    follows: 'keep',
  }),
  'session:join': operation({
    summary: 'Follow the log of a session from a cursor on; without one, from a snapshot',
    needs: 'read',
    input: z.object({ ...ofSession, after }),
    output: JoinAck,
    errors: ['SESSION_NOT_FOUND'],
    rest: [],
    socket: true,
    follows: 'join',
  }),
  'session:leave': operation({
    summary: 'Stop following a session',
    needs: 'read',
    input: z.object(ofSession),
    output: z.object({}),
    errors: ['SESSION_NOT_FOUND'],
    rest: [],
    socket: true,
  }),
  'session:input': operation({
    summary: 'Say something; makes the session if there is none',
    needs: 'write',
    input: InputFields,
    output: m.Admission,
    body: m.TherapistResponse,
    errors: [
      'SESSION_CONFLICT',
      'TURN_IN_PROGRESS',
      'IDEMPOTENCY_CONFLICT',
      'TURN_CANCELLED',
      'SESSION_NOT_FOUND',
      'MODEL_BUSY',
      'MODEL_INTERRUPTED',
      'DRAINING',
    ],
    rest: [
      route('POST /api/v1/session/:session_id/input', { reply: 'turn' }),
      route('POST /api/v1/input', { reply: 'turn' }),
    ],
    socket: true,
    follows: 'keep',
  }),
  'turn:cancel': operation({
    summary: 'Stop a turn, whatever it is doing',
    needs: 'write',
    input: z.object({ ...ofSession, turn_id: m.TurnId.nullish() }),
    output: z.object({ turn_id: m.TurnId, state: m.TurnState }),
    errors: ['SESSION_NOT_FOUND', 'TURN_NOT_FOUND'],
    rest: [route('POST /api/v1/session/:session_id/turns/:turn_id/cancel')],
    socket: true,
  }),
  'turn:retry': operation({
    summary: 'Run the input of the last turn again, if that failed or was cancelled',
    needs: 'write',
    input: z.object({ ...ofTurn, input_id: m.InputId.nullish() }),
    output: m.Admission,
    errors: [
      'SESSION_NOT_FOUND',
      'TURN_NOT_FOUND',
      'TURN_IN_PROGRESS',
      'IDEMPOTENCY_CONFLICT',
      'MODEL_BUSY',
      'DRAINING',
    ],
    rest: [route('POST /api/v1/session/:session_id/turns/:turn_id/retry')],
    socket: true,
    follows: 'keep',
  }),
  'session:status': operation({
    summary: 'The session as it is now',
    needs: 'read',
    input: z.object(ofSession),
    output: m.Session,
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/status')],
    socket: true,
  }),
  'session:history': operation({
    summary: 'Turns before a turn number, newest last',
    needs: 'read',
    input: z.object({
      ...ofSession,
      before: z.int().min(1).nullish(),
      limit: z.int().min(1).max(200).nullish().meta({ description: 'Default 50' }),
    }),
    output: z.object({ turns: z.array(m.Turn), next_before: z.int().nullable() }),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/history', { query: ['before', 'limit'] })],
    socket: true,
  }),
  'session:delete': operation({
    summary: 'Delete all data of a session and free its id',
    needs: 'erase',
    input: z.object(ofSession),
    output: z.object({}),
    body: z.object({ message: z.string(), timestamp: z.string() }),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('DELETE /api/v1/session/:session_id')],
    socket: true,
  }),
  'auth:refresh': operation({
    summary: 'Hand in a fresh token of the same caller, before the one at hand runs out',
    needs: 'nothing',
    input: z.object({ token: m.Text }),
    output: z.object({ expires_at: z.string().nullable() }),
    errors: [],
    rest: [],
    socket: true,
  }),
  received: operation({
    summary: 'What the client has applied: flow control for slow links, never acknowledged',
    needs: 'read',
    input: z.object({ ...ofSession, seq: z.int().min(0) }),
    output: z.object({}),
    errors: ['SESSION_NOT_FOUND'],
    rest: [],
    socket: true,
  }),
  'session:log': operation({
    summary: 'Long poll: the log from a cursor on, as soon as there is more of it',
    needs: 'read',
    input: z.object({ ...ofSession, after, wait: z.number().min(0).max(30).nullish() }),
    output: z.union([
      z.object({ mode: z.literal('tail'), entries: z.array(m.LogEntry), cursor: m.Cursor }),
      m.Snapshot,
    ]),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/log', { reply: 'poll', query: ['after', 'wait'] })],
    socket: false,
  }),
  'session:events': operation({
    summary: 'Server-sent events of a session; `Last-Event-ID` resumes',
    needs: 'read',
    input: z.object({
      ...ofSession,
      after,
      ticket: m.Text.nullish().meta({
        description: 'From `…/ticket`, in place of a token; it opens one stream',
      }),
    }),
    output: JoinAck,
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/events', { reply: 'stream', query: ['after', 'ticket'] })],
    socket: false,
  }),
  'turn:get': operation({
    summary: 'One turn',
    needs: 'read',
    input: z.object(ofTurn),
    output: m.Turn,
    errors: ['SESSION_NOT_FOUND', 'TURN_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/turns/:turn_id')],
    socket: false,
  }),
  'session:export': operation({
    summary: 'All that is stored of a session',
    needs: 'export',
    input: z.object(ofSession),
    output: m.SessionExport,
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/export')],
    socket: false,
  }),
  'session:list': operation({
    summary: 'The sessions, oldest first',
    needs: 'read',
    input: z.object({
      limit: z.int().min(1).max(1000).nullish().meta({ description: 'Default 1000' }),
      after: z.string().nullish().meta({ description: '`next` of the page before' }),
    }),
    output: z.object({
      total_sessions: z.int(),
      sessions: z.array(
        m.Session.pick({
          session_id: true,
          client_id: true,
          status: true,
          created_at: true,
          last_interaction: true,
          turn_count: true,
          current_substate: true,
          state_id: true,
          priority_state: true,
        }).extend({ storage: z.string() }),
      ),
      next: z.string().nullable(),
      timestamp: z.string(),
    }),
    errors: [],
    rest: [route('GET /api/v1/sessions', { query: ['limit', 'after'] })],
    socket: false,
  }),
  'server:health': operation({
    summary: 'How the server and what it uses are doing; always 200',
    needs: 'nothing',
    input: z.object({}),
    output: m.Health,
    errors: [],
    rest: [route('GET /health')],
    socket: false,
  }),
  ...accessOperations,
  ...operatorOperations,
} as const;

interface Push<L extends boolean, P extends z.ZodType> {
  summary: string;
  /** Logged pushes carry `seq`, and over SSE an `id:`. */
  logged: L;
  payload: P;
}

function push<L extends boolean, P extends z.ZodType>(row: Push<L, P>): Push<L, P> {
  return row;
}

const turnEntry = m.Logged.extend({ turn_id: m.TurnId });

export const pushes = {
  'turn:queued': push({
    summary: 'The place in the queue for the model, again whenever it changes',
    logged: false,
    payload: z.object({ ...ofTurn, position: z.int().min(1) }),
  }),
  'turn:status': push({
    summary: 'What a live turn is doing, at least every 10 s while no text flows',
    logged: false,
    payload: z.object({ ...ofTurn, phase: m.Phase, since_ms: z.int().min(0) }),
  }),
  'turn:started': push({
    summary: 'An input was admitted',
    logged: true,
    payload: turnEntry.extend({
      n: z.int().min(1),
      user_input: z.string(),
      preprocessing: m.Preprocessing,
      navigation: Navigation,
    }),
  }),
  'therapist:token': push({
    summary: 'Text of the reply that begins at UTF-16 index `at` of it',
    logged: true,
    payload: turnEntry.extend({ at: z.int().min(0), text: z.string() }),
  }),
  'therapist:reset': push({
    summary: 'The reply is now `text`; what follows goes on from there',
    logged: true,
    payload: turnEntry.extend({ at: z.int().min(0), text: z.string(), cause: z.string() }),
  }),
  'therapist:done': push({
    summary: 'The reply is whole',
    logged: true,
    payload: m.TherapistResponse,
  }),
  'therapist:error': push({
    summary: 'The turn failed for good; the text so far stays',
    logged: true,
    payload: turnEntry.extend({ error: m.Failure, text: z.string() }),
  }),
  'turn:cancelled': push({
    summary: 'The turn was cancelled; no text of it follows',
    logged: true,
    payload: turnEntry.extend({ text: z.string() }),
  }),
  'safety:resources': push({
    summary: 'Places to get help now',
    logged: true,
    payload: turnEntry.extend({ level: m.SafetyLevel, resources: z.array(m.Resource) }),
  }),
  disclosure: push({
    summary: 'What the person must know about whom they talk to',
    logged: true,
    payload: m.Disclosure,
  }),
  'human:message': push({
    summary: "A person's words during a takeover",
    logged: true,
    payload: m.HumanMessage,
  }),
  'session:updated': push({
    summary: 'The status or the safety mode of the session changed',
    logged: true,
    payload: m.Session.extend({ seq: z.int().min(1), from: z.int().min(1).optional() }),
  }),
  'session:deleted': push({
    summary: 'The session is gone; drop what you have of it',
    logged: false,
    payload: z.object({ session_id: m.SessionId, epoch: z.string() }),
  }),
  'model:status': push({
    summary: 'The model is being fetched or loaded, is ready, or is not to be had',
    logged: false,
    payload: z.object({
      name: z.string(),
      phase: z.enum(['pulling', 'loading', 'ready', 'unavailable']),
      completed: z.number().optional(),
      total: z.number().optional(),
    }),
  }),
  'server:notice': push({
    summary:
      'A notice to everybody from the people behind the server; the same text and time again is the same notice',
    logged: false,
    payload: z.object({ text: z.string(), at: m.Timestamp }),
  }),
  'auth:expiring': push({
    summary: 'The token runs out in 60 s',
    logged: false,
    payload: z.object({ expires_at: z.string() }),
  }),
  'server:draining': push({
    summary: 'The server goes down; reconnect after this time',
    logged: false,
    payload: z.object({ reconnect_after_ms: z.int().min(0) }),
  }),
} as const;
