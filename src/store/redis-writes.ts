// Every step that changes a session: one script each, which looks, refuses if it must, and only then writes.
import { AppError } from '../errors.ts';
import type { RedisLink, Reply, Script } from './redis-link.ts';
import type { RedisIndex } from './redis-index.ts';
import type { PeopleArgs, RedisPeople } from './redis-people.ts';
import type { RedisReads, Seen } from './redis-reads.ts';
import type {
  AdmitRequest,
  Admitted,
  AnswerRequest,
  Fenced,
  FinishRequest,
  Lease,
  NewEntry,
  NoteRequest,
  SessionLife,
  Store,
  TurnEntry,
  TurnRecord,
} from './store.ts';
import { Bounded } from './bounded.ts';
import { digest } from './envelope.ts';
import { freshWords, isWords } from './fold.ts';
import {
  changeFields,
  entryArg,
  makeFields,
  openAsked,
  sealAsked,
  sealText,
  toSession,
  toTurn,
  toView,
  wordArg,
} from './redis-records.ts';
import { Fields, listOf, textOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** Live turns of which it is kept how much was said. */
const SAID_KEPT = 10_000;
/** How often a step that needs the words so far races with their owner before the owner is fenced off. */
const RACES = 3;
const NOTHING_SEEN = { id: '', seq: '', data: '' };

export class RedisWrites {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #reads: RedisReads;
  readonly #people: RedisPeople;
  readonly #lost: (life: SessionLife, seq: number) => Promise<boolean>;
  /** The length of replies that was acknowledged here. */
  readonly #said = new Bounded<number>(SAID_KEPT);

  /** `lost` is told of a session of which Redis has less than it acknowledged. */
  constructor(
    link: RedisLink,
    index: RedisIndex,
    reads: RedisReads,
    people: RedisPeople,
    lost: (life: SessionLife, seq: number) => Promise<boolean>,
  ) {
    this.#link = link;
    this.#index = index;
    this.#reads = reads;
    this.#people = people;
    this.#lost = lost;
  }

  async admit(request: AdmitRequest): Promise<Admitted> {
    const { session, basis, leaseMs, alerts, audit, client } = request;
    const base = this.#index.base(session);
    await this.#index.expect(session, leaseMs);
    const place = basis === null ? await this.#index.place(session) : null;
    const life = { ...session, epoch: basis?.epoch ?? session.epoch };
    const document = admission(request, place);
    const unplace = async () => {
      if (place !== null) await this.#index.unplace(session, place).catch(() => undefined);
    };
    try {
      const admit = async (args: PeopleArgs) => {
        const step = (seen: Seen | undefined) =>
          this.#step(steps.admit, base, { ...document, ...args, seen: cut(seen) });
        return readAdmitted(request, await this.#race(life, step));
      };
      const carried = { alerts, audit, client };
      const admitted = await this.#people.with(session, carried, admit, ({ kind }) => kind !== 'admitted');
      if (admitted.kind === 'admitted') this.#reads.keep(base, request);
      else await unplace();
      return admitted;
    } catch (error) {
      // one that may have been made keeps its place: who finds nothing there strikes it out
      if (error instanceof AppError && error.code !== 'STORE_UNAVAILABLE') await unplace();
      throw error;
    }
  }

  async start(lease: Lease, begun: Parameters<Store['start']>[1]): Promise<TurnRecord | Fenced> {
    const { source, model, phase } = begun;
    const reply = await this.#held(steps.start, lease, [source, model, phase]);
    const fields = Fields.ofList(reply);
    if (fields.isEmpty) return 'fenced';
    const asked = await this.#reads.asked(this.#index.base(lease), lease.turnId, fields.text('n'));
    return asked ? toTurn(asked, fields) : 'fenced';
  }

  async mark(lease: Lease, phase: TurnRecord['phase'], position: number | null): Promise<'marked' | Fenced> {
    return (await this.#held(steps.mark, lease, [phase, position ?? ''])) === 1 ? 'marked' : 'fenced';
  }

  /** Answers the number of the last entry. */
  async append(lease: Lease, entries: TurnEntry[], leaseMs: number): Promise<number | Fenced> {
    const say = async (words: TurnEntry[]) =>
      this.#held(steps.append, lease, [leaseMs, ...words.flatMap(wordArg)]);
    let reply = await say(entries);
    while (reply === 'unclear') {
      const words = await this.#freshOf(lease, entries);
      if (words === 'fenced') break;
      reply = await say(words);
    }
    const last = entries.at(-1);
    if (typeof reply !== 'number') this.#said.delete(lease.turnId);
    else if (last) this.#said.set(lease.turnId, lengthBehind(last));
    return typeof reply === 'number' ? reply : 'fenced';
  }

  async finish(lease: Lease, request: FinishRequest): Promise<'finished' | Fenced> {
    const { state, entries, after, completes, safety, audit } = request;
    const end = entries.findIndex((entry) => !isWords(entry));
    if (entries[end]?.event !== (state === 'done' ? 'therapist:done' : 'therapist:error')) {
      throw new Error(`No end entry for a turn that is ${state}`);
    }
    const change = {
      ...after,
      ...(safety && { safety }),
      ...(completes && { status: 'completed' as const }),
    };
    const { epoch, turnId, generation } = lease;
    const document = {
      epoch,
      turn: turnId,
      gen: String(generation),
      state,
      entries: entries.slice(end).map(entryArg),
      fields: changeFields(change),
    };
    return this.#people.with(lease, { audit }, async ({ facts }) => {
      let words: TurnEntry[] | Fenced = entries.slice(0, end).filter(isWords);
      for (;;) {
        const finish = { ...document, words: words.map(wordArg), facts };
        const reply = await this.#step(steps.finish, this.#index.base(lease), finish);
        if (reply !== 'unclear') return reply === 'finished' ? 'finished' : 'fenced';
        words = await this.#freshOf(lease, words);
        if (words === 'fenced') return 'fenced';
      }
    });
  }

  async cancel(life: SessionLife, turnId: string | null): ReturnType<Store['cancel']> {
    const base = this.#index.base(life);
    const document = { epoch: life.epoch, turn: turnId ?? '' };
    const reply = await this.#race(
      life,
      (seen) => this.#step(steps.cancel, base, { ...document, seen: cut(seen) }),
      await this.#reads.seen(life),
    );
    const [kind, what] = listOf(reply);
    if (kind === 'gone') throw new AppError('SESSION_NOT_FOUND');
    if (kind === 'cancelled') return { turnId: textOf(what), state: 'cancelled', wasLive: true };
    const state = kind === 'ended' ? endStates[textOf(what)] : undefined;
    if (turnId === null || !state) throw new AppError('TURN_NOT_FOUND');
    return { turnId, state, wasLive: false };
  }

  async note(
    life: SessionLife,
    entries: NewEntry[],
    change: Parameters<Store['note']>[2],
    { basis, alert, client, audit }: NoteRequest = {},
  ): ReturnType<Store['note']> {
    const document = {
      epoch: life.epoch,
      version: basis === undefined ? '' : String(basis),
      entries: entries.map(entryArg),
      fields: changeFields(change),
      changes: Object.keys(change).length > 0,
    };
    return this.#people.with(life, { alert, client, audit }, async (args) => {
      const reply = await this.#step(steps.note, this.#index.base(life), { ...document, ...args });
      if (reply === 'noted' || reply === 'gone' || reply === 'stale') return reply;
      throw new TypeError('Redis answered something else to a note');
    });
  }

  async answer(life: SessionLife, request: AnswerRequest): ReturnType<Store['answer']> {
    return this.#people.with(life, { audit: request.audit }, async ({ facts }) => {
      for (;;) {
        const seen = await this.#reads.seen(life);
        if (!seen) throw new AppError('SESSION_NOT_FOUND');
        const document = { epoch: life.epoch, facts, ...answerOf(seen, request) };
        const [kind, view] = listOf(await this.#step(steps.answer, this.#index.base(life), document));
        if (kind === 'gone') throw new AppError('SESSION_NOT_FOUND');
        if (kind === 'noted') return { ended: null };
        if (kind === 'ended') return { ended: toView(view).turn };
      }
    });
  }

  /** How the steps that hold a turn say which. */
  #held(script: Script, lease: Lease, args: readonly (string | number)[]): Promise<Reply> {
    const { epoch, turnId, generation } = lease;
    return this.#link.run(script, this.#index.base(lease), [epoch, turnId, generation, ...args]);
  }

  #step(script: Script, base: string, document: object): Promise<Reply> {
    return this.#link.run(script, base, [JSON.stringify(document)]);
  }

  /**
   * Takes a step that ends a live turn with its words so far: it goes through only if nothing was said since they were
   * read. An owner who is always faster is fenced off. [P-7]
   */
  async #race(
    life: SessionLife,
    step: (seen: Seen | undefined) => Promise<Reply>,
    before?: Seen,
  ): Promise<Reply> {
    let seen = before;
    for (let races = 0; ; races += 1) {
      const reply = await step(seen);
      if (listOf(reply)[0] !== 'moved') return reply;
      if (races >= RACES && seen?.view) {
        await this.#link.run(steps.fence, this.#index.base(life), [life.epoch, seen.view.turn.turnId]);
      }
      seen = await this.#reads.seen(life);
    }
  }

  /** The words of a call that are not there yet. @throws Error they do not fit */
  async #freshOf(lease: Lease, entries: TurnEntry[]): Promise<TurnEntry[] | Fenced> {
    const seen = await this.#reads.seen(lease);
    const { turnId, generation } = seen?.view?.turn ?? {};
    if (!seen?.view || turnId !== lease.turnId || generation !== lease.generation) return 'fenced';
    if (seen.view.text.length < (this.#said.get(lease.turnId) ?? 0)) {
      // the words that are missing had entries of their own
      await this.#lost(lease, Number(seen.seq) + 1);
      return 'fenced';
    }
    return freshWords(seen.view.text, entries, []);
  }
}

