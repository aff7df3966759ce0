// From an input to a stored turn: screened first, decided by rules, admitted in one step.
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Admission, SafetyNotice } from '../contract/types.ts';
import { USER_INPUT_MAX } from '../contract/model.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { nextSpeaker } from '../model/model.ts';
import type { Speakers } from '../model/model.ts';
import { reply } from '../safety/reply.ts';
import { isRisk } from '../safety/levels.ts';
import { screen } from '../safety/screen.ts';
import type {
  AdmitRequest,
  Admitted,
  NewEntry,
  NewSession,
  SessionRecord,
  Store,
  TurnPlan,
  TurnRecord,
  TurnView,
} from '../store/store.ts';
import { initialProgress } from '../therapy/progress.ts';
import type { Caller } from './access.ts';
import { decide, isDegraded } from './decide.ts';
import type { Decision } from './decide.ts';
import type { Judge } from './judge.ts';
import type { Slots, Ticket } from './slots.ts';
import type { Turns } from './turns.ts';
import { toCursor, toSession } from './wire.ts';

/** Turns looked back at for the window of the screening and for what the guide said lately. */
const LOOK_BACK = 8;
const DRAIN_RETRY_MS = 2_000;
export interface AdmitParts {
  store: Store;
  turns: Turns;
  slots: Slots;
  speakers: Speakers;
  /** Asked where no rule has a word on an input; null where nobody is. */
  judge: Judge | null;
  isDraining: () => boolean;
  node: string;
  leaseMs: number;
  now: () => number;
  newId: () => string;
  log: Log;
}

export interface Words {
  sessionId: string;
  userInput: string;
  inputId: string | null;
  interrupt: boolean;
  /** The turn whose words these are, when it is to be run again. */
  retryOf?: string;
}

const newEpoch = (): string => randomBytes(8).toString('hex');

export const draining = (): AppError => new AppError('DRAINING', { retryAfterMs: DRAIN_RETRY_MS });

/** A session nobody has described: what an input makes when there is none. */
export function freshSession(caller: Caller, sessionId: string): NewSession {
  return {
    tenant: caller.tenant,
    sessionId,
    epoch: newEpoch(),
    owner: caller.subject,
    clientId: null,
    metadata: {},
    locale: null,
    country: null,
    ageBand: null,
    progress: initialProgress(),
  };
}

/** A session that the next step makes, as it is before anything was said in it. */
function newborn(fresh: NewSession, now: number): SessionRecord {
  const at = { createdAt: now, lastInteractionAt: now };
  const counts = { turnCount: 0, lastSeq: 0, lastTurn: 0, version: 0 };
  const safety = { level: 'none', mode: 'normal' } as const;
  return { ...fresh, ...at, ...counts, status: 'active', memory: null, safety };
}

/** @throws TURN_IN_PROGRESS · TURN_NOT_FOUND it is not the last turn, or did not fail and was not cancelled */
function mustBeRetriable(turnId: string, last: TurnRecord | undefined): void {
  const isLast = last?.turnId === turnId;
  if (isLast && last.endedAt === null) throw new AppError('TURN_IN_PROGRESS');
  if (isLast && (last.state === 'failed' || last.state === 'cancelled')) return;
  throw new AppError('TURN_NOT_FOUND', {
    message: 'Only the last turn can be retried, if it failed or was cancelled',
  });
}

function mustFit(userInput: string): void {
  if (userInput.length <= USER_INPUT_MAX || Array.from(userInput).length <= USER_INPUT_MAX) return;
  throw new AppError('PAYLOAD_TOO_LARGE', {
    message: `user_input has more than ${USER_INPUT_MAX} characters`,
  });
}

/** When the guide was last heard to the end; a turn that failed does not count as being there. */
const lastDoneAt = (earlier: readonly TurnView[]): number | null | undefined =>
  earlier.findLast(({ turn }) => turn.state === 'done')?.turn.endedAt;

