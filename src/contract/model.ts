// What goes over the wire, as schemas. Inputs are validated by the server, outputs in tests.
import { z } from 'zod';
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { Navigation, SessionProgress } from './progress.ts';

/** Well-formed Unicode: a lone surrogate cannot be stored and read back unchanged. [S-3] */
export const Text = z.string().refine((value) => value.isWellFormed(), {
  error: 'must be well-formed Unicode (a lone surrogate was found)',
});

export const Timestamp = z.iso
  .datetime({ precision: 3 })
  .meta({ id: 'Timestamp', description: 'ISO 8601, UTC, milliseconds' });
const Seq = z.int().min(1).meta({ description: 'Number of the entry in the log of the session' });
const Json = z.record(z.string(), z.unknown());

/** Any string, used as it is: no trimming, folding or normalisation. [S-1] */
export const SessionId = Text.meta({
  id: 'SessionId',
  description: 'Any well-formed string, used as it is; percent-encoded in a path',
});
/** Path and event form of an id that must be there. */
export const GivenSessionId = SessionId.min(1);
export const TurnId = Text.min(1).meta({ id: 'TurnId' });
/** `<epoch>.<seq>` of the last entry a client applied. What cannot be served, garbage included, gets a snapshot. [P-9] */
export const Cursor = z
  .string()
  .meta({ id: 'Cursor', description: '`<epoch>.<seq>` of the last applied entry' });

/** What somebody may do. `create`: open sessions of their own; `grant`: let others into them. */
export const Right = z
  .enum(['create', 'read', 'write', 'export', 'erase', 'grant'])
  .meta({ id: 'Right', description: 'What a caller may do in sessions of its own' });

/** Most code points of one input (docs/protocol.md section 7, PAYLOAD_TOO_LARGE). */
export const USER_INPUT_MAX = 16_000;
export const UserInput = Text.min(1).meta({
  description: `1 to ${USER_INPUT_MAX} characters (code points)`,
  maxLength: USER_INPUT_MAX,
});
export const InputId = Text.min(1).meta({
  description: 'Made by the client before its first try; the same id and text return the same turn',
});

export const TurnState = z
  .enum(['queued', 'running', 'done', 'failed', 'cancelled'])
  .meta({ id: 'TurnState' });
export const Phase = z
  .enum(['queued', 'loading', 'prompt', 'streaming', 'recovering'])
  .meta({ id: 'Phase', description: 'What a live turn is doing' });
export const Source = z.enum(['ollama', 'guide', 'safety', 'human']).meta({ id: 'Source' });

export const SafetyLevel = z
  .enum(['none', 'passive', 'active', 'plan', 'past_attempt', 'other_harm', 'abuse', 'acute', 'medical'])
  .meta({ id: 'SafetyLevel' });
export const SafetyMode = z
  .enum(['normal', 'support', 'crisis', 'crisis_hold', 'emergency'])
  .meta({ id: 'SafetyMode' });
export const SessionSafety = z
  .object({
    level: SafetyLevel,
    mode: SafetyMode,
    guarded: z.boolean().meta({ description: 'Whether words of the model were held back and replaced' }),
    reason_codes: z.array(z.string()).meta({ description: 'What was found, as names of rules, worst first' }),
  })
  .meta({ id: 'SessionSafety' });
export const Resource = z
  .object({
    name: z.string(),
    phone: z.string().optional(),
    sms: z.string().optional(),
    url: z.string().optional(),
    hours: z.string(),
    country: z.string(),
    language: z.string(),
  })
  .meta({ id: 'Resource', description: 'A place to get help' });
export const SafetyNotice = z
  .object({ level: SafetyLevel, text: z.string(), resources: z.array(Resource) })
  .meta({ id: 'SafetyNotice' });

export const Session = z
  .object({
    session_id: SessionId,
    epoch: z.string(),
    client_id: z.string().nullable(),
    metadata: Json,
    locale: z.string().nullable(),
    country: z.string().nullable(),
    age_band: z.string().nullable(),
    status: z.enum(['active', 'completed']),
    created_at: Timestamp,
    last_interaction: Timestamp,
    turn_count: z.int().min(0),
    ...SessionProgress.shape,
    safety: SessionSafety,
    human: z
      .object({ name: z.string(), until: Timestamp })
      .nullable()
      .meta({ description: 'The person who answers instead of the guide' }),
    cursor: Cursor,
  })
  .meta({ id: 'Session' });

const Finding = z.object({ detected: z.boolean(), phrases_found: z.array(z.string()) });
export const Preprocessing = z
  .object({
    original_input: z.string(),
    cleaned_input: z.string(),
    corrected_input: z.string(),
    emotional_state: z.object({
      categories: z.record(z.string(), z.array(z.string())),
      intensity: z.int().min(0).max(3),
      primary_emotion: z.string(),
    }),
    input_category: z.string(),
    spelling_corrections: z.array(z.tuple([z.string(), z.string()])),
    safety_checks: z.object({
      self_harm_detected: Finding.extend({ severity: z.enum(['none', 'high']) }),
      thinking_mode_detected: Finding,
      past_tense_detected: Finding.extend({ note: z.string().optional() }),
      i_dont_know_detected: Finding.extend({ context: z.string(), note: z.string() }),
    }),
  })
  .meta({ id: 'Preprocessing' });

