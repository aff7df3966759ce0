// What the cases of the store suite are made with.
import type { SessionProgress, SessionSafety } from '../../src/contract/types.ts';
import type { AuditFact, AuditRecord, NewAlert } from '../../src/store/escalation.ts';
import type {
  AdmitRequest,
  Lease,
  LogRecord,
  NewEntry,
  NewSession,
  SessionLife,
  Store,
  TurnEntry,
  TurnPlan,
} from '../../src/store/store.ts';

/** One store with nothing in it, on a clock the test moves. Disposing it disposes every store it gave. */
export interface StoreUnderTest extends AsyncDisposable {
  store: Store;
  /** Lets time pass for the store. */
  advance(ms: number): Promise<void>;
  /** The store as another process finds it when the first one was killed now. */
  restart(): Promise<Store>;
}

export type OpenStore = () => Promise<StoreUnderTest>;

export const LEASE_MS = 8000;

const progress: SessionProgress = {
  current_substate: '1.1_goal_and_vision',
  body_question_count: 0,
  completion_criteria: {
    goal_established: false,
    vision_created: false,
    problem_identified: false,
    body_awareness_present: false,
    body_location_identified: false,
    body_sensation_identified: false,
    present_moment_focus: false,
    pattern_understood: false,
    rapport_established: false,
    alpha_state_achieved: false,
    ready_for_stage_2: false,
  },
  state_id: '1.1',
  priority_state: null,
  criteria_detail: {
    emotion_identified: false,
    vision_presented: false,
    psycho_education_provided: false,
    education_understood: false,
    problem_asked: false,
    second_cycle: false,
    alpha_started: false,
    alpha_declined: false,
  },
  technique: 'none',
  handoff_recommended: false,
  alpha: null,
};

/** Nothing was found. */
export const noRisk: SessionSafety = { level: 'none', mode: 'normal', guarded: false, reason_codes: [] };

export const plan: TurnPlan = {
  preprocessing: {
    original_input: 'hello',
    cleaned_input: 'hello',
    corrected_input: 'hello',
    emotional_state: { categories: {}, intensity: 0, primary_emotion: 'neutral' },
    input_category: 'general',
    spelling_corrections: [],
    safety_checks: {
      self_harm_detected: { detected: false, phrases_found: [], severity: 'none' },
      thinking_mode_detected: { detected: false, phrases_found: [] },
      past_tense_detected: { detected: false, phrases_found: [] },
      i_dont_know_detected: { detected: false, phrases_found: [], context: '', note: '' },
    },
  },
  navigation: { decision: 'clarify_goal', next_state: null, rag_query: null, reasoning: null },
  progress: { ...progress, current_substate: '1.2_problem_and_body', state_id: '2.1' },
  memory: '{"goal":"calm"}',
  line: 'What would you like to get out of this?',
  safety: null,
  care: { safety: noRisk, isFixed: false, awaitsHuman: false, ref: 'ref' },
};

export function newSession(sessionId: string, changes: Partial<NewSession> = {}): NewSession {
  return {
    tenant: 'tenant',
    sessionId,
    epoch: 'epoch-1',
    owner: 'owner',
    clientId: null,
    metadata: {},
    locale: null,
    country: null,
    ageBand: null,
    progress,
    ...changes,
  };
}

/** An input to a session that the store does not have yet, unless `changes` say otherwise. */
export function input(sessionId: string, turnId: string, changes: Partial<AdmitRequest> = {}): AdmitRequest {
  return {
    session: newSession(sessionId),
    basis: null,
    turnId,
    inputId: null,
    userInput: 'hello',
    interrupt: false,
    plan,
    safety: noRisk,
    care: '{}',
    client: null,
    alerts: [],
    audit: [],
    entries: [started(turnId)],
    node: 'node',
    leaseMs: LEASE_MS,
    ...changes,
  };
}

/** Admits an input to a session as it is now, or makes the session. */
export async function admit(
  store: Store,
  sessionId: string,
  turnId: string,
  changes: Partial<AdmitRequest> = {},
) {
  const session = changes.session ?? newSession(sessionId);
  const now = await store.session(session);
  const basis = now ? { epoch: now.epoch, version: now.version } : null;
  const admitted = await store.admit(input(sessionId, turnId, { session, basis, ...changes }));
  if (admitted.kind !== 'admitted') throw new Error(`not admitted but ${admitted.kind}`);
  const { tenant, epoch } = admitted.session;
  const lease: Lease = { tenant, sessionId, epoch, turnId, generation: 1 };
  return { ...admitted, lease };
}