/** A decision, and the session it was made from. */
interface Considered extends Decision {
  /** As it was found; undefined when there is none yet. */
  found: SessionRecord | undefined;
  /** As it is before this input: `found`, or a newborn one. */
  session: SessionRecord;
  last: TurnRecord | undefined;
  /** What follows from the same with the model's word. */
  hinted: (hint: string) => TurnPlan;
}

/** What the model said of an input, and what it could choose from. */
interface Judged {
  options: Considered['options'];
  answer: string | undefined;
}

/** By the rules, or by the model where it was asked just this. */
function planOf({ options, plan, hinted }: Considered, judged: Judged | null): TurnPlan {
  if (judged?.answer === undefined || !isDeepStrictEqual(judged.options, options)) return plan;
  return hinted(judged.answer);
}

/** The entries of an admission: the input as it was taken, and with a risk where help is to be had. */
function firstEntries(
  turnId: string,
  words: Words,
  plan: TurnPlan,
  before: SessionRecord,
  safety: SessionRecord['safety'],
): NewEntry[] {
  const { preprocessing, navigation } = plan;
  const n = before.lastTurn + 1;
  const started = { turn_id: turnId, n, user_input: words.userInput, preprocessing, navigation };
  const entries: NewEntry[] = [{ event: 'turn:started', data: started }];
  if (plan.safety) {
    const { level, resources } = plan.safety;
    entries.push({ event: 'safety:resources', data: { turn_id: turnId, level, resources } });
  }
  if (before.safety.mode !== safety.mode) {
    const { session_id: _, ...data } = toSession({ ...before, safety });
    entries.push({ event: 'session:updated', data });
  }
  return entries;
}

export class Admissions {
  readonly #parts: AdmitParts;

  constructor(parts: AdmitParts) {
    this.#parts = parts;
  }

  /**
   * Stores an input and begins its turn; a repeated one answers what the first one did.
   * Risk goes first: it interrupts a live turn, needs no slot and is not refused while draining. [P-12]
   * @throws SESSION_CONFLICT · TURN_IN_PROGRESS · IDEMPOTENCY_CONFLICT · MODEL_BUSY · DRAINING · PAYLOAD_TOO_LARGE ·
   * STORE_UNAVAILABLE, which carries the help for a person at risk
   */
  async admit(words: Words, caller: Caller): Promise<Admission> {
    mustFit(words.userInput);
    const fresh = freshSession(caller, words.sessionId);
    try {
      return await this.#admit(words, fresh, caller);
    } catch (error) {
      const help = reply(screen({ text: words.userInput, recent: [], mode: 'normal' }), fresh);
      throw help ? withHelp(error, help) : error;
    }
  }

