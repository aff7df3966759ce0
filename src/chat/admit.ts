// From an input to a stored turn: screened first, decided by rules, admitted in one step.
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Admission } from '../contract/types.ts';
import { USER_INPUT_MAX } from '../contract/model.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Meter } from '../meter.ts';
import { nextSpeaker } from '../model/model.ts';
import type { Speakers } from '../model/model.ts';
import { readClientCare } from '../safety/care.ts';
import { isRisk } from '../safety/levels.ts';
import type { Announcer } from '../store/outbox.ts';
import type { Slots, Ticket } from '../store/slots.ts';
import type {
  AdmitRequest,
  Admitted,
  NewSession,
  SessionRecord,
  Store,
  TurnPlan,
  TurnRecord,
  TurnView,
} from '../store/store.ts';
import { clientOf, isOurs, shareOf } from './access.ts';
import type { Caller } from './access.ts';
import { admitRequest } from './admission-request.ts';
import { tellCreated, wakeFor } from './announce.ts';
import { decide, isDegraded } from './decide.ts';
import type { Decision } from './decide.ts';
import { withHelp } from './help.ts';
import type { Judge } from './judge.ts';
import { rateLimited } from './keep-to.ts';
import { freshSession, newborn } from './newborn.ts';
import type { Turns } from './turns.ts';
import { toCursor } from './wire.ts';

/** Turns looked back at for the window of the screening and for what the guide said lately. */
const LOOK_BACK = 8;
const DRAIN_RETRY_MS = 2_000;
export interface AdmitParts {
  store: Store;
  /** Told of sessions outside. */
  announcer: Announcer;
  turns: Turns;
  slots: Slots;
  speakers: Speakers;
  /** Asked where no rule has a word on an input; null where nobody is. */
  judge: Judge | null;
  isDraining: () => boolean;
  node: string;
  leaseMs: number;
  /** Whether alerts are delivered somewhere. */
  sendsAlerts: boolean;
  /** Called once an alert is stored. */
  onAlert: () => void;
  now: () => number;
  newId: () => string;
  meter: Meter;
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

/** A name for a session in the audit that tells nothing about it. */
export const newRef = (): string => randomBytes(12).toString('hex');

export const draining = (): AppError => new AppError('DRAINING', { retryAfterMs: DRAIN_RETRY_MS });

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
interface Considered {
  /** As it was found; undefined when there is none yet. */
  found: SessionRecord | undefined;
  /** As it is before this input: `found`, or a newborn one. */
  session: SessionRecord;
  last: TurnRecord | undefined;
  /** Whose care is shared between sessions. */
  client: string | null;
  now: number;
  decision: Decision;
  /** What follows from the same with the model's word. */
  hinted: (hint: string) => TurnPlan;
}

type Begun = Extract<Admitted, { kind: 'admitted' }>;

/** What a turn takes with it until it ends. */
interface Held {
  ticket: Ticket | null;
  place: Disposable | null;
}

/**
 * Makes no session for who may not open one, and stops what is over the limits unless it shows risk. [P-12]
 * @throws SESSION_NOT_FOUND · RATE_LIMITED
 */
async function mustBeLetIn({ found, decision }: Considered, caller: Caller): Promise<void> {
  if (!found && !caller.rights.has('create')) throw new AppError('SESSION_NOT_FOUND');
  if (!caller.overLimit) return;
  if (!isRisk(decision.level)) throw rateLimited(caller.overLimit.waitMs);
  await caller.overLimit.pace();
}

/** A place among the live turns of a caller; one that shows risk needs none. @throws RATE_LIMITED */
function mustHavePlace({ decision }: Considered, caller: Caller): Disposable | null {
  if (isRisk(decision.level)) return null;
  const place = caller.turnPlace();
  if (!place) throw new AppError('RATE_LIMITED', { message: 'Too many turns are live', retryAfterMs: 1_000 });
  return place;
}

/** What the model said of an input, and what it could choose from. */
interface Judged {
  options: Decision['options'];
  answer: string | undefined;
}

/** By the rules, or by the model where it was asked just this. */
function planOf({ decision: { options, plan }, hinted }: Considered, judged: Judged | null): TurnPlan {
  if (judged?.answer === undefined || !isDeepStrictEqual(judged.options, options)) return plan;
  return hinted(judged.answer);
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
    const fresh = freshSession(caller, words.sessionId);
    try {
      mustFit(words.userInput);
      return await this.#admit(words, fresh, caller);
    } catch (error) {
      throw withHelp(error, words.userInput, fresh);
    }
  }

