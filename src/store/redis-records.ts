// Sessions, turns and entries as they lie in Redis: plain what scripts decide by, sealed what was said.
import { pushes } from '../contract/operations.ts';
import type { Phase, Source, TurnState } from '../contract/types.ts';
import type { DataKey } from './redis-keys.ts';
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
import type { Sealer } from './vault.ts';
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

const identity = new Envelope<Identity>('identity');
const metadata = new Envelope<SessionRecord['metadata']>('metadata');
const progress = new Envelope<SessionRecord['progress']>('progress');
const safety = new Envelope<SessionRecord['safety']>('safety');
const human = new Envelope<SessionRecord['human']>('human');
const memory = new Envelope<string>('memory');
const care = new Envelope<string>('care');
const asked = new Envelope<Asked>('asked');
const entry = new Envelope<NewEntry>('entry');

/** The first characters of what this version seals; entries of other formats are of another version. */
const FORMATS = /^[12]/;
const EVENTS: ReadonlySet<string> = new Set(
  Object.entries(pushes).flatMap(([event, { logged }]) => (logged ? event : [])),
);

/** What a list reads of a session. */
export const LISTED = [
  'epoch',
  'k',
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

export const sealMemory = (value: string, sealer: Sealer): string => memory.seal(value, sealer);

/** Fields of a session that is made; the script adds the times. */
export function makeFields(
  session: NewSession,
  place: string,
  createKey: string | null,
  { kid, wrapped, sealer }: DataKey,
): object {
  const { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand } = session;
  return {
    epoch,
    owner: digest(owner),
    place,
    ...(createKey !== null && { key: createKey }),
    ...(kid !== '' && { k: wrapped, kid }),
    v: 1,
    seq: 0,
    n: 0,
    turns: 0,
    identity: identity.seal({ tenant, sessionId, owner, clientId, locale, country, ageBand }, sealer),
    ...changeFields(
      {
        status: 'active',
        metadata: session.metadata,
        progress: session.progress,
        safety: { level: 'none', mode: 'normal', guarded: false, reason_codes: [] },
      },
      sealer,
    ),
  };
}

/** Fields that change. */
export function changeFields(change: Change, sealer: Sealer): Record<string, string> {
  const maybe = <T>(envelope: Envelope<T>, value: T | null) =>
    value === null ? '' : envelope.seal(value, sealer);
  return {
    ...(change.status !== undefined && { status: change.status }),
    ...(change.metadata !== undefined && { metadata: metadata.seal(change.metadata, sealer) }),
    ...(change.progress !== undefined && { progress: progress.seal(change.progress, sealer) }),
    ...(change.safety !== undefined && { safety: safety.seal(change.safety, sealer) }),
    ...(change.human !== undefined && { human: maybe(human, change.human) }),
    ...(change.memory !== undefined && { memory: maybe(memory, change.memory) }),
    ...(change.care !== undefined && { care: maybe(care, change.care) }),
  };
}

/** The sealed fields of a session that is not encrypted yet, as it has them by its key. */
export function moveFields(fields: Fields, { kid, wrapped, sealer }: DataKey): Record<string, string> {
  const sealed = { identity, metadata, progress, safety, human, memory, care };
  const moved = Object.entries(sealed).flatMap(([name, envelope]): [string, string][] => {
    const before = fields.maybeText(name);
    return before === null ? [] : [[name, envelope.move(before, sealer)]];
  });
  return { ...Object.fromEntries(moved), k: wrapped, kid };
}

/** An entry of such a session; one of another version stays as it is. */
export const moveEntry = (sealed: string, to: Sealer): string =>
  FORMATS.test(sealed) ? entry.move(sealed, to) : sealed;

export const moveAsked = (sealed: string, turnId: string, to: Sealer): string =>
  asked.move(sealed, to, turnId);

export const openIdentity = (sealed: string, sealer: Sealer): Identity => identity.open(sealed, sealer);

export function toListed(fields: Fields, sealer: Sealer): ListedSession {
  const held = fields.maybeText('human');
  return {
    ...openIdentity(fields.text('identity'), sealer),
    epoch: fields.text('epoch'),
    status: fields.text('status') === 'completed' ? 'completed' : 'active',
    createdAt: fields.number('made'),
    lastInteractionAt: fields.number('at'),
    turnCount: fields.number('turns'),
    progress: progress.open(fields.text('progress'), sealer),
    safety: safety.open(fields.text('safety'), sealer),
    human: held === null ? null : human.open(held, sealer),
    lastSeq: fields.number('seq'),
    lastTurn: fields.number('n'),
    version: fields.number('v'),
  };
}

export function toSession(fields: Fields, sealer: Sealer): SessionRecord {
  const remembered = fields.maybeText('memory');
  const cared = fields.maybeText('care');
  return {
    ...toListed(fields, sealer),
    metadata: metadata.open(fields.text('metadata'), sealer),
    memory: remembered === null ? null : memory.open(remembered, sealer),
    care: cared === null ? null : care.open(cared, sealer),
  };
}

export interface AskedTurn {
  turnId: string;
  inputId: string | null;
  userInput: string;
  plan: TurnPlan;
}

/** What is kept of it: the memory lies with the live turn alone. */
export function askedOf({ turnId, inputId, userInput, plan }: AskedTurn): Asked {
  const { memory: _, ...decided } = plan;
  return { turnId, inputId, userInput, plan: decided };
}

export const sealAsked = (turn: AskedTurn, sealer: Sealer): string =>
  asked.seal(askedOf(turn), sealer, turn.turnId);

export const openAsked = (sealed: string, turnId: string, sealer: Sealer): Asked =>
  asked.open(sealed, sealer, turnId);

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
export function toTurn(said: Asked, fields: Fields, sealer: Sealer): TurnRecord {
  const coming = fields.maybeText('memory');
  return {
    turnId: said.turnId,
    n: fields.number('n'),
    state: states[fields.text('state')] ?? 'queued',
    generation: fields.number('gen'),
    inputId: said.inputId,
    userInput: said.userInput,
    plan: { ...said.plan, memory: coming === null ? '' : memory.open(coming, sealer) },
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
export function toView(reply: Reply | undefined, sealer: Sealer): TurnView {
  const [said, state, words, end] = listOf(reply);
  const fields = typeof state === 'string' ? Fields.ofJson(state) : Fields.ofList(state);
  const turn = toTurn(openAsked(textOf(said), fields.text('id'), sealer), fields, sealer);
  if (turn.endedAt === null) {
    const reply_ = listOf(words).map((row) => entry.open(textOf(listOf(row)[1]), sealer));
    return { turn, text: reply_.reduce(fold, ''), end: null };
  }
  const last = toRecord(end, sealer);
  if (!last) throw new Error('A turn was ended by another version in a way that this one cannot read');
  return { turn, text: endText(last), end: last };
}

/** {event, data} for a script. */
export const entryArg = (one: NewEntry, sealer: Sealer): [event: string, data: string] => [
  one.event,
  entry.seal(one, sealer),
];

/** {event, at, length, fingerprint, data} for a script. */
export function wordArg(one: TurnEntry, sealer: Sealer): [string, number, number, string, string] {
  const { at, text: words } = one.data;
  const fingerprint = sealer.fingerprint(JSON.stringify([one.event, String(at), words]));
  return [one.event, at, words.length, fingerprint, entry.seal(one, sealer)];
}

/** An entry of the log; undefined for one that only another version knows. */
export function toRecord(reply: Reply | undefined, sealer: Sealer): LogRecord | undefined {
  const [seq, event, data] = listOf(reply);
  const sealed = textOf(data);
  if (!EVENTS.has(textOf(event)) || !FORMATS.test(sealed)) return undefined;
  const record: LogRecord = { ...entry.open(sealed, sealer), seq: numberOf(seq) };
  Object.freeze(record.data);
  return Object.freeze(record);
}
