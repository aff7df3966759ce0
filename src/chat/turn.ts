// One turn, from its place in the queue to its end entry: queued → running → done | failed | cancelled.
// Whoever owns the lease runs it; a turn taken over enters here like a new one, with the words that are there.
import type { Phase, Source } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Meter, TakeoverCause, TurnEnd, TurnMeter } from '../meter.ts';
import { ModelError, nextSpeaker } from '../model/model.ts';
import type { Model, Speakers } from '../model/model.ts';
import { isSafe } from '../safety/guard.ts';
import type { Guard, GuardOptions, Trip } from '../safety/guard.ts';
import { repliesFor } from '../safety/replies.ts';
import type { Lease, NewEntry, SessionRecord, Store, TurnRecord, TurnView } from '../store/store.ts';
import type { Slots, Ticket } from '../store/slots.ts';
import type { Announcer } from '../store/outbox.ts';
import { shareOf } from './access.ts';
import { tellEnded, wakeFor } from './announce.ts';
import type { Ask } from './ask.ts';
import { doneEntry, finishRequest, FIXED } from './ending.ts';
import { untilNobodyAnswers } from './human.ts';
import { Fenced, insist, Reply } from './reply.ts';
import { FreshJoint, openJoint, PrefillJoint, ProofJoint } from './joint.ts';
import type { Joint } from './joint.ts';
import { Speech } from './speech.ts';
import type { Spoken } from './speech.ts';
import { Patience } from './patience.ts';
import { Place } from './place.ts';

export interface TurnParts {
  store: Store;
  announcer: Announcer;
  slots: Slots;
  speakers: Speakers;
  ask: Ask;
  guard: (options: Pick<GuardOptions, 'mode' | 'shown'>) => Guard;
  /** How long a checked answer of the model is waited for, while the process rests. */
  helpMs: number;
  leaseMs: number;
  now: () => number;
  meter: Meter;
  log: Log;
}

/** Model runs of one turn in all, and without one new word, before it is given up (REALTIME.md 5.8). */
const ATTEMPTS_MAX = 10;
const IDLE_ATTEMPTS_MAX = 3;
/** The budget is used up: whatever was tried, there is no end. */
class Exhausted extends Error {}

export class Turn {
  readonly lease: Lease;
  readonly n: number;
  readonly reply: Reply;
  readonly ended: Promise<void>;
  /** What it does, where in the queue, and since when (ms since 1970, by the clock of the store). */
  doing: { phase: Phase; position: number | null; sinceAt: number };
  readonly #parts: TurnParts;
  readonly #session: SessionRecord;
  readonly #stop = new AbortController();
  #record: TurnRecord;
  readonly #place: Place;
  /** Whether a model run is counted already: one that was refused before it began is not counted again. */
  #begun = false;
  #isModelLost = false;
  #prefixGiven = false;
  #prefillFailed = false;
  readonly #patience = new Patience();
  #firstTextAt: number | null;
  #trip: Trip | undefined;
  readonly #meter: TurnMeter;
  #outcome: TurnEnd = 'left';

  constructor(
    parts: TurnParts,
    session: SessionRecord,
    view: TurnView,
    ticket: Ticket | null,
    takenOver: TakeoverCause | null = null,
  ) {
    const { turnId, generation, startedAt } = view.turn;
    const { tenant, sessionId, epoch } = session;
    this.lease = { tenant, sessionId, epoch, turnId, generation };
    this.n = view.turn.n;
    this.reply = new Reply(parts.store, this.lease, parts.leaseMs, view.text, this.#stop.signal);
    this.#parts = parts;
    this.#session = session;
    this.#record = view.turn;
    const client = shareOf(session, sessionId);
    this.#place = new Place(parts.slots, client, ticket, (position) => this.#mark('queued', position));
    this.#firstTextAt = view.turn.firstTextAt;
    const { phase, position, phaseAt } = view.turn;
    this.doing = { phase, position, sinceAt: phaseAt };
    this.#meter = parts.meter.turn({ turnId, generation, startedAt, now: parts.now(), takenOver });
    this.ended = this.#run();
  }

  /** Stops it wherever it is; the request to the model is closed at once. What the log says of it is the caller's. */
  abort(): void {
    this.#stop.abort(new Fenced());
  }

  async #run(): Promise<void> {
    try {
      await this.#speak();
      await this.reply.stored();
      await this.#finish();
    } catch (error) {
      await this.#fail(error);
    } finally {
      this.#place.leave();
      this.#meter.ended(this.#outcome, this.reply.text.length);
    }
  }