  async #admit(words: Words, fresh: NewSession, caller: Caller): Promise<Admission> {
    let ticket: Ticket | null = null;
    let judged: Judged | null = null;
    try {
      for (;;) {
        const considered = await this.#consider(words, fresh);
        const repeated = await this.#repeated(words, considered.found);
        if (repeated) return repeated;
        if (words.retryOf !== undefined) mustBeRetriable(words.retryOf, considered.last);
        ticket ??= this.#reserve(caller.client, considered);
        judged ??= await this.#judge(words, considered, ticket, caller.signal);
        const plan = planOf(considered, judged);
        const admitted = await this.#parts.store.admit(this.#request(words, fresh, { ...considered, plan }));
        if (admitted.kind === 'stale') continue; // somebody else's step went through
        const held = admitted.kind === 'admitted' ? ticket : null;
        if (held) ticket = null;
        return this.#begin(admitted, held);
      }
    } finally {
      ticket?.release();
    }
  }

  async #consider(words: Words, fresh: NewSession): Promise<Considered> {
    const { store, now, log } = this.#parts;
    const known = await store.session(fresh);
    const found = known?.owner === fresh.owner ? known : undefined;
    const earlier = found ? ((await store.turns(found, null, LOOK_BACK)) ?? []) : [];
    const session = found ?? newborn(fresh, now());
    const spoken = earlier.map(({ turn, text }) => ({ userInput: turn.userInput, text }));
    const awayMs = now() - (lastDoneAt(earlier) ?? now());
    const decision = decide(words.userInput, session, spoken, awayMs);
    const hinted = (hint: string) => decide(words.userInput, session, spoken, awayMs, hint).plan;
    if (isDegraded(decision)) log.error({}, 'a stage of the screening failed');
    return { found, session, last: earlier.at(-1)?.turn, hinted, ...decision };
  }

  /** A place in the queue for the model, where one is needed. @throws DRAINING · MODEL_BUSY */
  #reserve(client: string, { session, screening, plan }: Considered): Ticket | null {
    const { slots, speakers, isDraining } = this.#parts;
    if (isDraining() && !isRisk(screening.level)) throw draining();
    if (plan.safety || !nextSpeaker(speakers).needsSlot) return null;
    return slots.reserve(session.clientId ?? client);
  }

  /** Asks the model, where there is something to ask; an input that is going to be refused is not waited for. */
  async #judge(
    { userInput, interrupt }: Words,
    { options, session, last }: Considered,
    ticket: Ticket | null,
    signal: AbortSignal,
  ): Promise<Judged | null> {
    const { judge } = this.#parts;
    const isBusy = last?.endedAt === null && !interrupt;
    if (options.length === 0 || isBusy || !judge?.isFree(ticket)) return null;
    const { state_id: state } = session.progress;
    return { options, answer: await judge.ask({ state, options, userInput }, signal) };
  }

  /** A repeat is answered even when nothing new is taken. */
  async #repeated(words: Words, session: SessionRecord | undefined): Promise<Admission | undefined> {
    if (!session || words.inputId === null) return undefined;
    const view = await this.#parts.store.turnOfInput(session, words.inputId);
    if (!view) return undefined;
    if (view.turn.userInput !== words.userInput) throw new AppError('IDEMPOTENCY_CONFLICT');
    return toAdmission(session, view.turn, true);
  }

  #request(words: Words, fresh: NewSession, considered: Considered): AdmitRequest {
    const { newId, node, leaseMs } = this.#parts;
    const { found, session, screening, plan } = considered;
    const isCalm = screening.level === 'none';
    const safety = isCalm ? session.safety : { level: screening.level, mode: screening.mode };
    const turnId = newId();
    return {
      session: fresh,
      basis: found ? { epoch: found.epoch, version: found.version } : null,
      turnId,
      inputId: words.inputId,
      userInput: words.userInput,
      interrupt: words.interrupt || isRisk(screening.level),
      plan,
      safety,
      entries: firstEntries(turnId, words, plan, session, safety),
      node,
      leaseMs,
    };
  }

  #begin(admitted: Exclude<Admitted, { kind: 'stale' }>, ticket: Ticket | null): Admission {
    const { session, turn } = admitted;
    if (admitted.kind === 'duplicate') return toAdmission(session, turn, true);
    if (admitted.interrupted !== null) this.#parts.turns.abort(admitted.interrupted);
    const position = ticket?.position ?? null;
    this.#parts.turns.begin(session, { turn, text: '', end: null }, ticket);
    return toAdmission(session, { ...turn, position }, false);
  }
}

/** [P-1] The one exception: when nothing can be stored, or we fail, help goes with the refusal. */
function withHelp(error: unknown, safety: SafetyNotice): unknown {
  if (!(error instanceof AppError)) return new AppError('INTERNAL', { safety, cause: error });
  if (error.code !== 'STORE_UNAVAILABLE' && error.code !== 'INTERNAL') return error;
  return new AppError(error.code, { safety, retryAfterMs: 1_000, cause: error });
}

function toAdmission(
  session: SessionRecord,
  turn: Pick<TurnView['turn'], 'turnId' | 'n' | 'state' | 'firstSeq' | 'position'>,
  duplicate: boolean,
): Admission {
  return {
    turn_id: turn.turnId,
    n: turn.n,
    state: turn.state,
    cursor: toCursor(session, turn.firstSeq - 1),
    ...(turn.position !== null && { position: turn.position }),
    ...(duplicate && { duplicate }),
  };
}
