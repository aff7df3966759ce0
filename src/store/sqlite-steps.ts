// Every step of the store that writes. A step reads, refuses if it must, and only then writes.
import { AppError } from '../errors.ts';
import type { RemoveRequest } from './access.ts';
import type { AuditFact } from './escalation.ts';
import type { Step } from './group-commit.ts';
import type { LiveTurn } from './live-turns.ts';
import type { NewMessage } from './outbox.ts';
import { NO_LEASE } from './live-turns.ts';
import type { SqliteData } from './sqlite-data.ts';
import type { StoredSession } from './sqlite-sessions.ts';
import type {
  AdmitRequest,
  Admitted,
  AnswerRequest,
  CreateRequest,
  Fenced,
  FinishRequest,
  Lease,
  NewEntry,
  NoteRequest,
  SessionLife,
  SessionRecord,
  Store,
  TurnEntry,
  TurnRecord,
} from './store.ts';
import { digest, sessionKey } from './envelope.ts';
import { freshWords, isWords } from './fold.ts';
import { placeOf } from './sqlite-sessions.ts';
import { liveView } from './sqlite-turns.ts';

export interface Clock {
  /** ms since 1970: what is stored. May jump in both directions. */
  now(): number;
  /** ms since some moment, never backwards: what leases are measured by. */
  elapsed(): number;
}

export class SqliteSteps {
  readonly #data: SqliteData;
  readonly #clock: Clock;

  constructor(data: SqliteData, clock: Clock) {
    this.#data = data;
    this.#clock = clock;
  }