  async #speak(): Promise<void> {
    const { safety, care, line } = this.#record.plan;
    if (care.awaitsHuman) {
      const { store, now } = this.#parts;
      this.#meter.phase('person');
      await untilNobodyAnswers(store, this.lease, now, this.#stop.signal);
    }
    if (safety || care.isFixed || care.awaitsHuman) return this.#sayFixed(safety?.text ?? line);
    if (care.safety.mode !== 'normal') return this.#help(line);
    for (;;) {
      const model = this.#choose();
      try {
        await this.#attempt(model, this.#stop.signal);
        return;
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        await this.#recover(model, error);
      }
    }
  }

  async #sayFixed(text: string): Promise<void> {
    await this.#start('safety', FIXED, 'streaming');
    this.#replaceBy(text, 'fixed_reply');
  }

  /** While the process rests, a model may help if its whole answer is there in time and is safe; else the line carries the talk. */
  async #help(line: string): Promise<void> {
    const { signal: stop } = this.#stop;
    const patience = AbortSignal.timeout(this.#parts.helpMs);
    try {
      await this.#attempt(this.#choose(), AbortSignal.any([stop, patience]));
    } catch (error) {
      stop.throwIfAborted();
      // also a fault of our own: the line needs nothing but the store
      if (error instanceof Fenced) throw error;
      this.#place.leave();
      this.#parts.log.warn({ turnId: this.lease.turnId, reason: String(error) }, 'the model did not help');
      await this.#sayFixed(line);
    }
  }

  /** Who shown words come from goes on; before the first word, whoever is there. */
  #choose(): Model {
    const { model, fallback } = this.#parts.speakers;
    if (!fallback) return model;
    if (this.reply.text !== '') return this.#record.source === fallback.source ? fallback : model;
    const isLost = this.#isModelLost || this.#record.idleAttempts >= IDLE_ATTEMPTS_MAX;
    return isLost ? fallback : nextSpeaker(this.#parts.speakers);
  }

  async #attempt(model: Model, signal: AbortSignal): Promise<void> {
    const shown = this.reply.text;
    const slot = Promise.withResolvers<void>();
    const asking = this.#ask(model, slot.promise, signal);
    // nobody asks when there is no slot to have
    asking.catch(() => undefined);
    if (shown !== '') slot.resolve();
    // a reply that was whole when its owner died needs no model
    if (shown !== '' && (await asking).shape(shown).isOver) return;
    if (this.#isReplaced(model, shown)) return;
    await this.#place.take(model, shown !== '', signal).finally(slot.resolve);
    if (!this.#begun || model.source !== this.#record.source) {
      await this.#start(model.source, model.name, this.#firstPhase(model));
    }
    this.#begun = true;
    const { prefix, joint } = await this.#join(model, shown, signal);
    this.#prefixGiven = prefix !== '';
    const { messages, shape } = await asking;
    const guard = (text: string) => this.#guard(text);
    const speech = new Speech({ joint, shape, guard, shown: this.reply.text });
    const request = { messages, prefix, line: this.#record.plan.line, host: this.#place.host };
    let words = false;
    for await (const event of model.generate(request, signal)) {
      if (event.kind !== 'text') {
        this.#mark(shown === '' ? event.kind : 'recovering');
        continue;
      }
      words = this.#say(speech.push(event.text), words);
      if (speech.isOver) break;
      const room = this.reply.room();
      if (room) await room;
    }
    if (speech.tripped === undefined) words = this.#say(speech.end(), words);
    if (speech.tripped !== undefined) this.#replaceUnsafe(speech.tripped, words);
  }

  #guard(shown: string): Guard {
    return this.#parts.guard({ mode: this.#record.plan.care.safety.mode, shown });
  }

  /** What is said where the model's words are not let through. */
  get #replacement(): string {
    const { line } = this.#record.plan;
    return line !== '' && isSafe(line) ? line : repliesFor(this.#session.locale).phrases.replacement;
  }

  /** In one piece, so that a later owner finds all of it or nothing. */
  #replaceUnsafe(trip: Trip, words: boolean): void {
    const { log } = this.#parts;
    log.warn({ turnId: this.lease.turnId, reason: trip.reason }, 'words of the model were not let through');
    this.#parts.meter.guarded(trip.reason);
    this.#trip = trip;
    const shown = this.reply.text;
    const space = shown === '' || /\s$/.test(shown) ? '' : ' ';
    this.#say({ restarts: false, text: space + this.#replacement }, words);
  }

  /** Whether an earlier owner had replaced the model's words when it died. */
  #isReplaced(model: Model, shown: string): boolean {
    if (model.source === 'guide' || shown === '' || !shown.endsWith(this.#replacement)) return false;
    return true;
  }

  #ask(model: Model, slot: Promise<void>, signal: AbortSignal): ReturnType<Ask> {
    return insist(() => this.#parts.ask(this.#session, this.#record, model, slot, signal), signal);
  }

  #firstPhase(model: Model): Phase {
    if (this.reply.text !== '') return 'recovering';
    return model.needsSlot ? 'prompt' : 'streaming';
  }

  /** How the words to come join those that are shown; where they cannot, the reply begins anew. (REALTIME.md 5.8) */
  async #join(model: Model, shown: string, signal: AbortSignal): Promise<{ prefix: string; joint: Joint }> {
    if (shown === '') return { prefix: '', joint: new FreshJoint() };
    const state = model.state();
    if (state.phase === 'unavailable') throw new ModelError('unreachable', state.reason);
    const prefill = this.#prefillFailed ? 'no' : await model.prefill(signal, this.#place.host);
    signal.throwIfAborted();
    const isLine = prefill === 'line' && this.#record.plan.line.startsWith(shown);
    if (isLine) return { prefix: shown, joint: openJoint };
    if (prefill === 'yes') return { prefix: shown, joint: new PrefillJoint(shown) };
    const proof = new ProofJoint(shown);
    if (prefill === 'unknown' && proof.given !== undefined) return { prefix: proof.given, joint: proof };
    this.reply.reset('', 'begun_anew');
    return { prefix: '', joint: new FreshJoint() };
  }

  /** Hands words on to the reply; answers whether any of this attempt were said by now. */
  #say({ restarts, text }: Spoken, before: boolean): boolean {
    if (restarts) this.reply.reset('', 'begun_anew');
    if (text === '') return before;
    if (!before) this.#mark('streaming');
    this.#shown();
    this.#patience.renew();
    this.reply.push(text);
    return true;
  }

  /** After a fault: who speaks next, and when. Raises what cannot be mended. */
  async #recover(model: Model, fault: ModelError): Promise<void> {
    const nothingBegun = fault.fault === 'unreachable' || fault.fault === 'busy' || fault.fault === 'missing';
    this.#begun = nothingBegun;
    const { turnId } = this.lease;
    this.#parts.log.warn({ turnId, fault: fault.fault, reason: fault.message }, 'model fault');
    const { fallback } = this.#parts.speakers;
    const wordsShown = this.reply.text !== '';
    if (this.#place.moves(model, fault.fault)) {
      if (wordsShown) this.#mark('recovering');
      return;
    }
    const otherCan = fallback !== null && model !== fallback && !wordsShown;
    if (otherCan && this.#patience.isLost(fault.fault, this.#record.idleAttempts)) {
      this.#isModelLost = true;
      this.#begun = false;
      return;
    }
    if (fault.fault === 'refused') {
      if (!this.#prefixGiven) throw fault;
      this.#prefillFailed = true;
      return;
    }
    if (nothingBegun && this.#patience.isOver(wordsShown)) throw fault;
    if (wordsShown) this.#mark('recovering');
    await this.#patience.wait(model, this.#stop.signal);
  }

  async #start(source: Source, model: string, phase: Phase): Promise<void> {
    const { store } = this.#parts;
    const begun = await insist(() => store.start(this.lease, { source, model, phase }), this.#stop.signal);
    if (begun === 'fenced') throw new Fenced();
    this.#record = begun;
    this.#meter.began(source, model);
    this.#tell(phase);
    const isIdle = source === this.#parts.speakers.model.source && begun.idleAttempts > IDLE_ATTEMPTS_MAX;
    if (isIdle || begun.attempts > ATTEMPTS_MAX) throw new Exhausted();
  }

  #tell(phase: Phase, position: number | null = null): void {
    const sinceAt = phase === this.doing.phase ? this.doing.sinceAt : this.#parts.now();
    this.doing = { phase, position, sinceAt };
    this.#meter.phase(phase);
  }

  #mark(phase: Phase, position: number | null = null): void {
    this.#tell(phase, position);
    this.#parts.store.mark(this.lease, phase, position).catch((error: unknown) => {
      this.#parts.log.warn({ turnId: this.lease.turnId, error: String(error) }, 'phase not stored');
    });
  }

  /** Makes the reply `text`, going on behind what is shown of it. */
  #replaceBy(text: string, cause: string): void {
    if (!text.startsWith(this.reply.text)) this.reply.reset('', cause);
    this.reply.push(text.slice(this.reply.text.length));
    this.#shown();
  }

  #shown(): void {
    if (this.#firstTextAt !== null) return;
    this.#firstTextAt = this.#parts.now();
    this.#meter.firstWord();
  }

  async #finish(): Promise<void> {
    const shown = { text: this.reply.text, firstTextAt: this.#firstTextAt, now: this.#parts.now() };
    await this.#end('done', doneEntry(this.#record, shown, this.#trip));
  }

  async #end(state: 'done' | 'failed', entry: NewEntry): Promise<void> {
    const ending = finishRequest(this.#session, this.#record, { state, entry, trip: this.#trip });
    const { store, announcer } = this.#parts;
    const outbox = tellEnded(announcer, this.#session, this.#record, ending);
    const request = { ...ending, outbox };
    // one that was stored though its answer was lost is fenced when it is sent again: the turn is over
    const ended = await insist(() => store.finish(this.lease, request), this.#stop.signal);
    if (ended === 'fenced') throw new Fenced();
    wakeFor(announcer, outbox);
    this.#outcome = state;
    const { turnId, source, attempts, startedAt } = this.#record;
    const ms = this.#parts.now() - startedAt;
    this.#parts.log.info(
      { turnId, state, source, attempts, chars: this.reply.text.length, ms },
      'turn ended',
    );
  }

  /** [P-8] A turn that cannot be finished ends with `therapist:error`; one that was taken from us ends elsewhere. */
  async #fail(error: unknown): Promise<void> {
    const { log } = this.#parts;
    const { turnId, generation } = this.lease;
    if (this.#stop.signal.aborted || error instanceof Fenced) {
      // the store has another owner for it, or its end
      if (!this.#stop.signal.aborted) log.info({ turnId, generation }, 'turn lost');
      await this.reply.stored().catch(() => undefined);
      return;
    }
    const isModel = error instanceof ModelError || error instanceof Exhausted;
    const known = isModel ? new AppError('MODEL_INTERRUPTED', { cause: error }) : error;
    if (!isModel) log.error({ turnId, err: error }, 'turn failed');
    try {
      await this.reply.stored();
      const data = { turn_id: turnId, error: toFailure(known), text: this.reply.text };
      await this.#end('failed', { event: 'therapist:error', data });
    } catch (late) {
      if (!(late instanceof Fenced)) log.error({ turnId, err: late }, 'the end of a turn was not stored');
    }
  }
}