  async #admit(words: Words, fresh: NewSession, caller: Caller): Promise<Admission> {
    let ticket: Ticket | null = null;
    let place: Disposable | null = null;
    let judged: Judged | null = null;
    try {
      for (;;) {
        const considered = await this.#consider(words, fresh, caller);
        const repeated = await this.#repeated(words, considered.found);
        if (repeated) return repeated;
        await mustBeLetIn(considered, caller);
        if (words.retryOf !== undefined) mustBeRetriable(words.retryOf, considered.last);
        ticket ??= await this.#reserve(caller.client, considered);
        place ??= mustHavePlace(considered, caller);
        judged ??= await this.#judge(words, considered, ticket, caller.signal);
        const plan = planOf(considered, judged);
        const request = this.#request(words, fresh, considered, plan);
        const admitted = await this.#parts.store.admit(request);
        if (admitted.kind === 'stale') continue; // somebody else's step went through
        if (considered.decision.urgency !== null) this.#parts.onAlert();
        wakeFor(this.#parts.announcer, request.outbox ?? []);
        if (admitted.kind === 'duplicate') return toAdmission(admitted.session, admitted.turn, true);
        this.#parts.meter.screened(considered.decision.level);
        const held = { ticket, place };
        ticket = null;
        place = null;
        return this.#begin(admitted, held);
      }
    } finally {
      ticket?.release();
      place?.[Symbol.dispose]();
    }
  }

  async #consider(words: Words, fresh: NewSession, caller: Caller): Promise<Considered> {
    const { store, log } = this.#parts;
    const now = this.#parts.now();
    const known = await store.session(fresh);
    const found = known && isOurs(caller, known) ? known : undefined; // [S-7]
    const earlier = found ? ((await store.turns(found, null, LOOK_BACK)) ?? []) : [];
    const session = found ?? newborn(fresh, now);
    const client = clientOf(session);
    const circumstances = {
      earlier: earlier.map(({ turn, text }) => ({ userInput: turn.userInput, text })),
      awayMs: now - (lastDoneAt(earlier) ?? now),
      now,
      client: readClientCare(client === null ? null : await store.clientCare(fresh.tenant, client)),
      ref: newRef(),
    };
    const decision = decide(words.userInput, session, circumstances);
    const hinted = (hint: string) => decide(words.userInput, session, circumstances, hint).plan;
    if (isDegraded(decision)) log.error({}, 'a stage of the screening failed');
    return { found, session, client, now, last: earlier.at(-1)?.turn, decision, hinted };
  }

  /** A place in the queue for the model, where one is needed. @throws DRAINING · MODEL_BUSY · STORE_UNAVAILABLE */
  async #reserve(client: string, { session, decision: { level, plan } }: Considered): Promise<Ticket | null> {
    const { slots, speakers, isDraining } = this.#parts;
    if (isDraining() && !isRisk(level)) throw draining();
    const { isFixed, awaitsHuman } = plan.care;
    const speaker = nextSpeaker(speakers);
    if (isFixed || awaitsHuman || !speaker.needsSlot) return null;
    // while the process rests nobody is sent away: such a turn waits a little for the model, and has its line without it
    const always = plan.care.safety.mode !== 'normal';
    const hosts = () => speaker.hosts();
    try {
      return await slots.reserve({ client: shareOf(session, client), hosts, always, first: false });
    } catch (error) {
      // a turn that is never sent away asks again when it runs
      if (always && error instanceof AppError && error.code === 'STORE_UNAVAILABLE') return null;
      throw error;
    }
  }

  /** Asks the model, where there is something to ask; an input that is going to be refused is not waited for. */
  async #judge(
    { userInput, interrupt }: Words,
    { decision: { options }, session, last }: Considered,
    ticket: Ticket | null,
    signal: AbortSignal,
  ): Promise<Judged | null> {
    const { judge } = this.#parts;
    const isBusy = last?.endedAt === null && !interrupt;
    if (options.length === 0 || isBusy || !judge?.isFree(ticket)) return null;
    const host = ticket?.host ?? '';
    const { state_id: state } = session.progress;
    return { options, answer: await judge.ask({ state, options, userInput }, host, signal) };
  }

  /** A repeat is answered even when nothing new is taken. */
  async #repeated(words: Words, session: SessionRecord | undefined): Promise<Admission | undefined> {
    if (!session || words.inputId === null) return undefined;
    const view = await this.#parts.store.turnOfInput(session, words.inputId);
    if (!view) return undefined;
    if (view.turn.userInput !== words.userInput) throw new AppError('IDEMPOTENCY_CONFLICT');
    return toAdmission(session, view.turn, true);
  }

  #request(words: Words, fresh: NewSession, considered: Considered, plan: TurnPlan): AdmitRequest {
    const { newId, node, leaseMs, sendsAlerts, speakers, announcer } = this.#parts;
    const { found, session, client, now, decision } = considered;
    const ids = { turnId: newId(), alertId: decision.urgency === null ? '' : newId() };
    const from = { words, fresh, found, session, client, now, decision, plan };
    const outbox = found ? [] : tellCreated(announcer, fresh);
    const also = { node, leaseMs, isSent: sendsAlerts, model: speakers.model.name };
    return { ...admitRequest({ ...from, ...ids, ...also }), outbox };
  }

  #begin({ session, turn, interrupted }: Begun, { ticket, place }: Held): Admission {
    if (interrupted !== null) this.#parts.turns.abort(interrupted);
    const position = ticket?.position ?? null;
    this.#parts.turns.begin(session, { turn, text: '', end: null }, ticket, { place });
    return toAdmission(session, { ...turn, position }, false);
  }
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