  create(
    step: Step,
    { session, createKey, idGiven, outbox }: CreateRequest,
  ): Awaited<ReturnType<Store['create']>> {
    const { sessions } = this.#data;
    const made = createKey === null ? null : digest(session.tenant, session.owner, createKey);
    const before = made === null ? undefined : sessions.ofCreateKey(made);
    if (before) {
      if (idGiven && before.session.sessionId !== session.sessionId)
        throw new AppError('IDEMPOTENCY_CONFLICT');
      return { created: false, session: before.session };
    }
    const key = sessionKey(session);
    if (sessions.get(key)) throw taken();
    step.changed(key);
    const stored = sessions.insert(session, this.#clock.now(), made);
    this.#tell(stored, outbox);
    return { created: true, session: stored.session };
  }

  admit(step: Step, request: AdmitRequest): Admitted {
    const { sessions, lives } = this.#data;
    const key = sessionKey(request.session);
    const found = sessions.get(key);
    const live = lives.get(key);
    const settled = found && this.#before(found, live, request);
    if (settled) return settled;
    if (request.basis?.epoch !== found?.session.epoch || request.basis?.version !== found?.session.version) {
      return { kind: 'stale' };
    }
    const interrupted = live && found ? this.#cancel(step, found, live) : undefined;
    const stored = interrupted ?? found ?? sessions.insert(request.session, this.#clock.now(), null);
    const admitted = this.#begin(step, stored, request);
    step.changed(key);
    return { kind: 'admitted', ...admitted, interrupted: live?.turn.turnId ?? null };
  }

  start(step: Step, lease: Lease, begun: Parameters<Store['start']>[1]): TurnRecord | Fenced {
    const live = this.#data.lives.held(lease);
    if (!live) return 'fenced';
    const now = this.#clock.now();
    const turn: TurnRecord = {
      ...live.turn,
      ...begun,
      state: 'running',
      phaseAt: now,
      position: null,
      beganAt: live.turn.beganAt ?? now,
      attempts: live.turn.attempts + 1,
      idleAttempts: live.turn.idleAttempts + 1,
    };
    this.#update(step, live, turn);
    return turn;
  }

  append(step: Step, lease: Lease, entries: TurnEntry[], leaseMs: number): 'appended' | Fenced {
    const live = this.#data.lives.held(lease);
    if (!live) return 'fenced';
    this.#say(step, live, entries);
    this.#data.lives.change(step, live, { leaseUntil: this.#clock.elapsed() + leaseMs });
    return 'appended';
  }

  finish(step: Step, lease: Lease, request: FinishRequest): 'finished' | Fenced {
    const { lives, sessions } = this.#data;
    const live = lives.held(lease);
    const stored = live && sessions.get(live.key);
    if (!live || !stored) return 'fenced';
    const end = request.entries.findIndex((entry) => !isWords(entry));
    if (request.entries[end]?.event !== (request.state === 'done' ? 'therapist:done' : 'therapist:error')) {
      throw new Error(`No end entry for a turn that is ${request.state}`);
    }
    this.#say(step, live, request.entries.slice(0, end).filter(isWords));
    const { session } = stored;
    this.#end(step, live, { state: request.state, generation: lease.generation }, request.entries.slice(end));
    sessions.update(stored, {
      ...this.#touched(session),
      lastSeq: live.head,
      status: request.completes ? 'completed' : session.status,
      ...request.after,
      ...(request.safety && { safety: request.safety }),
      turnCount: session.turnCount + (request.state === 'done' ? 1 : 0),
    });
    this.#attest(request.audit);
    this.#tell(stored, request.outbox);
    return 'finished';
  }

  cancel(step: Step, life: SessionLife, turnId: string | null): Awaited<ReturnType<Store['cancel']>> {
    const { sessions, lives, turns } = this.#data;
    const stored = sessions.ofLife(life);
    if (!stored) throw new AppError('SESSION_NOT_FOUND');
    const live = lives.get(stored.key);
    if (live && (turnId === null || live.turn.turnId === turnId)) {
      this.#cancel(step, stored, live);
      return { turnId: live.turn.turnId, state: 'cancelled', wasLive: true };
    }
    const ended = turnId === null ? undefined : turns.byId(placeOf(stored), turnId, live);
    if (!ended) throw new AppError('TURN_NOT_FOUND');
    return { turnId: ended.turn.turnId, state: ended.turn.state, wasLive: false };
  }

  takeOver(step: Step, leaseMs: number, limit: number): Awaited<ReturnType<Store['takeOver']>> {
    const { lives, sessions } = this.#data;
    const elapsed = this.#clock.elapsed();
    return lives.leaseless(elapsed, limit).map((live) => {
      const stored = sessions.get(live.key);
      if (!stored) throw new Error('A live turn has no session');
      const why = live.leaseUntil === NO_LEASE ? 'released' : 'expired';
      this.#update(step, live, { ...live.turn, generation: live.turn.generation + 1 });
      lives.change(step, live, { leaseUntil: elapsed + leaseMs, lastCall: [] });
      return { session: stored.session, view: liveView(live), why };
    });
  }

  note(
    step: Step,
    life: SessionLife,
    entries: NewEntry[],
    change: Parameters<Store['note']>[2],
    { basis, alert, client, audit }: NoteRequest = {},
  ): 'noted' | 'gone' | 'stale' {
    const { sessions, lives, log, alerts } = this.#data;
    const stored = sessions.ofLife(life);
    if (!stored) return 'gone';
    if (basis !== undefined && basis !== stored.session.version) return 'stale';
    const end = { ...placeOf(stored), head: stored.session.lastSeq, live: lives.get(stored.key) };
    log.append(step, end, entries);
    const isChanged = Object.keys(change).length > 0;
    sessions.update(stored, {
      ...change,
      lastSeq: end.head,
      version: stored.session.version + (isChanged ? 1 : 0),
    });
    if (alert) {
      const { alertId, status, actor } = alert;
      alerts.change(alertId, { status, actor, statusAt: this.#clock.now() }, stored.id);
    }
    if (client) sessions.tendClient(stored, client);
    this.#attest(audit);
    step.changed(stored.key);
    return 'noted';
  }

  answer(step: Step, life: SessionLife, request: AnswerRequest): { ended: TurnRecord | null } {
    const { sessions, lives, log } = this.#data;
    const stored = sessions.ofLife(life);
    if (!stored) throw new AppError('SESSION_NOT_FOUND');
    const { session, key } = stored;
    const live = lives.get(key);
    const end = { ...placeOf(stored), head: session.lastSeq, live };
    const waiting = live?.turn.plan.care.awaitsHuman ? live : undefined;
    log.append(step, end, request.entries(waiting?.turn ?? null));
    const ended = waiting ? this.#answer(step, waiting, request) : null;
    sessions.update(stored, {
      ...(ended && { ...this.#touched(session), turnCount: session.turnCount + 1 }),
      lastSeq: waiting?.head ?? end.head,
    });
    this.#attest(request.audit);
    if (ended) this.#tell(stored, request.outbox?.(ended));
    step.changed(key);
    return { ended };
  }

  remove(step: Step, life: SessionLife, { audit, outbox, idleSince = Infinity }: RemoveRequest): boolean {
    const { sessions, lives, log } = this.#data;
    const buried = sessions.bury(life, idleSince, this.#clock.now());
    if (!buried) return false;
    log.drop(buried.id);
    const live = lives.get(buried.key);
    if (live) lives.remove(step, live);
    this.#attest(audit);
    this.#data.outbox.insertApart(buried.key, outbox, this.#clock.now());
    step.changed(buried.key);
    return true;
  }

  compact(step: Step, endedBefore: number, limit: number): number {
    const { turns, log } = this.#data;
    const found = turns.toCompact(endedBefore, limit);
    for (const { session, n, firstSeq, lastSeq } of found) {
      log.dropWords(session, firstSeq, lastSeq);
      turns.markCompacted(session, n);
    }
    log.trim(step);
    return found.length;
  }

  /** What came before in the session decides: a repeat gets its turn, and some requests are refused. [P-6] */
  #before(found: StoredSession, live: LiveTurn | undefined, request: AdmitRequest): Admitted | undefined {
    if (found.session.owner !== request.session.owner) throw taken();
    const repeated =
      request.inputId === null ? undefined : this.#data.turns.byInput(placeOf(found), request.inputId, live);
    if (repeated && repeated.turn.userInput !== request.userInput) throw new AppError('IDEMPOTENCY_CONFLICT');
    if (repeated) return { kind: 'duplicate', session: found.session, turn: repeated.turn };
    if (live && !request.interrupt) throw new AppError('TURN_IN_PROGRESS');
    return undefined;
  }

  /** Stores the turn of an admission and everything that is seen with it. */
  #begin(step: Step, stored: StoredSession, request: AdmitRequest) {
    const { sessions, turns, log, lives, alerts } = this.#data;
    const now = this.#clock.now();
    const n = stored.session.lastTurn + 1;
    const end = { ...placeOf(stored), head: stored.session.lastSeq, live: undefined };
    log.append(step, end, request.entries);
    const turn = newTurn(request, n, { first: stored.session.lastSeq + 1, last: end.head }, now);
    turns.insert(placeOf(stored), turn);
    const { session } = sessions.update(stored, {
      ...this.#touched(stored.session),
      lastSeq: end.head,
      lastTurn: n,
      safety: request.safety,
      care: request.care,
    });
    if (request.client) sessions.tendClient(stored, request.client);
    for (const alert of request.alerts) alerts.insert(stored, alert, now);
    this.#attest(request.audit);
    this.#tell(stored, request.outbox);
    const leaseUntil = this.#clock.elapsed() + request.leaseMs;
    const [{ key }, { epoch }] = [stored, session];
    const live = { ...placeOf(stored), key, epoch, turn, text: '', head: end.head, leaseUntil };
    lives.add(step, { ...live, tail: [], journalFrom: null, lastCall: [] });
    return { session, turn };
  }

  /** Adds the words that are new, and remembers the call. */
  #say(step: Step, live: LiveTurn, entries: TurnEntry[]): void {
    const { log, lives } = this.#data;
    const fresh = freshWords(live.text, entries, live.lastCall);
    if (fresh.length === 0) return;
    log.appendWords(step, live, fresh);
    lives.change(step, live, { lastCall: entries });
    step.changed(live.key);
    const { turn } = live;
    const hasText = fresh.some((entry) => entry.event === 'therapist:token' && entry.data.text !== '');
    const isFirst = turn.firstTextAt === null || turn.idleAttempts > 0;
    if (!hasText || !isFirst) return;
    this.#update(step, live, {
      ...turn,
      firstTextAt: turn.firstTextAt ?? this.#clock.now(),
      idleAttempts: 0,
    });
  }

  /** Ends a waiting turn with a person's words in place of all it showed. The owner before is fenced. [P-5] */
  #answer(step: Step, live: LiveTurn, { text, end }: AnswerRequest): TurnRecord {
    const { turnId, generation } = live.turn;
    const words: TurnEntry[] = [];
    if (live.text !== '') {
      words.push({ event: 'therapist:reset', data: { turn_id: turnId, at: 0, text: '', cause: 'human' } });
    }
    if (text !== '') words.push({ event: 'therapist:token', data: { turn_id: turnId, at: 0, text } });
    this.#say(step, live, words);
    const last = end(live.turn);
    if (last.event !== 'therapist:done') throw new Error(`${last.event} is not how an answered turn ends`);
    const { source, model } = last.data;
    return this.#end(step, live, { state: 'done', generation: generation + 1, source, model }, [last]);
  }

  #cancel(step: Step, stored: StoredSession, live: LiveTurn): StoredSession {
    const { turnId, generation } = live.turn;
    const end: NewEntry = { event: 'turn:cancelled', data: { turn_id: turnId, text: live.text } };
    this.#end(step, live, { state: 'cancelled', generation: generation + 1 }, [end]);
    return this.#data.sessions.update(stored, { ...this.#touched(stored.session), lastSeq: live.head });
  }

