// How long a risk is remembered, and what is said meanwhile: normal → support → crisis → crisis_hold → support → normal (SAFETY.md 1.9).
import type { SafetyLevel, SafetyMode } from '../contract/types.ts';
import { isRisk, modeAfter, worse } from './levels.ts';

/** What the rules remember of a session: levels, times and counts, never words. */
export interface Care {
  mode: SafetyMode;
  /** The last sign, and the worst since the process was last at rest. */
  level: SafetyLevel;
  worst: SafetyLevel;
  codes: readonly string[];
  /** When active risk or worse was last seen, ms since 1970. */
  riskAt: number | null;
  /** Inputs in a row without a sign. */
  calm: number;
  /** Times the direct question was answered no since the last sign, each in a turn of its own. */
  noes: number;
  /** Inputs since the direct question was asked; null when none waits for an answer. */
  asked: number | null;
  /** Whether to go on with the process is to be offered next, or was by the last reply. */
  offer: 'none' | 'due' | 'made';
  /** How often a line was said because there was nothing else to say. */
  listened: number;
  /** Signs of the last five inputs, the latest last. */
  lately: readonly SafetyLevel[];
  /** The language the person last wrote in. */
  language: string | null;
  isMinor: boolean;
  /** When the person was last told that this is an AI, and when the last input came. */
  disclosedAt: number | null;
  inputAt: number | null;
  /** The name of the session in the audit; nothing else knows it. */
  ref: string;
}

export interface Heard {
  level: SafetyLevel;
  codes: readonly string[];
  /** A whole answer to a direct question. */
  answer: 'yes' | 'no' | undefined;
  /** Whether the person says that he or she wants to go on with the process. */
  goesOn: boolean;
  now: number;
}

/** What the turn does. */
export type Act =
  /** Nothing of the kind: the guided process goes on; `resumes` after a rest, by consent. */
  | { kind: 'process'; resumes: boolean }
  /** The fixed reply to a sign. */
  | { kind: 'reply'; isRepeat: boolean }
  /** A fixed line. */
  | { kind: 'ask' | 'noted' | 'offer' | 'checkin' | 'waits' }
  /** The process rests; a model may speak, its whole answer checked first, else the line is said. */
  | { kind: 'listen' | 'declined'; turn: number };

export const freshCare = (ref: string): Care => ({
  mode: 'normal',
  level: 'none',
  worst: 'none',
  codes: [],
  riskAt: null,
  calm: 0,
  noes: 0,
  asked: null,
  offer: 'none',
  listened: 0,
  lately: [],
  language: null,
  isMinor: false,
  disclosedAt: null,
  inputAt: null,
  ref,
});

const HOUR_MS = 3_600_000;
/** Leaving the hold (SAFETY.md 1.9): noes, inputs without a sign, and time since the risk. */
const NOES_MIN = 2;
const CALM_MIN = 5;
const HOLD_MS = 24 * HOUR_MS;
const HOLD_AFTER_PLAN_MS = 72 * HOUR_MS;
/** In a hold the direct question is asked at most every third turn. */
const ASK_EVERY = 3;
/** Inputs without a sign after which a crisis becomes a hold. */
const CRISIS_CALM = 3;
const LATELY = 5;
/** In support, going on is offered again after so many inputs. */
const OFFER_EVERY = 5;

const holdMsAfter = (worst: SafetyLevel): number =>
  worst === 'plan' || worst === 'medical' ? HOLD_AFTER_PLAN_MS : HOLD_MS;

/** Whether a hold is long and calm enough to end with one more no. */
function isHoldOver(care: Care, now: number): boolean {
  const since = care.riskAt === null ? Infinity : now - care.riskAt;
  return care.calm >= CALM_MIN && since >= holdMsAfter(care.worst);
}

function withSign(care: Care, { level, codes, now }: Heard): { care: Care; act: Act } {
  const risk = isRisk(level);
  const isRepeat = care.lately.slice(-2).some((before) => before === level);
  const mode = modeAfter(care.mode === 'emergency' ? 'crisis' : care.mode, level);
  return {
    care: {
      ...care,
      mode,
      level,
      codes,
      worst: worse(care.worst, level),
      riskAt: risk ? now : care.riskAt,
      calm: 0,
      noes: 0,
      // the question after a medical emergency is whether help was called
      asked: level === 'medical' ? null : 0,
      offer: 'none',
    },
    act: { kind: 'reply', isRepeat },
  };
}

/** The mode with one more input without a sign. */
function calmer({ mode, calm, noes }: Care): SafetyMode {
  if (mode === 'emergency') return 'crisis';
  return mode === 'crisis' && (noes > 0 || calm >= CRISIS_CALM) ? 'crisis_hold' : mode;
}

/** Whether the direct question may be asked: it never was, was answered, or has waited for three turns. */
const isDue = ({ asked }: Care): boolean => asked === null || asked >= ASK_EVERY;
const askedNow = (care: Care): Care => ({ ...care, asked: 0 });
const offered = (care: Care): Care => ({ ...care, offer: 'made', asked: null });

/** At rest: nothing of the risk is left but who it is and when. */
const atRest = (care: Care): Care => ({
  ...freshCare(care.ref),
  language: care.language,
  isMinor: care.isMinor,
  disclosedAt: care.disclosedAt,
  inputAt: care.inputAt,
  lately: care.lately,
});

function listen(care: Care): { care: Care; act: Act } {
  const turn = care.listened;
  return { care: { ...care, listened: turn + 1 }, act: { kind: 'listen', turn } };
}

