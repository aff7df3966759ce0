// Made from src/contract by `npm run docs`; do not edit.
// The named types of the wire.

/** Why something was refused (docs/reference/errors.md). A code is never renamed and never reused. */
export type ErrorCode =
  | 'SESSION_CONFLICT' | 'TURN_IN_PROGRESS' | 'IDEMPOTENCY_CONFLICT' | 'TURN_CANCELLED' | 'SESSION_NOT_FOUND'
  | 'TURN_NOT_FOUND' | 'NOT_FOUND' | 'METHOD_NOT_ALLOWED' | 'MALFORMED_JSON' | 'VALIDATION_FAILED'
  | 'PAYLOAD_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'RATE_LIMITED'
  | 'MODEL_BUSY' | 'MODEL_INTERRUPTED' | 'DRAINING' | 'STORE_UNAVAILABLE' | 'INTERNAL';

/** The input is stored; `cursor` lies just before the first entry of its turn */
export interface Admission {
  turn_id: TurnId;
  n: number;
  state: TurnState;
  cursor: Cursor;
  position?: number | undefined;
  duplicate?: boolean | undefined;
}

export interface AlphaCheckpoint {
  step: AlphaStep;
  /** 1 is the first try of this step */
  attempt: number;
}

export type AlphaStep = 'LOWER_JAW' | 'RELAX_TONGUE' | 'BREATHE_SLOWER';

/** What somebody may do in one session without being its owner */
export interface Capability {
  capability_id: string;
  rights: ('read' | 'write' | 'export' | 'erase')[];
  label: string | null;
  created_at: Timestamp;
  expires_at: Timestamp | null;
}

export interface CompletionCriteria {
  goal_established: boolean;
  vision_created: boolean;
  problem_identified: boolean;
  body_awareness_present: boolean;
  body_location_identified: boolean;
  body_sensation_identified: boolean;
  present_moment_focus: boolean;
  pattern_understood: boolean;
  rapport_established: boolean;
  alpha_state_achieved: boolean;
  ready_for_stage_2: boolean;
}

/** What else is known of the way so far, beside the criteria */
export interface CriteriaDetail {
  emotion_identified: boolean;
  vision_presented: boolean;
  psycho_education_provided: boolean;
  education_understood: boolean;
  problem_asked: boolean;
  second_cycle: boolean;
  alpha_started: boolean;
  alpha_declined: boolean;
}

/** `<epoch>.<seq>` of the last applied entry */
export type Cursor = string;

/** What the rules made of the input */
export type Decision =
  | 'unknown' | 'clarify_goal' | 'build_vision' | 'provide_psycho_education' | 'explore_problem'
  | 'body_awareness_inquiry' | 'body_symptoms_exploration' | 'present_moment_focus' | 'pattern_inquiry'
  | 'assess_readiness' | 'session_conclusion' | 'transition_to_stage_2' | 'general_inquiry'
  | 'safety_protocol' | 'redirect_past' | 'redirect_thinking' | 'validate_emotion' | 'support_crying'
  | 'prompt_silence' | 'redirect_off_topic' | 'normalise' | 'redirect_relation' | 'acknowledge_resistance'
  | 'interrupt_rambling';

/** To be shown in bold, in capitals of at least 16 points, or spoken */
export interface Disclosure extends Logged {
  text: string;
  prominence: string;
  kind?: 'start' | 'again' | 'minor' | 'away' | 'asked' | undefined;
}

/** Why a request was refused, over REST */
export interface ErrorBody {
  /** The code in PascalCase */
  error: string;
  code: ErrorCode;
  message: string;
  detail?: FaultDetail[] | undefined;
  retry_after_ms?: number | undefined;
  safety?: SafetyNotice | undefined;
  request_id: string;
  timestamp: Timestamp;
}

/** Why a request was refused, as in acks */
export interface Failure {
  code: ErrorCode;
  status: number;
  message: string;
  retryable: boolean;
  detail?: FaultDetail[] | undefined;
  retry_after_ms?: number | undefined;
  safety?: SafetyNotice | undefined;
}

export interface FaultDetail {
  loc: (string | number)[];
  msg: string;
  type: string;
}

export interface Health {
  status: 'healthy' | 'unhealthy';
  timestamp: Timestamp;
  services: {
    ollama: 'connected' | 'disconnected';
    rag: 'ready' | 'not_found';
    state_machine: 'loaded' | 'not_found';
    redis: 'healthy' | 'unhealthy' | 'not_configured';
    store: 'healthy' | 'unhealthy';
  };
  model: { source: Source; name: string; reason?: string | undefined };
}

export interface HumanMessage extends Logged {
  text: string;
  name: string;
  /** The turn that ends with these words, as its reply */
  turn_id?: TurnId | undefined;
}

export type JoinAck = { session: Session; mode: 'tail'; cursor: Cursor } | Snapshot;

export interface LogEntry {
  /** Number of the entry in the log of the session */
  seq: number;
  event: string;
  data: Record<string, unknown>;
}

/** `from..seq` is the range of entries of the log it stands for */
export interface Logged {
  session_id: SessionId;
  /** Number of the entry in the log of the session */
  seq: number;
  /** Number of the entry in the log of the session */
  from?: number | undefined;
}

export interface Navigation {
  decision: Decision;
  next_state: Substate | null;
  rag_query: RagQuery | null;
  reasoning: string | null;
}

/** What a live turn is doing */
export type Phase = 'queued' | 'loading' | 'prompt' | 'streaming' | 'recovering';