export function started(turnId: string): NewEntry {
  const { preprocessing, navigation } = plan;
  return {
    event: 'turn:started',
    data: { turn_id: turnId, n: 1, user_input: 'hello', preprocessing, navigation },
  };
}

export function token(turnId: string, at: number, text: string): TurnEntry {
  return { event: 'therapist:token', data: { turn_id: turnId, at, text } };
}

export function reset(turnId: string, text: string): TurnEntry {
  return { event: 'therapist:reset', data: { turn_id: turnId, at: text.length, text, cause: 'model' } };
}

export function done(turnId: string, text: string): NewEntry {
  return {
    event: 'therapist:done',
    data: {
      turn_id: turnId,
      n: 1,
      therapist_response: text,
      preprocessing: plan.preprocessing,
      navigation: plan.navigation,
      session_progress: plan.progress,
      safety: noRisk,
      source: 'guide',
      model: 'guide',
      timings: { queued_ms: 0, first_token_ms: 0, total_ms: 0 },
      timestamp: '2025-01-01T00:00:00.000Z',
    },
  };
}

function failed(turnId: string, text: string): NewEntry {
  const error = { code: 'MODEL_INTERRUPTED', status: 502, message: 'interrupted', retryable: true } as const;
  return { event: 'therapist:error', data: { turn_id: turnId, error, text } };
}

export function disclosure(text: string): NewEntry {
  return { event: 'disclosure', data: { text, prominence: 'once' } };
}

/** A finish without last words. */
export function ending(turnId: string, text: string): Parameters<Store['finish']>[1] {
  const { progress: reached, memory } = plan;
  return {
    state: 'done',
    entries: [done(turnId, text)],
    after: { progress: reached, memory },
    completes: false,
  };
}

export function failure(turnId: string, text: string): Parameters<Store['finish']>[1] {
  return { state: 'failed', entries: [failed(turnId, text)], after: null, completes: false };
}

/** A session with one ended turn that said `words`. */
export async function spoken(store: Store, sessionId: string, turnId: string, words: string[]) {
  const { lease } = await admit(store, sessionId, turnId);
  let text = '';
  for (const word of words) {
    await store.append(lease, [token(turnId, text.length, word)], LEASE_MS);
    text += word;
  }
  await store.finish(lease, ending(turnId, text));
  return lease;
}

/** The whole log, in pages. */
export async function wholeLog(store: Store, life: SessionLife, pageSize = 1000): Promise<LogRecord[]> {
  const log: LogRecord[] = [];
  for (;;) {
    const page = await store.read(life, log.at(-1)?.seq ?? 0, pageSize);
    if (!page) throw new Error('the session is gone');
    log.push(...page.entries);
    if (page.entries.length === 0) return log;
  }
}

/** The text a client has after these entries, by the rules of docs/protocol.md section 3. */
export function replyOf(log: readonly LogRecord[], turnId: string): string {
  let text = '';
  for (const { event, data } of log) {
    if (!('turn_id' in data) || data.turn_id !== turnId) continue;
    if (event === 'therapist:token') text += data.text;
    if (event === 'therapist:reset' || event === 'therapist:error' || event === 'turn:cancelled')
      text = data.text;
    if (event === 'therapist:done') text = data.therapist_response;
  }
  return text;
}

export function endsOf(log: readonly LogRecord[], turnId: string): LogRecord[] {
  const events = ['therapist:done', 'therapist:error', 'turn:cancelled'];
  return log.filter(
    ({ event, data }) => events.includes(event) && 'turn_id' in data && data.turn_id === turnId,
  );
}

/** A fact that came with a turn. */
export function fact(ref: string, changes: Partial<AuditFact> = {}): AuditFact {
  return { kind: 'decision', ref, level: 'active', data: { reason_codes: ['self_harm'] }, ...changes };
}

export function call(alertId: string, changes: Partial<NewAlert> = {}): NewAlert {
  const said = { level: 'active', urgency: 'urgent', requiresAck: true } as const;
  return { alertId, ...said, body: `{"id":"${alertId}"}`, isSent: true, ...changes };
}

/** The whole audit, in pages. */
export async function wholeAudit(store: Store, pageSize = 100): Promise<AuditRecord[]> {
  const audit: AuditRecord[] = [];
  for (;;) {
    const page = await store.audit(audit.at(-1)?.n ?? 0, pageSize);
    audit.push(...page);
    if (page.length < pageSize) return audit;
  }
}