function inSupport(before: Care, care: Care, { answer, goesOn }: Heard): { care: Care; act: Act } {
  if (before.offer === 'due') return { care: offered(care), act: { kind: 'checkin' } };
  const wasOffered = before.offer === 'made';
  if (care.noes > 0 && (goesOn || (wasOffered && answer === 'yes'))) {
    return { care: atRest(care), act: { kind: 'process', resumes: true } };
  }
  if (wasOffered && answer === 'no') return { care, act: { kind: 'declined', turn: care.listened } };
  if (answer === 'no' && before.asked !== null) return { care: offered(care), act: { kind: 'offer' } };
  if (care.noes === 0 && (goesOn || isDue(care))) return { care: askedNow(care), act: { kind: 'ask' } };
  if (care.noes > 0 && care.calm % OFFER_EVERY === 0) return { care: offered(care), act: { kind: 'offer' } };
  return listen(care);
}

function inCrisis(before: Care, care: Care, heard: Heard): { care: Care; act: Act } {
  const isOver = isHoldOver(care, heard.now);
  if (care.mode === 'crisis_hold' && isOver && care.noes >= NOES_MIN) {
    return { care: offered({ ...care, mode: 'support' }), act: { kind: 'checkin' } };
  }
  if (heard.answer === 'no' && before.asked !== null) return { care, act: { kind: 'noted' } };
  const isNeeded = care.noes === 0 || (isOver && care.noes < NOES_MIN);
  if (isNeeded && isDue(care)) return { care: askedNow(care), act: { kind: 'ask' } };
  if (heard.goesOn) return { care, act: { kind: 'waits' } };
  return listen(care);
}

/**
 * The next state and what the turn does. A yes to the direct question is a sign like the one it was asked after. Nothing but time, calm and
 * clear answers ends a crisis: no denial, no joke, no other topic.
 */
export function follow(before: Care, heard: Heard): { care: Care; act: Act; level: SafetyLevel } {
  const seen = { ...before, lately: [...before.lately, heard.level].slice(-LATELY), inputAt: heard.now };
  if (heard.level !== 'none') {
    const { care, act } = withSign(before, heard);
    return { care: { ...care, lately: seen.lately, inputAt: heard.now }, act, level: heard.level };
  }
  if (before.mode === 'normal')
    return { care: seen, act: { kind: 'process', resumes: false }, level: 'none' };
  if (heard.answer === 'yes' && before.asked === 0) {
    const level = isRisk(before.level) ? before.level : 'active';
    const sign = { ...heard, level, codes: ['answer:yes'] };
    const { care, act } = withSign(before, sign);
    return {
      care: { ...care, lately: [...before.lately, level].slice(-LATELY), inputAt: heard.now },
      act,
      level,
    };
  }
  const isNo = heard.answer === 'no' && before.asked !== null;
  const counted: Care = {
    ...seen,
    calm: before.calm + 1,
    noes: before.noes + (isNo ? 1 : 0),
    asked: isNo || before.asked === null ? null : before.asked + 1,
    offer: 'none',
  };
  const care = { ...counted, mode: calmer(counted) };
  const step = care.mode === 'support' ? inSupport(before, care, heard) : inCrisis(before, care, heard);
  return { ...step, level: 'none' };
}

/** What another session of the same client has to know. */
export interface ClientCare {
  mode: SafetyMode;
  level: SafetyLevel;
  worst: SafetyLevel;
  riskAt: number | null;
  isMinor: boolean;
}

export const clientCareOf = ({ mode, level, worst, riskAt, isMinor }: Care): ClientCare => ({
  mode,
  level,
  worst,
  riskAt,
  isMinor,
});

/** Null for nothing, and for what cannot be read. */
export function readClientCare(text: string | null): ClientCare | null {
  if (text === null) return null;
  try {
    const known: ClientCare = JSON.parse(text);
    return known;
  } catch {
    return null;
  }
}

/**
 * A session of a client whose risk lies in another one begins in hold; a session that knows of that risk already goes on as it is. Age is
 * remembered too. [US-04] (SAFETY.md 1.9)
 */
export function inherit(care: Care, client: ClientCare | null): Care {
  if (client === null) return care;
  const isMinor = care.isMinor || client.isMinor;
  const isNews =
    (client.riskAt ?? 0) > (care.riskAt ?? 0) && isRisk(client.worst) && client.mode !== 'normal';
  if (!isNews || client.mode === 'support') return { ...care, isMinor };
  const { level, worst, riskAt } = client;
  const mode = care.mode === 'normal' || care.mode === 'support' ? 'crisis_hold' : care.mode;
  const codes = ['client:hold'];
  return {
    ...care,
    isMinor,
    mode,
    level,
    worst: worse(care.worst, worst),
    codes,
    riskAt,
    calm: 0,
    noes: 0,
    asked: null,
  };
}

/** A person has cleared the session: what follows is a check-in and an offer. */
export const cleared = (care: Care): Care =>
  care.mode === 'normal'
    ? care
    : { ...care, mode: 'support', offer: 'due', asked: null, calm: 0, noes: NOES_MIN };

export const writeClientCare = (care: Care): string => JSON.stringify(clientCareOf(care));

export const writeCare = (care: Care): string => JSON.stringify(care);

type Known = Pick<Care, 'mode' | 'level'>;

/**
 * Reads what `writeCare` or an older version wrote; fields it lacks are fresh. Null or unreadable is fresh too, but for the mode and the
 * level that the session shows.
 */
export function readCare(text: string | null, ref: string, { mode, level }: Known): Care {
  const fresh = { ...freshCare(ref), mode, level, worst: level };
  if (text === null) return fresh;
  try {
    const known: Partial<Care> = JSON.parse(text);
    const care = { ...fresh, ...known };
    return care.ref === '' ? { ...care, ref } : care;
  } catch {
    return fresh;
  }
}