export const TherapistResponse = z
  .object({
    session_id: SessionId,
    turn_id: TurnId,
    n: z.int().min(1),
    seq: Seq,
    from: Seq.optional(),
    therapist_response: z.string(),
    preprocessing: Preprocessing,
    navigation: Navigation,
    session_progress: SessionProgress,
    safety: SessionSafety,
    source: Source,
    model: z.string(),
    timings: z.object({
      queued_ms: z.number().min(0),
      first_token_ms: z.number().min(0),
      total_ms: z.number().min(0),
    }),
    timestamp: Timestamp,
  })
  .meta({ id: 'TherapistResponse' });

export const FaultDetail = z
  .object({
    loc: z.array(z.union([z.string(), z.number()])),
    msg: z.string(),
    type: z.string(),
  })
  .meta({ id: 'FaultDetail' });
const codes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];
export const Failure = z
  .object({
    code: z.enum(codes),
    status: z.int(),
    message: z.string(),
    retryable: z.boolean(),
    detail: z.array(FaultDetail).optional(),
    retry_after_ms: z.int().min(0).optional(),
    safety: SafetyNotice.optional(),
  })
  .meta({ id: 'Failure', description: 'Why a request was refused, as in acks' });
export const ErrorBody = z
  .object({
    error: z.string().meta({ description: 'The code in PascalCase' }),
    code: z.enum(codes),
    message: z.string(),
    detail: z.array(FaultDetail).optional(),
    retry_after_ms: z.int().min(0).optional(),
    safety: SafetyNotice.optional(),
    request_id: z.string(),
    timestamp: Timestamp,
  })
  .meta({ id: 'ErrorBody', description: 'Why a request was refused, over REST' });

/** What an owner may hand on. (SAFETY.md SEC-11) */
export const GrantedRight = Right.extract(['read', 'write', 'export', 'erase']);
export const Capability = z
  .object({
    capability_id: z.string(),
    rights: z.array(GrantedRight),
    label: z.string().nullable(),
    created_at: Timestamp,
    expires_at: Timestamp.nullable(),
  })
  .meta({ id: 'Capability', description: 'What somebody may do in one session without being its owner' });

export const Turn = z
  .object({
    turn_id: TurnId,
    n: z.int().min(1),
    state: TurnState,
    user_input: z.string(),
    text: z.string(),
    seq: Seq,
    started_at: Timestamp,
    ended_at: Timestamp.nullable(),
    response: TherapistResponse.optional(),
    error: Failure.optional(),
  })
  .meta({ id: 'Turn' });

export const Admission = z
  .object({
    turn_id: TurnId,
    n: z.int().min(1),
    state: TurnState,
    cursor: Cursor,
    position: z.int().min(1).optional(),
    duplicate: z.boolean().optional(),
  })
  .meta({
    id: 'Admission',
    description: 'The input is stored; `cursor` lies just before the first entry of its turn',
  });

/** What every logged event carries: `from..seq` is the range of entries it stands for. [P-2] */
export const Logged = z
  .object({ session_id: SessionId, seq: Seq, from: Seq.optional() })
  .meta({ id: 'Logged', description: '`from..seq` is the range of entries of the log it stands for' });

export const Disclosure = Logged.extend({
  text: z.string(),
  prominence: z.string(),
  kind: z.enum(['start', 'again', 'minor', 'away', 'asked']).optional(),
}).meta({
  id: 'Disclosure',
  description: 'To be shown in bold, in capitals of at least 16 points, or spoken',
});
export const HumanMessage = Logged.extend({
  text: z.string(),
  name: z.string(),
  turn_id: TurnId.optional().meta({ description: 'The turn that ends with these words, as its reply' }),
}).meta({ id: 'HumanMessage' });

export const LogEntry = z.object({ seq: Seq, event: z.string(), data: Json }).meta({ id: 'LogEntry' });
export const SessionExport = z
  .object({
    session: Session,
    memory: z
      .unknown()
      .meta({ description: 'What the guided process remembers; null before the first turn' }),
    turns: z.array(Turn),
    log: z.array(LogEntry),
  })
  .meta({ id: 'SessionExport' });
export const Snapshot = z
  .object({
    session: Session,
    mode: z.literal('snapshot'),
    cursor: Cursor,
    turns: z.array(Turn).meta({ description: 'The latest 50 ended turns, whole, newest last' }),
    live: Turn.nullable(),
    notices: z.array(LogEntry).meta({
      description:
        'Disclosures and safety resources still in force, and what people said since the first of the turns',
    }),
  })
  .meta({ id: 'Snapshot' });

export const Health = z
  .object({
    status: z.enum(['healthy', 'unhealthy']),
    timestamp: Timestamp,
    services: z.object({
      ollama: z.enum(['connected', 'disconnected']),
      rag: z.enum(['ready', 'not_found']),
      state_machine: z.enum(['loaded', 'not_found']),
      redis: z.enum(['healthy', 'unhealthy', 'not_configured']),
      store: z.enum(['healthy', 'unhealthy']),
    }),
    model: z.object({ source: Source, name: z.string(), reason: z.string().optional() }),
  })
  .meta({ id: 'Health' });
