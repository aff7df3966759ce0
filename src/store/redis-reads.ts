// What is read of a session: each read is one script, so it shows one moment.
import type { AskedTurn } from './redis-records.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { LogPage, SessionLife, SessionRecord, SessionSnapshot, TurnRecord, TurnView } from './store.ts';
import { Bounded } from './bounded.ts';
import { digest } from './envelope.ts';
import { openAsked, toRecord, toSession, toTurn, toView } from './redis-records.ts';
import { Fields, listOf, numberOf, textOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** What the entries of a page may have in all: characters of stored records, about. */
const PAGE_CHARS = 1_000_000;
/** Live turns of which it is kept what they were asked: it is large, and it never changes. */
const ASKED_KEPT = 2_000;

/** A live turn whose lease ran out so long ago has been overlooked: the list of leases has lost it. */
const OVERDUE_MS = 5_000;

/** A live turn as it is seen at a moment, by which a step knows later that nothing has changed. */
export interface Seen {
  seq: string;
  view: TurnView | undefined;
}

type Asked = ReturnType<typeof openAsked>;

export interface RedisPage {
  page: LogPage;
  /** Number of the last entry, be it of another version. */
  end: number;
}

export class RedisReads {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #asked = new Bounded<Asked>(ASKED_KEPT);

  constructor(link: RedisLink, index: RedisIndex) {
    this.#link = link;
    this.#index = index;
  }

  async session(base: string): Promise<SessionRecord | undefined> {
    const fields = Fields.ofList(await this.#link.send(`${base}:s`, 'HGETALL', `${base}:s`));
    return fields.isEmpty ? undefined : toSession(fields);
  }

  async head(life: SessionLife): Promise<number | undefined> {
    const key = `${this.#index.base(life)}:s`;
    const [epoch = null, seq = null] = listOf(await this.#link.send(key, 'HMGET', key, 'epoch', 'seq'));
    return epoch === life.epoch ? numberOf(seq) : undefined;
  }

  /** Entries that only another version knows are passed over, and do not count as the end of the log until others follow. */
  async page(life: SessionLife, after: number, limit: number): Promise<RedisPage | undefined> {
    for (let from = after; ;) {
      const rows = await this.#rows(life, from, limit);
      if (!rows) return undefined;
      const { head, live, entries, last } = rows;
      if (entries.length > 0 || last >= head) {
        const known = entries.at(-1)?.seq ?? after;
        return { page: { entries, head: last >= head && last > known ? known : head, live }, end: head };
      }
      from = last;
    }
  }

  async #rows(life: SessionLife, after: number, limit: number) {
    const base = this.#index.base(life);
    const known = this.#asked.get(base);
    const args = [life.epoch, after, limit, PAGE_CHARS, known?.turnId ?? '', OVERDUE_MS];
    const reply = listOf(await this.#link.run(steps.read, base, args));
    if (reply.length === 0) return undefined;
    const [head, live, asked, late, ...rows] = reply;
    if (late === 1) await this.#index.released([life]);
    return {
      head: numberOf(head),
      live: this.#live(base, Fields.ofList(live), asked, known),
      entries: rows.flatMap((row) => toRecord(row) ?? []),
      /** Number of the last that was looked at. */
      last: rows.length > 0 ? numberOf(listOf(rows.at(-1))[0]) : Math.max(after, 0),
    };
  }

  async snapshot(life: SessionLife, turns: number): Promise<SessionSnapshot | undefined> {
    const reply = await this.#look(life, 'whole', turns);
    if (!reply) return undefined;
    const [session, ended, live = null, ...notices] = reply;
    return {
      session: toSession(Fields.ofList(session)),
      turns: listOf(ended).map(toView),
      live: live === null ? null : toView(live),
      notices: notices.flatMap((row) => toRecord(row) ?? []).sort((a, b) => a.seq - b.seq),
    };
  }

  async turns(life: SessionLife, before: number | null, limit: number): Promise<TurnView[] | undefined> {
    const reply = await this.#look(life, 'page', before ?? Number.MAX_SAFE_INTEGER, limit);
    return reply && listOf(reply[0]).map(toView);
  }

  async turn(life: SessionLife, turnId: string): Promise<TurnView | undefined> {
    const view = (await this.#look(life, 'turn', turnId))?.[0] ?? null;
    return view === null ? undefined : toView(view);
  }

  async turnOfInput(life: SessionLife, inputId: string): Promise<TurnView | undefined> {
    const view = (await this.#look(life, 'input', digest(inputId)))?.[0] ?? null;
    return view === null ? undefined : toView(view);
  }

  /** Undefined when the session is gone. */
  async seen(life: SessionLife): Promise<Seen | undefined> {
    const reply = await this.#look(life, 'live');
    if (!reply) return undefined;
    const [seq, view = null] = reply;
    return { seq: textOf(seq), view: view === null ? undefined : toView(view) };
  }

  /** What a turn was asked; undefined when it is not there. */
  async asked(base: string, turnId: string, n: string): Promise<Asked | undefined> {
    const known = this.#asked.get(base);
    if (known?.turnId === turnId) return known;
    const sealed = await this.#link.send(`${base}:t`, 'HGET', `${base}:t`, n);
    if (sealed === null) return undefined;
    const asked = openAsked(textOf(sealed));
    this.#asked.set(base, asked);
    return asked;
  }

  /** What a live turn of this node was asked need not be read again. */
  keep(base: string, asked: AskedTurn): void {
    const { turnId, inputId, userInput, plan } = asked;
    const { memory: _, ...decided } = plan;
    this.#asked.set(base, { turnId, inputId, userInput, plan: decided });
  }

  async #look(life: SessionLife, ...args: (string | number)[]): Promise<readonly Reply[] | undefined> {
    const reply = listOf(await this.#link.run(steps.look, this.#index.base(life), [life.epoch, ...args]));
    return reply.length === 0 ? undefined : reply;
  }

  /** `known` is what the script was told to be known. */
  #live(
    base: string,
    fields: Fields,
    sealed: Reply | undefined,
    known: Asked | undefined,
  ): TurnRecord | null {
    if (fields.isEmpty) return null;
    if (known?.turnId === fields.text('id')) return toTurn(known, fields);
    const asked = openAsked(textOf(sealed));
    this.#asked.set(base, asked);
    return toTurn(asked, fields);
  }
}
