// The audit of all sessions and nodes: one chain. A step leaves its facts with its session, from where they are moved to it.
import { randomUUID } from 'node:crypto';
import { AppError } from '../errors.ts';
import type { ChainEnd } from './audit-chain.ts';
import type { AuditFact, AuditRecord, EscalationStore } from './escalation.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import { nextRecord } from './audit-chain.ts';
import { Envelope } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import { Fields, listOf, numberOf, textOf, textsOf } from './redis-reply.ts';
import { plain } from './vault.ts';

type Counted = Awaited<ReturnType<EscalationStore['auditCounts']>>[number];

/** What a step says to its script about one fact. */
export interface FactArg {
  /** Moved twice, it is in the chain once. */
  id: string;
  fact: string;
}

/** What a step leaves with the session at `base`. */
export interface Outbox {
  base: string;
  /** What the index knows it by; null where there are no facts. */
  ticket: string | null;
  facts: FactArg[];
}

interface Moving {
  id: string;
  /** Null: when it comes into the chain. */
  at: number | null;
  fact: AuditFact;
}

interface Batch extends PromiseWithResolvers<void> {
  facts: Moving[];
}

/** The state of the chain as it was read last. */
interface Seen {
  end: ChainEnd;
  at: number;
  known: ReadonlySet<string>;
}

const chain = loadScript('audit', 'time');
const outbox = loadScript('outbox');
/** Facts moved at once. */
const AT_ONCE = 200;
/** A step that began so long ago is over, whatever became of it. */
const UNDER_WAY_MS = 60_000;
const NOWHERE: ChainEnd = { n: -1, hash: '' };

const facts = new Envelope<AuditFact>('fact');
const counted = new Envelope<Omit<Counted, 'count'>>('counted');

function factArgs(said: readonly AuditFact[]): FactArg[] {
  return said.map((fact) => ({ id: randomUUID(), fact: facts.seal(fact, plain) }));
}

export class RedisAudit {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #onFault: (error: unknown) => void;
  /** Where the chain ended when this node saw it last. */
  #end: ChainEnd = NOWHERE;
  #waiting: Batch[] = [];
  #isMoving = false;

  /** `onFault` is told why facts were left where they are, for the next sweep. */
  constructor(link: RedisLink, onFault: (error: unknown) => void) {
    this.#link = link;
    this.#key = `${link.prefix}:{audit}`;
    this.#onFault = onFault;
  }

  /** Before a step that leaves facts with the session at `base`. @throws STORE_UNAVAILABLE the step must not be taken */
  async before(base: string, said: readonly AuditFact[]): Promise<Outbox> {
    const args = factArgs(said);
    const [first] = args;
    if (!first) return { base, ticket: null, facts: [] };
    const ticket = `${base} ${first.id}`;
    await this.#link.run(chain, this.#key, ['expect', ticket]);
    return { base, ticket, facts: args };
  }

