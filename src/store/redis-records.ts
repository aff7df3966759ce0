// Sessions, turns and entries as they lie in Redis: plain what scripts decide by, sealed what was said.
import { pushes } from '../contract/operations.ts';
import type { Phase, Source, TurnState } from '../contract/types.ts';
import type { Reply } from './redis-link.ts';
import type {
  ListedSession,
  LogRecord,
  NewEntry,
  NewSession,
  SessionRecord,
  TurnEntry,
  TurnPlan,
  TurnRecord,
  TurnView,
} from './store.ts';
import { digest, Envelope } from './envelope.ts';
import { endText, fold } from './fold.ts';
import { Fields, listOf, numberOf, textOf } from './redis-reply.ts';

type Identity = Pick<
  SessionRecord,
  'tenant' | 'sessionId' | 'owner' | 'clientId' | 'locale' | 'country' | 'ageBand'
>;
type Asked = Pick<TurnRecord, 'turnId' | 'inputId' | 'userInput'> & { plan: Omit<TurnPlan, 'memory'> };
type Change = Partial<
  Pick<SessionRecord, 'status' | 'progress' | 'safety' | 'human' | 'memory' | 'care' | 'metadata'>
>;

const identity = new Envelope<Identity>();
const metadata = new Envelope<SessionRecord['metadata']>();
const progress = new Envelope<SessionRecord['progress']>();
const safety = new Envelope<SessionRecord['safety']>();
const human = new Envelope<SessionRecord['human']>();
const text = new Envelope<string>();
const asked = new Envelope<Asked>();
const entry = new Envelope<NewEntry>();

/** The first character of what this version seals; entries of other formats are of another version. */
const FORMAT = '1';
const EVENTS: ReadonlySet<string> = new Set(
  Object.entries(pushes).flatMap(([event, { logged }]) => (logged ? event : [])),
);

/** What a list reads of a session. */
export const LISTED = [
  'epoch',
  'place',
  'identity',
  'made',
  'at',
  'status',
  'turns',
  'progress',
  'safety',
  'human',
  'seq',
  'n',
  'v',
] as const;

export const sealText = (value: string): string => text.seal(value);

/** Fields of a session that is made; the script adds the times. */
export function makeFields(session: NewSession, place: string, createKey: string | null): object {
  const { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand } = session;
  return {
    epoch,
    owner: digest(owner),
    place,
    ...(createKey !== null && { key: createKey }),
    v: 1,
    seq: 0,
    n: 0,
    turns: 0,
    identity: identity.seal({ tenant, sessionId, owner, clientId, locale, country, ageBand }),
    ...changeFields({
      status: 'active',
      metadata: session.metadata,
      progress: session.progress,
      safety: { level: 'none', mode: 'normal', guarded: false, reason_codes: [] },
    }),
  };
}

/** Fields that change. */
export function changeFields(change: Change): Record<string, string> {
  return {
    ...(change.status !== undefined && { status: change.status }),
    ...(change.metadata !== undefined && { metadata: metadata.seal(change.metadata) }),
    ...(change.progress !== undefined && { progress: progress.seal(change.progress) }),
    ...(change.safety !== undefined && { safety: safety.seal(change.safety) }),
    ...(change.human !== undefined && { human: change.human === null ? '' : human.seal(change.human) }),
    ...(change.memory !== undefined && { memory: change.memory === null ? '' : text.seal(change.memory) }),
    ...(change.care !== undefined && { care: change.care === null ? '' : text.seal(change.care) }),
  };
}

export function toListed(fields: Fields): ListedSession {
  const held = fields.maybeText('human');
  return {
    ...identity.open(fields.text('identity')),
    epoch: fields.text('epoch'),
    status: fields.text('status') === 'completed' ? 'completed' : 'active',
    createdAt: fields.number('made'),
    lastInteractionAt: fields.number('at'),
    turnCount: fields.number('turns'),
    progress: progress.open(fields.text('progress')),
    safety: safety.open(fields.text('safety')),
    human: held === null ? null : human.open(held),
    lastSeq: fields.number('seq'),
    lastTurn: fields.number('n'),
    version: fields.number('v'),
  };
}