  /** Appends the end entry and what follows it, and closes the turn. [P-8] */
  #end(
    step: Step,
    live: LiveTurn,
    over: Pick<TurnRecord, 'state' | 'generation'> & Partial<Pick<TurnRecord, 'source' | 'model'>>,
    entries: NewEntry[],
  ): TurnRecord {
    const { log, lives } = this.#data;
    const lastSeq = live.head + 1;
    log.append(step, { ...live, live }, entries);
    const plan = { ...live.turn.plan, memory: '' };
    const ended = { ...live.turn, ...over, plan, lastSeq, endedAt: this.#clock.now(), position: null };
    this.#update(step, live, ended);
    lives.remove(step, live);
    return ended;
  }

  #attest(facts: readonly AuditFact[] | undefined): void {
    if (facts) this.#data.audit.add(facts, this.#clock.now());
  }

  #tell(stored: StoredSession, messages: readonly NewMessage[] | undefined): void {
    if (messages) this.#data.outbox.insert({ ...stored, session: stored.id }, messages, this.#clock.now());
  }

  #update(step: Step, live: LiveTurn, turn: TurnRecord): void {
    this.#data.turns.update(live, turn);
    this.#data.lives.change(step, live, { turn });
    step.changed(live.key);
  }

  #touched(session: Pick<SessionRecord, 'version'>) {
    return { version: session.version + 1, lastInteractionAt: this.#clock.now() };
  }
}

function newTurn(
  request: AdmitRequest,
  n: number,
  seq: { first: number; last: number },
  now: number,
): TurnRecord {
  return {
    turnId: request.turnId,
    n,
    state: 'queued',
    generation: 1,
    inputId: request.inputId,
    userInput: request.userInput,
    plan: request.plan,
    firstSeq: seq.first,
    lastSeq: seq.last,
    length: 0,
    startedAt: now,
    endedAt: null,
    phase: 'queued',
    phaseAt: now,
    position: null,
    source: null,
    model: null,
    beganAt: null,
    firstTextAt: null,
    attempts: 0,
    idleAttempts: 0,
  };
}

function taken(): AppError {
  return new AppError('SESSION_CONFLICT', {
    message: 'A session with this id exists; choose another id, or leave it out to get one',
  });
}