  /** After such a step, taken or refused: moves all facts of the session into the chain. Never rejects. */
  async flush({ base, ticket }: Pick<Outbox, 'base' | 'ticket'>): Promise<void> {
    if (ticket === null) return;
    try {
      await this.#move(base);
      await this.#link.send(this.#key, 'ZREM', `${this.#key}:x`, ticket);
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** Moves what nodes have left behind. Answers how many outboxes it has emptied. @throws STORE_UNAVAILABLE */
  async sweep(): Promise<number> {
    for (let count = 0; ;) {
      const tickets = textsOf(await this.#link.run(chain, this.#key, ['left', UNDER_WAY_MS, AT_ONCE]));
      for (const ticket of tickets) {
        if (await this.#empty(ticket)) count += 1;
      }
      if (tickets.length < AT_ONCE) return count;
    }
  }

  /** Records after number `after`, ascending. */
  async audit(after: number, limit: number): Promise<AuditRecord[]> {
    const range = ['XRANGE', `${this.#key}:c`, `0-${after + 1}`, '+', 'COUNT', String(limit)];
    return listOf(await this.#link.send(this.#key, ...range)).map(toRecord);
  }

  /** Adds facts that belong to no session. */
  async attest(said: readonly AuditFact[]): Promise<void> {
    await this.#add(said.map((fact) => ({ id: randomUUID(), at: null, fact })));
  }

  async auditCounts(): Promise<Counted[]> {
    const flat = textsOf(await this.#link.run(chain, this.#key, ['counts']));
    const found = flat.flatMap((what, at): Counted[] =>
      at % 2 === 0 ? [{ ...counted.open(what, plain), count: Number(flat[at + 1]) }] : [],
    );
    return found.sort((a, b) => a.year - b.year || a.kind.localeCompare(b.kind));
  }

  /** False for an outbox that cannot be read, which comes again after the others. */
  async #empty(ticket: string): Promise<boolean> {
    try {
      await this.#move(ticket.slice(0, ticket.lastIndexOf(' ')));
      await this.#link.send(this.#key, 'ZREM', `${this.#key}:x`, ticket);
      return true;
    } catch (error) {
      if (error instanceof AppError) throw error;
      this.#onFault(error);
      await this.#link.run(chain, this.#key, ['expect', ticket]);
      return false;
    }
  }

  /** Empties the outbox of a session into the chain. */
  async #move(base: string): Promise<void> {
    for (let left = 1; left > 0;) {
      const rows = textsOf(await this.#link.send(base, 'LRANGE', `${base}:o`, '0', String(AT_ONCE - 1)));
      if (rows.length === 0) return;
      const moving = rows.map(toMoving);
      await this.#add(moving);
      left = numberOf(
        await this.#link.run(
          outbox,
          base,
          moving.map(({ id }) => id),
        ),
      );
    }
  }

  /** Adds facts in their order. Those of this node go together, so that they do not get in each other's way. */
  #add(moving: Moving[]): Promise<void> {
    if (moving.length === 0) return Promise.resolve();
    const batch: Batch = { facts: moving, ...Promise.withResolvers<void>() };
    this.#waiting.push(batch);
    if (!this.#isMoving) void this.#run();
    return batch.promise;
  }

  async #run(): Promise<void> {
    this.#isMoving = true;
    for (let batches = this.#take(); batches.length > 0; batches = this.#take()) {
      try {
        await this.#append(batches.flatMap((batch) => batch.facts));
        for (const batch of batches) batch.resolve();
      } catch (error) {
        for (const batch of batches) batch.reject(error);
      }
    }
    this.#isMoving = false;
  }

  /** The first ones that wait, about as many as go together. */
  #take(): Batch[] {
    let size = 0;
    const end = this.#waiting.findIndex((batch) => {
      size += batch.facts.length;
      return size >= AT_ONCE;
    });
    return this.#waiting.splice(0, end === -1 ? Infinity : end + 1);
  }

  /** Whoever is refused has seen that somebody else added something: one of all nodes always gets on. */
  async #append(moving: readonly Moving[]): Promise<void> {
    let left = Array.from(new Map(moving.map((one) => [one.id, one])).values());
    let end = left.some(({ at }) => at === null) ? NOWHERE : this.#end;
    let at = 0;
    while (left.length > 0) {
      const records = end === NOWHERE ? [] : chained(end, left, at);
      const args =
        end === NOWHERE ? left.flatMap(({ id }) => [id, '', '', '']) : records.flatMap(({ args }) => args);
      const reply = await this.#link.run(chain, this.#key, ['append', end.n, end.hash, ...args]);
      const seen = toSeen(reply);
      if (!seen) {
        this.#end = records.at(-1)?.record ?? this.#end;
        return;
      }
      ({ end, at } = seen);
      this.#end = end;
      left = left.filter(({ id }) => !seen.known.has(id));
    }
  }
}

/** The records that these facts become behind `end`, and what the script is told of each. */
function chained(end: ChainEnd, moving: readonly Moving[], now: number) {
  let last = end;
  return moving.map(({ id, at, fact }) => {
    const time = at ?? now;
    const record = nextRecord(last, time, fact);
    last = { n: record.n, hash: record.hash };
    const { kind, level } = fact;
    const what = counted.seal({ year: new Date(time).getUTCFullYear(), kind, level }, plain);
    return { record: last, args: [id, record.hash, record.body, what] };
  });
}

/** Undefined when the records were added. */
function toSeen(reply: Reply): Seen | undefined {
  const [isAdded, n, hash, at, ...known] = listOf(reply);
  if (isAdded === 1) return undefined;
  const end = { n: numberOf(n), hash: textOf(hash) };
  return { end, at: numberOf(at), known: new Set(known.map(textOf)) };
}

function toMoving(row: string): Moving {
  const [, id, at, sealed] = /^(\S+) (\d+) (.*)$/s.exec(row) ?? [];
  if (id === undefined || sealed === undefined) throw new Error('A fact on its way to the audit is damaged');
  return { id, at: Number(at), fact: facts.open(sealed, plain) };
}

function toRecord(row: Reply): AuditRecord {
  const [id, fields] = listOf(row);
  const record = Fields.ofList(fields);
  return { n: Number(textOf(id).slice(2)), hash: record.text('hash'), body: record.text('body') };
}