export function toSession(fields: Fields): SessionRecord {
  const memory = fields.maybeText('memory');
  const care = fields.maybeText('care');
  return {
    ...toListed(fields),
    metadata: metadata.open(fields.text('metadata')),
    memory: memory === null ? null : text.open(memory),
    care: care === null ? null : text.open(care),
  };
}

export interface AskedTurn {
  turnId: string;
  inputId: string | null;
  userInput: string;
  plan: TurnPlan;
}

export function sealAsked({ turnId, inputId, userInput, plan }: AskedTurn): string {
  const { memory: _, ...decided } = plan;
  return asked.seal({ turnId, inputId, userInput, plan: decided });
}

export const openAsked = (sealed: string): Asked => asked.open(sealed);

const states: Record<string, TurnState> = {
  queued: 'queued',
  running: 'running',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};
const phases: Record<string, Phase> = {
  queued: 'queued',
  loading: 'loading',
  prompt: 'prompt',
  streaming: 'streaming',
  recovering: 'recovering',
};
const sources: Record<string, Source> = {
  ollama: 'ollama',
  guide: 'guide',
  safety: 'safety',
  human: 'human',
};

/** A turn by what was asked and how it stands. */
export function toTurn(said: Asked, fields: Fields): TurnRecord {
  const memory = fields.maybeText('memory');
  return {
    turnId: said.turnId,
    n: fields.number('n'),
    state: states[fields.text('state')] ?? 'queued',
    generation: fields.number('gen'),
    inputId: said.inputId,
    userInput: said.userInput,
    plan: { ...said.plan, memory: memory === null ? '' : text.open(memory) },
    firstSeq: fields.number('first'),
    lastSeq: fields.number('last'),
    length: fields.number('len'),
    startedAt: fields.number('started'),
    endedAt: fields.maybeNumber('ended'),
    phase: phases[fields.text('phase')] ?? 'queued',
    phaseAt: fields.number('phaseAt'),
    position: fields.maybeNumber('pos'),
    source: sources[fields.text('source')] ?? null,
    model: fields.maybeText('model'),
    beganAt: fields.maybeNumber('began'),
    firstTextAt: fields.maybeNumber('firstText'),
    attempts: fields.number('attempts'),
    idleAttempts: fields.number('idle'),
  };
}

/** A turn with its words, of what the scripts call a view. */
export function toView(reply: Reply | undefined): TurnView {
  const [said, state, words, end] = listOf(reply);
  const fields = typeof state === 'string' ? Fields.ofJson(state) : Fields.ofList(state);
  const turn = toTurn(openAsked(textOf(said)), fields);
  if (turn.endedAt === null) {
    const reply_ = listOf(words).map((row) => entry.open(textOf(listOf(row)[1])));
    return { turn, text: reply_.reduce(fold, ''), end: null };
  }
  const last = toRecord(end);
  if (!last) throw new Error('A turn was ended by another version in a way that this one cannot read');
  return { turn, text: endText(last), end: last };
}

/** {event, data} for a script. */
export const entryArg = (one: NewEntry): [event: string, data: string] => [one.event, entry.seal(one)];

/** {event, at, length, fingerprint, data} for a script. */
export function wordArg(one: TurnEntry): [string, number, number, string, string] {
  const { at, text: words } = one.data;
  const fingerprint = digest(one.event, String(at), words).slice(0, 16);
  return [one.event, at, words.length, fingerprint, entry.seal(one)];
}

/** An entry of the log; undefined for one that only another version knows. */
export function toRecord(reply: Reply | undefined): LogRecord | undefined {
  const [seq, event, data] = listOf(reply);
  const sealed = textOf(data);
  if (!EVENTS.has(textOf(event)) || !sealed.startsWith(FORMAT)) return undefined;
  const record: LogRecord = { ...entry.open(sealed), seq: numberOf(seq) };
  Object.freeze(record.data);
  return Object.freeze(record);
}