export interface Preprocessing {
  original_input: string;
  cleaned_input: string;
  corrected_input: string;
  emotional_state: { categories: Record<string, string[]>; intensity: number; primary_emotion: string };
  input_category: string;
  spelling_corrections: [string, string][];
  safety_checks: {
    self_harm_detected: { detected: boolean; phrases_found: string[]; severity: 'none' | 'high' };
    thinking_mode_detected: { detected: boolean; phrases_found: string[] };
    past_tense_detected: { detected: boolean; phrases_found: string[]; note?: string | undefined };
    i_dont_know_detected: { detected: boolean; phrases_found: string[]; context: string; note: string };
  };
}

/** What came before the fine state on this turn */
export type PriorityState =
  | 'SELFHARM' | 'CRISIS' | 'PAST' | 'THINK' | 'AFFIRM' | 'EMOTION' | 'CRY' | 'SILENT' | 'OFF' | 'VALID'
  | 'RELATION' | 'RESISTANCE' | 'RAMBLING';

/** Which examples fit the turn */
export type RagQuery =
  | 'dr_q_goal_clarification' | 'dr_q_redirect_outcome' | 'dr_q_future_self_vision_building'
  | 'dr_q_problem_construction' | 'dr_q_to_body' | 'dr_q_body_location' | 'dr_q_sensation'
  | 'dr_q_body_symptom_present_moment_inquiry' | 'dr_q_present_moment' | 'dr_q_how_do_you_know_technique'
  | 'dr_q_ready' | 'dr_q_transition_to_intervention' | 'dr_q_think_redirect' | 'general_dr_q_approach';

/** A place to get help */
export interface Resource {
  name: string;
  phone?: string | undefined;
  sms?: string | undefined;
  url?: string | undefined;
  hours: string;
  country: string;
  language: string;
}

export type SafetyLevel =
  | 'none' | 'passive' | 'active' | 'plan' | 'past_attempt' | 'other_harm' | 'abuse' | 'acute' | 'medical';

export type SafetyMode = 'normal' | 'support' | 'crisis' | 'crisis_hold' | 'emergency';

export interface SafetyNotice {
  level: SafetyLevel;
  text: string;
  resources: Resource[];
}

export interface Session extends SessionProgress {
  session_id: SessionId;
  epoch: string;
  client_id: string | null;
  metadata: Record<string, unknown>;
  locale: string | null;
  country: string | null;
  age_band: string | null;
  status: 'active' | 'completed';
  created_at: Timestamp;
  last_interaction: Timestamp;
  turn_count: number;
  safety: SessionSafety;
  /** The person who answers instead of the guide */
  human: { name: string; until: Timestamp } | null;
  cursor: Cursor;
}

export interface SessionCreateInput {
  /** Your own id; absent, null or "" makes one [S-1] [S-2] */
  session_id?: SessionId | null | undefined;
  client_id?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  /** The same key returns the session its first use made [S-5] */
  create_key?: string | null | undefined;
  locale?: string | null | undefined;
  country?: string | null | undefined;
  age_band?: string | null | undefined;
}

export interface SessionExport {
  session: Session;
  /** What the guided process remembers; null before the first turn */
  memory: unknown;
  turns: Turn[];
  log: LogEntry[];
}

/** Any well-formed string, used as it is; percent-encoded in a path */
export type SessionId = string;

export interface SessionProgress {
  current_substate: Substate;
  body_question_count: number;
  completion_criteria: CompletionCriteria;
  state_id: StateId;
  /** Null where the fine state itself answered the turn */
  priority_state: PriorityState | null;
  criteria_detail: CriteriaDetail;
  /** How the guide answered the last turn; "none" before the first */
  technique: string;
  /** Whether a person should be asked to take over: the conversation does not get anywhere */
  handoff_recommended: boolean;
  /** The step of the exercise whose outcome was asked for; null outside of it */
  alpha: AlphaCheckpoint | null;
}

export interface SessionSafety {
  level: SafetyLevel;
  mode: SafetyMode;
  /** Whether words of the model were held back and replaced */
  guarded: boolean;
  /** What was found, as names of rules, worst first */
  reason_codes: string[];
}

export interface Snapshot {
  session: Session;
  mode: 'snapshot';
  cursor: Cursor;
  /** The latest 50 ended turns, whole, newest last */
  turns: Turn[];
  live: Turn | null;
  /** Disclosures and safety resources still in force, and what people said since the first of the turns */
  notices: LogEntry[];
}

export type Source = 'ollama' | 'guide' | 'safety' | 'human';

/** The fine state within the coarse one */
export type StateId =
  | '1.1' | '1.1_redirect' | '1.2' | '1.3' | '1.1.5' | '2.1' | '2.1_seek' | '2.2' | '2.3' | '2.4' | '2.5'
  | '3.1' | '3.2' | '3.3' | '3.4' | '3.5' | '3.6' | '4.1';

/** The coarse state; it never goes back */
export type Substate =
  | '1.1_goal_and_vision' | '1.1.5_psycho_education' | '1.2_problem_and_body' | '3.1_assess_readiness'
  | '3.1.5_alpha_permission' | '3.2_alpha_sequence' | 'stage_1_complete';

export interface TherapistResponse extends Logged {
  turn_id: TurnId;
  n: number;
  therapist_response: string;
  preprocessing: Preprocessing;
  navigation: Navigation;
  session_progress: SessionProgress;
  safety: SessionSafety;
  source: Source;
  model: string;
  timings: { queued_ms: number; first_token_ms: number; total_ms: number };
  timestamp: Timestamp;
}

/** ISO 8601, UTC, milliseconds */
export type Timestamp = string;

export interface Turn {
  turn_id: TurnId;
  n: number;
  state: TurnState;
  user_input: string;
  text: string;
  /** Number of the entry in the log of the session */
  seq: number;
  started_at: Timestamp;
  ended_at: Timestamp | null;
  response?: TherapistResponse | undefined;
  error?: Failure | undefined;
}

export type TurnId = string;

export type TurnState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
