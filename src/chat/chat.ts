import type { Handlers, Health, Input, OperationName, Output } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { AuditFact } from '../store/escalation.ts';
import type { SessionRecord, Store, TurnView } from '../store/store.ts';
import { freshCare, inherit, readClientCare, writeCare } from '../safety/care.ts';
import { readMemory } from '../therapy/memory.ts';
import type { Caller } from './access.ts';
import { clientOf, mustSession } from './access.ts';
import { tellCreated, tellDeleted, wakeFor } from './announce.ts';
import { endGrants, grantHandlers } from './grants.ts';
import type { GrantParts } from './grants.ts';
import { Admissions, draining, newRef } from './admit.ts';
import type { AdmitParts } from './admit.ts';
import { freshSession } from './newborn.ts';
import { operatorHandlers } from './operator.ts';
import type { OperatorParts } from './operator.ts';
import { join, PAGE, poll } from './reading.ts';
import { safetyPage } from './safety-page.ts';
import { sessionUpdated, toListed, toLogEntry, toSession, toTime, toTurn } from './wire.ts';

export interface ChatParts extends AdmitParts, OperatorParts, GrantParts {
  health: () => Promise<Health>;
}

const HISTORY_MAX = 200;
const LIST_MAX = 1_000;
const EXPORT_PAGE = 1_000;
/** Most characters of an id in a message. */
const SHOWN_ID = 200;

const toStamp = (at: number): string => toTime(at).replaceAll(/[-:]/g, '').replace('T', '_').slice(0, 15);

/** `session_YYYYMMDD_HHMMSS_xxxxxxxx`, UTC. [S-2] */
function madeId(now: number, newEpoch: string): string {
  return `session_${toStamp(now)}_${newEpoch.slice(0, 8)}`;
}

type Made = { created: boolean; session: Parameters<typeof toSession>[0] };

type Some<N extends OperationName> = Pick<Handlers<Caller>, N>;

/** One handler per operation. */
export function createChat(parts: ChatParts): Handlers<Caller> {
  return {
    ...sessionHandlers(parts),
    ...turnHandlers(parts),
    ...followHandlers(parts),
    ...readHandlers(parts),
    ...grantHandlers(parts),
    ...operatorHandlers(parts),
    'auth:refresh': async ({ token }, caller) => {
      const endsAt = await caller.refresh(token);
      return { expires_at: endsAt === null ? null : toTime(endsAt) };
    },
    'server:health': () => parts.health(),
    'server:safety': () => safetyPage(parts.store, parts.now()),
  };
}

function sessionHandlers(
  parts: ChatParts,
): Some<'session:create' | 'session:status' | 'session:delete' | 'session:list'> {
  const { store, announcer, turns, control, now } = parts;
  return {
    'session:create': async (input, caller) => {
      if (parts.isDraining()) throw draining();
      const made = await createSession(parts, input, caller);
      const { created } = made;
      const session = created ? await heldByClient(store, made.session) : made.session;
      const message = created
        ? 'The session is there and ready.'
        : 'The session was made before and is ready.';
      return { ...toSession(session), created, message };
    },

    'session:status': async (input, caller) => toSession(await mustSession(store, caller, input.session_id)),

    'session:delete': async (input, caller) => {
      const session = await mustSession(store, caller, input.session_id);
      const audit = [erased(session)];
      const letIn = (await store.capabilities(session)) ?? [];
      const outbox = tellDeleted(announcer, session);
      if (!(await store.remove(session, { audit, outbox }))) throw new AppError('SESSION_NOT_FOUND');
      wakeFor(announcer, outbox);
      turns.abortSession(session);
      endGrants(control, letIn);
      return {};
    },

    'session:list': async (input, caller) => {
      const { after, limit } = input;
      if (caller.session) throw new AppError('FORBIDDEN', { message: 'This token is for one session' });
      const page = await store.list(caller.tenant, caller.subject, after ?? null, limit ?? LIST_MAX);
      const sessions = page.sessions.map((record) => toListed(record, store.name));
      return { total_sessions: page.total, sessions, next: page.next, timestamp: toTime(now()) };
    },
  };
}

function turnHandlers(parts: ChatParts): Some<'session:input' | 'turn:cancel' | 'turn:retry' | 'turn:get'> {
  const { store, turns } = parts;
  const admissions = new Admissions(parts);
  return {
    'session:input': (input, caller) => {
      const { session_id: sessionId, user_input: userInput } = input;
      const words = {
        sessionId,
        userInput,
        inputId: input.input_id ?? null,
        interrupt: input.interrupt ?? false,
      };
      return admissions.admit(words, caller);
    },

    'turn:cancel': async (input, caller) => {
      const session = await mustSession(store, caller, input.session_id);
      const { turnId, state } = await store.cancel(session, input.turn_id ?? null);
      turns.abort(turnId);
      return { turn_id: turnId, state };
    },

    'turn:retry': async (input, caller) => {
      const { session_id: sessionId, turn_id: retryOf, input_id: inputId } = input;
      const session = await mustSession(store, caller, sessionId);
      const { turn } = await mustTurn(store, session, retryOf);
      const { userInput } = turn;
      const words = { sessionId, userInput, inputId: inputId ?? null, interrupt: false, retryOf };
      return admissions.admit(words, caller);
    },

    'turn:get': async (input, caller) => {
      const session = await mustSession(store, caller, input.session_id);
      return toTurn(session, await mustTurn(store, session, input.turn_id));
    },
  };
}