const endStates: Record<string, TurnRecord['state']> = {
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};

const freshTurn = {
  gen: 1,
  len: 0,
  state: 'queued',
  phase: 'queued',
  pos: '',
  source: '',
  model: '',
  began: '',
  firstText: '',
  attempts: 0,
  idle: 0,
  call: '',
};

function lengthBehind({ event, data }: TurnEntry): number {
  return event === 'therapist:token' ? data.at + data.text.length : data.text.length;
}

/** The end entry of a live turn that is cut off as it was seen. */
function cut(seen: Seen | undefined): { id: string; seq: string; data: string } {
  if (!seen?.view) return NOTHING_SEEN;
  const { turn, text } = seen.view;
  const [, data] = entryArg({ event: 'turn:cancelled', data: { turn_id: turn.turnId, text } });
  return { id: turn.turnId, seq: seen.seq, data };
}

function admission(request: AdmitRequest, place: string | null): object {
  const { session, basis, turnId, inputId, plan, leaseMs, node } = request;
  const epoch = basis?.epoch ?? session.epoch;
  const human = plan.care.awaitsHuman ? '1' : '';
  return {
    owner: digest(session.owner),
    input: inputId === null ? '' : digest(inputId),
    interrupt: request.interrupt,
    epoch: basis?.epoch ?? '',
    version: basis === null ? '' : String(basis.version),
    make: makeFields(session, place ?? '', null),
    turn: { ...freshTurn, id: turnId, node, epoch, memory: sealText(plan.memory), human },
    asked: sealAsked(request),
    fields: changeFields({ safety: request.safety, care: request.care }),
    entries: request.entries.map(entryArg),
    lease: leaseMs,
  };
}

