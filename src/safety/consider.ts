// All that the safety rules make of one input: what is found, what is remembered, what is said, who is called. Pure; needs nothing to be up.
import type { Resource, SafetyLevel, SafetyNotice, SessionSafety, Urgency } from '../contract/types.ts';
import { urgencyOf } from './alert.ts';
import { follow, inherit, readCare } from './care.ts';
import type { Act, Care, ClientCare } from './care.ts';
import { disclosureDue, isMinorBand } from './disclosure.ts';
import type { DisclosureKind } from './disclosure.ts';
import { answerOf, asksWhetherHuman, saysMinor, wantsToGoOn } from './heard.ts';
import { levels } from './levels.ts';
import { helpFor, helpForOthers, reply } from './reply.ts';
import type { Addressee } from './reply.ts';
import { repliesFor } from './replies.ts';
import type { Replies } from './replies.ts';
import { LANGUAGE_UNKNOWN, OTHER_AT_RISK, screen } from './screen.ts';
import type { Screening } from './screen.ts';

export interface Considered {
  screening: Screening;
  /** The level of this input: what was found, or a yes to the direct question. */
  level: SafetyLevel;
  act: Act;
  care: Care;
  safety: SessionSafety;
  /** The fixed reply to a sign. */
  notice: SafetyNotice | null;
  /** Which authored words are said: the language, the version and the part; null where none are. */
  template: string | null;
  /** What is said instead of the guided process; null where that goes on. A fixed line is said as it is. */
  line: { text: string; isFixed: boolean } | null;
  /** What is said where neither the process nor anything else has a line. */
  fallback: string;
  /** What is said before the process goes on. */
  lead: string;
  /** Places to get help, where they are to be seen with this turn. */
  help: { level: SafetyLevel; resources: Resource[] } | null;
  disclosure: { kind: DisclosureKind; text: string } | null;
  urgency: Urgency | null;
}

export interface Consideration {
  userInput: string;
  /** Up to two inputs before it, oldest first. */
  recent: readonly string[];
  /** What the session remembers, and what is known of its client. */
  care: string | null;
  client: ClientCare | null;
  session: Pick<Addressee, 'locale' | 'country'> & {
    ageBand: string | null;
    safety: Pick<SessionSafety, 'mode' | 'level'>;
  };
  /** A name for the session in the audit, if it has none yet. */
  ref: string;
  now: number;
}

const isPinned = ({ reasonCodes }: Screening): boolean =>
  reasonCodes.some(
    (code) => code === LANGUAGE_UNKNOWN || code === OTHER_AT_RISK || code.startsWith('detector:'),
  );

function lineOf(act: Act, { later }: Replies): { text: string; isFixed: boolean } | null {
  if (act.kind === 'process' || act.kind === 'reply') return null;
  const [text = ''] = act.kind === 'checkin' ? [`${later.checkin[0]}\n\n${later.offer[0]}`] : later[act.kind];
  if (act.kind === 'declined') return { text, isFixed: false };
  if (act.kind !== 'listen') return { text, isFixed: true };
  return { text: later.listen[act.turn % later.listen.length] ?? text, isFixed: false };
}

function disclose(care: Care, asks: boolean, now: number, { disclosure }: Replies): Considered['disclosure'] {
  const kind = disclosureDue(care, asks, now);
  return kind && { kind, text: disclosure[kind] };
}

/** What is shown of where help is, at this level and in this state. */
function helpOf(
  { level, care, screening }: Pick<Considered, 'level' | 'care' | 'screening'>,
  notice: SafetyNotice | null,
  addressee: Addressee,
): Considered['help'] {
  if (notice) return { level, resources: notice.resources };
  if (care.mode !== 'normal') return { level: care.level, resources: helpFor(care.level, addressee) };
  return isPinned(screening) ? { level: 'none', resources: helpFor('none', addressee) } : null;
}

function leadOf(act: Act, replies: Replies, isAsked: boolean): string {
  if (act.kind !== 'process') return '';
  if (act.resumes) return replies.later.resume[0] ?? '';
  return isAsked ? replies.disclosure.asked : '';
}

/** What the wire shows: of this input, or while the process rests of the last sign. */
function shown(care: Care, { reasonCodes }: Screening, level: SafetyLevel): SessionSafety {
  const isOfSign = level !== 'none' || care.mode !== 'normal';
  const reason_codes = [...(isOfSign ? care.codes : reasonCodes)];
  return { level: isOfSign ? care.level : 'none', mode: care.mode, guarded: false, reason_codes };
}

/** The name of the authored words, for the audit. */
function templateOf(act: Act, level: SafetyLevel, { language, version }: Replies): string | null {
  if (act.kind === 'process') return null;
  const part = act.kind === 'reply' ? `${act.isRepeat ? 'again' : 'first'}.${level}` : `later.${act.kind}`;
  return `${language} ${version} ${part}`;
}

/** Never throws for any text: what fails inside the screening leans to the careful side there. */
export function consider(input: Consideration): Considered {
  const { userInput, recent, session, now } = input;
  const known = inherit(readCare(input.care, input.ref, session.safety), input.client);
  const screening = screen({ text: userInput, recent, mode: known.mode });
  const before: Care = {
    ...known,
    language: screening.language ?? known.language,
    isMinor: known.isMinor || isMinorBand(session.ageBand) || saysMinor(userInput),
  };
  const answer = screening.level === 'none' ? answerOf(userInput, before.language ?? undefined) : undefined;
  const heard = {
    level: screening.level,
    codes: screening.reasonCodes,
    answer,
    goesOn: wantsToGoOn(userInput),
    now,
  };
  const { care: followed, act, level } = follow(before, heard);
  const addressee = { ...session, language: before.language };
  const replies = repliesFor(addressee.language, session.locale);
  const asks = asksWhetherHuman(userInput);
  const disclosure = disclose(before, asks, now, replies);
  const care: Care = { ...followed, disclosedAt: disclosure ? now : before.disclosedAt };
  const notice = act.kind === 'reply' ? reply({ level }, addressee, act.isRepeat) : null;
  const isForOther = act.kind === 'process' && screening.reasonCodes.includes(OTHER_AT_RISK);
  return {
    screening,
    level,
    act,
    care,
    safety: shown(care, screening, level),
    notice,
    template: templateOf(act, level, replies),
    line: isForOther ? { text: helpForOthers(addressee), isFixed: true } : lineOf(act, replies),
    fallback: replies.later.listen[care.listened % replies.later.listen.length] ?? '',
    lead: leadOf(act, replies, asks),
    help: helpOf({ level, care, screening }, notice, addressee),
    disclosure,
    urgency: levels[level].rank === 0 ? null : urgencyOf(level, care, screening.plain),
  };
}