/** Following itself is the transport's: these tell it from where. */
function followHandlers(
  parts: ChatParts,
): Some<'session:join' | 'session:events' | 'session:log' | 'session:leave' | 'received'> {
  const { store } = parts;
  const joined = async (input: Input<'session:join'>, caller: Caller) =>
    join(parts, await mustSession(store, caller, input.session_id), input.after);
  return {
    'session:join': (input, caller) => joined(input, caller),
    'session:events': (input, caller) => joined(input, caller),
    'session:log': async (input, caller) =>
      poll(parts, await mustSession(store, caller, input.session_id), input, caller.signal),
    'session:leave': async (input, caller) => {
      await mustSession(store, caller, input.session_id);
      return {};
    },
    received: async () => ({}),
  };
}

function readHandlers({ store }: ChatParts): Some<'session:history' | 'session:export'> {
  return {
    'session:history': async (input, caller) => {
      const session = await mustSession(store, caller, input.session_id);
      const found = (await store.turns(session, input.before ?? null, input.limit ?? PAGE)) ?? [];
      const first = found[0]?.turn.n ?? 1;
      return { turns: found.map((view) => toTurn(session, view)), next_before: first > 1 ? first : null };
    },
    'session:export': (input, caller) => exportSession(store, input.session_id, caller),
  };
}

/** What is known of the person: by the token of the caller first where that protects. */
function described(input: Input<'session:create'>, caller: Caller) {
  return {
    clientId: input.client_id ?? null,
    metadata: input.metadata ?? {},
    locale: input.locale ?? caller.locale,
    country: input.country ?? null,
    ageBand: caller.ageBand ?? input.age_band ?? null,
  };
}

async function createSession(
  { store, announcer, now }: ChatParts,
  input: Input<'session:create'>,
  caller: Caller,
): Promise<Made> {
  const given = input.session_id ?? '';
  for (;;) {
    const fresh = freshSession(caller, given);
    const sessionId = given === '' ? madeId(now(), fresh.epoch) : given;
    const session = { ...fresh, ...described(input, caller), sessionId };
    try {
      const outbox = tellCreated(announcer, session);
      const createKey = input.create_key ?? null;
      const made = await store.create({ session, createKey, idGiven: given !== '', outbox });
      if (made.created) wakeFor(announcer, outbox);
      return made;
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'SESSION_CONFLICT')) throw error;
      if (given === '') continue; // [S-2] a clash of made ids is retried
      const id = given.length > SHOWN_ID ? `${given.slice(0, SHOWN_ID).toWellFormed()}…` : given;
      throw new AppError('SESSION_CONFLICT', {
        message: `Session ID '${id}' already exists. Use another one, or leave it out to get one made for you.`,
      });
    }
  }
}

/** A session of a client whose risk lies in another one begins in hold. (SAFETY.md 1.9) */
async function heldByClient(store: Store, session: SessionRecord): Promise<SessionRecord> {
  const client = clientOf(session);
  if (client === null) return session;
  const known = readClientCare(await store.clientCare(session.tenant, client));
  const care = inherit(freshCare(newRef()), known);
  if (care.mode === 'normal') return session;
  const safety = { level: care.level, mode: care.mode, guarded: false, reason_codes: [...care.codes] };
  const change = { safety, care: writeCare(care) };
  await store.note(session, [sessionUpdated({ ...session, ...change })], change, { basis: session.version });
  return (await store.session(session)) ?? session;
}

/** What the audit keeps of a deletion: that there was one. */
const erased = ({ safety }: SessionRecord): AuditFact => ({
  kind: 'erased',
  ref: '',
  level: safety.level,
  data: { by: 'owner' },
});

async function mustTurn(store: Store, session: SessionRecord, turnId: string): Promise<TurnView> {
  const view = await store.turn(session, turnId);
  if (!view) throw new AppError('TURN_NOT_FOUND');
  return view;
}

async function exportSession(
  store: Store,
  sessionId: string,
  caller: Caller,
): Promise<Output<'session:export'>> {
  const session = await mustSession(store, caller, sessionId);
  const views: TurnView[] = [];
  for (let before: number | null = null; before !== 1;) {
    const page: TurnView[] = (await store.turns(session, before, HISTORY_MAX)) ?? [];
    views.unshift(...page);
    before = page[0]?.turn.n ?? 1;
  }
  const log: Output<'session:export'>['log'] = [];
  for (let after = 0; ;) {
    const page = await store.read(session, after, EXPORT_PAGE);
    const last = page?.entries.at(-1);
    if (!page || !last) break;
    log.push(...page.entries.map((entry) => toLogEntry(session, entry)));
    after = last.seq;
  }
  const memory = session.memory ? readMemory(session.memory) : null;
  return { session: toSession(session), memory, turns: views.map((view) => toTurn(session, view)), log };
}
