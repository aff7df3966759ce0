// Every step that changes a session: one script each, which looks, refuses if it must, and only then writes.
import { AppError } from '../errors.ts';
import type { DataKey, RedisKeys } from './redis-keys.ts';
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
import { freshWords, isWords } from './fold.ts';
import { admission, answerOf, cut, readAdmitted } from './redis-documents.ts';
import { changeFields, entryArg, toTurn, toView, wordArg } from './redis-records.ts';
import { Fields, listOf, textOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** Live turns of which it is kept how much was said. */
const SAID_KEPT = 10_000;
/** How often a step that needs the words so far races with their owner before the owner is fenced off. */
const RACES = 3;

export class RedisWrites {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #reads: RedisReads;
  readonly #keys: RedisKeys;
  readonly #people: RedisPeople;
  readonly #lost: (life: SessionLife, seq: number) => Promise<boolean>;
  /** The length of replies that was acknowledged here. */
  readonly #said = new Bounded<number>(SAID_KEPT);

  /** `lost` is told of a session of which Redis has less than it acknowledged. */
  constructor(
    link: RedisLink,
    index: RedisIndex,
    reads: RedisReads,
    keys: RedisKeys,
    people: RedisPeople,
    lost: (life: SessionLife, seq: number) => Promise<boolean>,
  ) {
    this.#link = link;
    this.#index = index;
    this.#reads = reads;
    this.#keys = keys;
    this.#people = people;
    this.#lost = lost;
  }

  async admit(request: AdmitRequest): Promise<Admitted> {
    const { session, basis, leaseMs, alerts, audit, client, outbox } = request;
    const base = this.#index.base(session);
    await this.#index.expect(session, leaseMs);
    const place = basis === null ? await this.#index.place(session) : null;
    const life = { ...session, epoch: basis?.epoch ?? session.epoch };
    const made = basis === null ? this.#keys.make(base) : undefined;
    const unplace = async () => {
      if (place !== null) await this.#index.unplace(session, place).catch(() => undefined);
    };
    try {
      const admit = async ({ facts, sealed }: PeopleArgs) => {
        const step = async (key: DataKey, seen: Seen | undefined) => {
          const args = { facts, ...sealed(key.sealer), seen: cut(seen, key.sealer) };
          return this.#step(steps.admit, base, { ...admission(request, place, key), ...args });
        };
        const reply = await this.#race(life, (seen) =>
          made ? step(made, seen) : this.#sealing(base, (key) => step(key, seen)),
        );
        return readAdmitted(request, reply, (wrapped) => this.#keys.sealer(base, wrapped));
      };
      const carried = { alerts, audit, client, outbox };
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
    const base = this.#index.base(lease);
    const { reply, sealer } = await this.#keys.with(base, ({ kid }) =>
      this.#held(steps.start, lease, [source, model, phase, kid]),
    );
    const fields = Fields.ofList(reply);
    if (fields.isEmpty) return 'fenced';
    const asked = await this.#reads.asked(base, lease.turnId, fields.text('n'), sealer);
    return asked ? toTurn(asked, fields, sealer) : 'fenced';
  }

  async mark(lease: Lease, phase: TurnRecord['phase'], position: number | null): Promise<'marked' | Fenced> {
    return (await this.#held(steps.mark, lease, [phase, position ?? ''])) === 1 ? 'marked' : 'fenced';
  }

  /** Answers the number of the last entry. */
  async append(lease: Lease, entries: TurnEntry[], leaseMs: number): Promise<number | Fenced> {
    const base = this.#index.base(lease);
    const say = (words: TurnEntry[]) =>
      this.#sealing(base, ({ kid, sealer }) => {
        const args = words.flatMap((word) => wordArg(word, sealer));
        return this.#held(steps.append, lease, [leaseMs, kid, ...args]);
      });
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
    const { state, entries, after, completes, safety, audit, outbox } = request;
    const end = entries.findIndex((entry) => !isWords(entry));
    if (entries[end]?.event !== (state === 'done' ? 'therapist:done' : 'therapist:error')) {
      throw new Error(`No end entry for a turn that is ${state}`);
    }
    const change = {
      ...after,
      ...(safety && { safety }),
      ...(completes && { status: 'completed' as const }),
    };
    const base = this.#index.base(lease);
    const { epoch, turnId, generation } = lease;
    const document = {
      epoch,
      turn: turnId,
      gen: String(generation),
      state,
    };
    const step = async ({ facts, sealed: people }: PeopleArgs) => {
      let words: TurnEntry[] | Fenced = entries.slice(0, end).filter(isWords);
      for (;;) {
        const last: TurnEntry[] = words;
        const reply = await this.#sealing(base, ({ kid, sealer }) => {
          const sealed = {
            words: last.map((word) => wordArg(word, sealer)),
            entries: entries.slice(end).map((entry) => entryArg(entry, sealer)),
            fields: changeFields(change, sealer),
            messages: people(sealer).messages,
          };
          return this.#step(steps.finish, base, { ...document, kid, facts, ...sealed });
        });
        if (reply !== 'unclear') return reply === 'finished' ? 'finished' : 'fenced';
        words = await this.#freshOf(lease, words);
        if (words === 'fenced') return 'fenced';
      }
    };
    const ended = await this.#people.with(lease, { audit, outbox }, step, (reply) => reply === 'fenced');
    this.#said.delete(turnId);
    this.#reads.ended(base);
    return ended;
  }

  async cancel(life: SessionLife, turnId: string | null): ReturnType<Store['cancel']> {
    const base = this.#index.base(life);
    const document = { epoch: life.epoch, turn: turnId ?? '' };
    const reply = await this.#race(
      life,
      (seen) =>
        this.#sealing(base, ({ kid, sealer }) =>
          this.#step(steps.cancel, base, { ...document, kid, seen: cut(seen, sealer) }),
        ),
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
      changes: Object.keys(change).length > 0,
    };
    const base = this.#index.base(life);
    return this.#people.with(life, { alert, client, audit }, async ({ facts, sealed }) => {
      const reply = await this.#sealing(base, ({ kid, sealer }) => {
        const fields = changeFields(change, sealer);
        const args = { entries: entries.map((entry) => entryArg(entry, sealer)), fields, ...sealed(sealer) };
        return this.#step(steps.note, base, { ...document, kid, facts, ...args });
      });
      if (reply === 'noted' || reply === 'gone' || reply === 'stale') return reply;
      throw new TypeError('Redis answered something else to a note');
    });
  }

  async answer(life: SessionLife, request: AnswerRequest): ReturnType<Store['answer']> {
    const base = this.#index.base(life);
    for (;;) {
      const seen = await this.#reads.seen(life);
      if (!seen) throw new AppError('SESSION_NOT_FOUND');
      const waiting = seen.view?.turn.plan.care.awaitsHuman ? seen.view.turn : undefined;
      const outbox = waiting && request.outbox?.(waiting);
      const answered = await this.#people.with(
        life,
        { audit: request.audit, outbox },
        async ({ facts, sealed }) => {
          const { reply, sealer } = await this.#keys.with(base, (key) => {
            const said = { facts, messages: sealed(key.sealer).messages };
            const document = { epoch: life.epoch, kid: key.kid, ...said };
            return this.#step(steps.answer, base, { ...document, ...answerOf(seen, request, key.sealer) });
          });
          const [kind, view] = listOf(reply);
          if (kind === 'gone') throw new AppError('SESSION_NOT_FOUND');
          if (kind === 'noted') return { ended: null };
          return kind === 'ended' ? { ended: toView(view, sealer).turn } : undefined;
        },
        (answer) => answer === undefined,
      );
      if (answered) return answered;
    }
  }

  /** How the steps that hold a turn say which. */
  #held(script: Script, lease: Lease, args: readonly (string | number)[]): Promise<Reply> {
    const { epoch, turnId, generation } = lease;
    return this.#link.run(script, this.#index.base(lease), [epoch, turnId, generation, ...args]);
  }

  async #sealing(base: string, step: (key: DataKey) => Promise<Reply>): Promise<Reply> {
    return (await this.#keys.with(base, step)).reply;
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

function lengthBehind({ event, data }: TurnEntry): number {
  return event === 'therapist:token' ? data.at + data.text.length : data.text.length;
}