function readAdmitted(request: AdmitRequest, reply: Reply): Admitted {
  const [kind, session, turn, interrupted] = listOf(reply);
  if (kind === 'taken') throw taken();
  if (kind === 'busy') throw new AppError('TURN_IN_PROGRESS');
  if (kind === 'used') throw new Error('An epoch is used only once');
  if (kind === 'stale') return { kind: 'stale' };
  if (kind === 'repeat') {
    const { turn: before } = toView(turn);
    if (before.userInput !== request.userInput) throw new AppError('IDEMPOTENCY_CONFLICT');
    return { kind: 'duplicate', session: toSession(Fields.ofList(session)), turn: before };
  }
  const asked = openAsked(sealAsked(request));
  return {
    kind: 'admitted',
    session: toSession(Fields.ofList(session)),
    turn: toTurn(asked, Fields.ofList(turn)),
    interrupted: interrupted === null || interrupted === undefined ? null : textOf(interrupted),
  };
}

/** What a person's words make of the session as it was seen. */
function answerOf(seen: Seen, { entries, text, end }: AnswerRequest): object {
  const waiting = seen.view?.turn.plan.care.awaitsHuman ? seen.view : undefined;
  const appended = { entries: entries(waiting?.turn ?? null).map(entryArg) };
  if (!waiting) return { ...appended, seen: { seq: seen.seq, id: '' } };
  const { turn, text: shown } = waiting;
  const words: TurnEntry[] = [];
  const ids = { turn_id: turn.turnId, at: 0 };
  if (shown !== '') words.push({ event: 'therapist:reset', data: { ...ids, text: '', cause: 'human' } });
  if (text !== '') words.push({ event: 'therapist:token', data: { ...ids, text } });
  const last = end({ ...turn, length: text.length });
  if (last.event !== 'therapist:done') throw new Error(`${last.event} is not how an answered turn ends`);
  const { source, model } = last.data;
  return {
    ...appended,
    seen: { seq: seen.seq, id: turn.turnId },
    words: words.map(wordArg),
    last: entryArg(last)[1],
    source,
    model,
  };
}

export function taken(): AppError {
  return new AppError('SESSION_CONFLICT', {
    message: 'A session with this id exists; choose another id, or leave it out to get one',
  });
}
