// What is read of a session: each read is one script, so it shows one moment.
import type { RedisKeys } from './redis-keys.ts';
import type { AskedTurn } from './redis-records.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { LogPage, SessionLife, SessionRecord, SessionSnapshot, TurnRecord, TurnView } from './store.ts';
import type { Sealer } from './vault.ts';
import { Bounded } from './bounded.ts';
import { digest } from './envelope.ts';
import { kidOf } from './redis-keys.ts';
import { askedOf, openAsked, toRecord, toSession, toTurn, toView } from './redis-records.ts';
import { Fields, listOf, numberOf, textOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** What the entries of a page may have in all: characters of stored records, about. */
const PAGE_CHARS = 1_000_000;
/** Live turns of which it is kept what they were asked, until they end: it is large, and it never changes. */
const ASKED_KEPT = 2_000;

/** A live turn whose lease ran out so long ago has been overlooked: the list of leases has lost it. */
const OVERDUE_MS = 5_000;

/** A live turn as it is seen at a moment, by which a step knows later that nothing has changed. */
export interface Seen {
  seq: string;
  view: TurnView | undefined;
}

type Asked = ReturnType<typeof openAsked>;

interface Looked {
  sealer: Sealer;
  found: readonly Reply[];
}

export interface RedisPage {
  page: LogPage;
  /** Number of the last entry, be it of another version. */
  end: number;
}

const seqOf = (row: Reply | undefined): number => numberOf(listOf(row)[0]);

export class RedisReads {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;
  readonly #asked = new Bounded<Asked>(ASKED_KEPT);

  constructor(link: RedisLink, index: RedisIndex, keys: RedisKeys) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
  }

  /** The live turn of a session has ended: what was asked stays in memory no longer. */
  ended(base: string): void {
    this.#asked.delete(base);
  }

  async session(base: string): Promise<SessionRecord | undefined> {
    const fields = Fields.ofList(await this.#link.send(`${base}:s`, 'HGETALL', `${base}:s`));
    if (!fields.isEmpty) return toSession(fields, this.#keys.sealer(base, fields.text('k')));
    this.forget(base);
    return undefined;
  }

  async head(life: SessionLife): Promise<number | undefined> {
    const key = `${this.#index.base(life)}:s`;
    const [epoch = null, seq = null] = listOf(await this.#link.send(key, 'HMGET', key, 'epoch', 'seq'));
    return epoch === life.epoch ? numberOf(seq) : undefined;
  }

  /** Entries that only another version knows are passed over, and do not count as the end of the log until others follow. */
  async page(life: SessionLife, after: number, limit: number): Promise<RedisPage | undefined> {
    const unknown: number[] = [];
    for (let from = after; ;) {
      const rows = await this.#rows(life, from, limit);
      if (!rows) return undefined;
      const { head, live, entries, last } = rows;
      unknown.push(...rows.unknown);
      // a log that lost its end leads no further
      if (entries.length > 0 || last >= head || last === from) {
        const known = entries.at(-1)?.seq ?? after;
        const end = last >= head && last > known ? known : head;
        const page = { entries, head: end, live, ...(unknown.length > 0 && { unknown }) };
        return { page, end: head };
      }
      from = last;
    }
  }

  async #rows(life: SessionLife, after: number, limit: number) {
    const base = this.#index.base(life);
    const known = this.#asked.get(base);
    const key = this.#keys.known(base);
    const args = [life.epoch, after, limit, PAGE_CHARS, known?.turnId ?? '', OVERDUE_MS, kidOf(key)];
    const reply = listOf(await this.#link.run(steps.read, base, args));
    if (reply.length === 0) {
      this.forget(base);
      return undefined;
    }
    const [head, live, asked, late, wrapped, ...rows] = reply;
    const sealer = this.#keys.told(base, wrapped, key);
    if (late === 1) await this.#index.released([life]);
    const records = rows.map((row) => toRecord(row, sealer) ?? seqOf(row));
    return {
      head: numberOf(head),
      live: this.#live(base, Fields.ofList(live), asked, known, sealer),
      entries: records.filter((record) => typeof record !== 'number'),
      unknown: records.filter((record) => typeof record === 'number'),
      /** Number of the last that was looked at. */
      last: rows.length > 0 ? seqOf(rows.at(-1)) : Math.max(after, 0),
    };
  }

  async snapshot(life: SessionLife, turns: number): Promise<SessionSnapshot | undefined> {
    const reply = await this.#look(life, 'whole', turns);
    if (!reply) return undefined;
    const { sealer, found } = reply;
    const [session, ended, live = null, ...notices] = found;
    return {
      session: toSession(Fields.ofList(session), sealer),
      turns: listOf(ended).map((view) => toView(view, sealer)),
      live: live === null ? null : toView(live, sealer),
      notices: notices.flatMap((row) => toRecord(row, sealer) ?? []).sort((a, b) => a.seq - b.seq),
    };
  }

  async turns(life: SessionLife, before: number | null, limit: number): Promise<TurnView[] | undefined> {
    const reply = await this.#look(life, 'page', before ?? Number.MAX_SAFE_INTEGER, limit);
    return reply && listOf(reply.found[0]).map((view) => toView(view, reply.sealer));
  }

  turn(life: SessionLife, turnId: string): Promise<TurnView | undefined> {
    return this.#one(life, 'turn', turnId);
  }

  turnOfInput(life: SessionLife, inputId: string): Promise<TurnView | undefined> {
    return this.#one(life, 'input', digest(inputId));
  }

  /** Undefined when the session is gone. */
  async seen(life: SessionLife): Promise<Seen | undefined> {
    const reply = await this.#look(life, 'live');
    if (!reply) return undefined;
    const [seq, view = null] = reply.found;
    return { seq: textOf(seq), view: view === null ? undefined : toView(view, reply.sealer) };
  }

  /** What a turn was asked; undefined when it is not there. */
  async asked(base: string, turnId: string, n: string, sealer: Sealer): Promise<Asked | undefined> {
    const known = this.#asked.get(base);
    if (known?.turnId === turnId) return known;
    const sealed = await this.#link.send(`${base}:t`, 'HGET', `${base}:t`, n);
    if (sealed === null) return undefined;
    const asked = openAsked(textOf(sealed), turnId, sealer);
    this.#asked.set(base, asked);
    return asked;
  }

  /** What a live turn of this node was asked need not be read again. */
  keep(base: string, asked: AskedTurn): void {
    this.#asked.set(base, askedOf(asked));
  }

  async #one(life: SessionLife, verb: 'turn' | 'input', name: string): Promise<TurnView | undefined> {
    const reply = await this.#look(life, verb, name);
    const view = reply?.found[0] ?? null;
    return reply && view !== null ? toView(view, reply.sealer) : undefined;
  }

  async #look(life: SessionLife, ...args: (string | number)[]): Promise<Looked | undefined> {
    const base = this.#index.base(life);
    const key = this.#keys.known(base);
    const all = [life.epoch, kidOf(key), ...args];
    const [wrapped, ...found] = listOf(await this.#link.run(steps.look, base, all));
    if (wrapped !== undefined) return { sealer: this.#keys.told(base, wrapped, key), found };
    this.forget(base);
    return undefined;
  }

  /** The session is gone: nothing of it stays in memory. */
  forget(base: string): void {
    this.#keys.forget(base);
    this.ended(base);
  }

  /** `known` is what the script was told to be known. */
  #live(
    base: string,
    fields: Fields,
    sealed: Reply | undefined,
    known: Asked | undefined,
    sealer: Sealer,
  ): TurnRecord | null {
    if (fields.isEmpty) {
      this.ended(base);
      return null;
    }
    const turnId = fields.text('id');
    if (known?.turnId === turnId) return toTurn(known, fields, sealer);
    const asked = openAsked(textOf(sealed), turnId, sealer);
    this.#asked.set(base, asked);
    return toTurn(asked, fields, sealer);
  }
}
