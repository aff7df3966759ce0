// The audit of all sessions: one chain, to which the schema lets nobody do anything but add.
import type { DatabaseSync } from 'node:sqlite';
import type { ChainEnd } from './audit-chain.ts';
import type { AuditFact, AuditRecord, EscalationStore } from './escalation.ts';
import { CHAIN_START, nextRecord } from './audit-chain.ts';
import { numberOf, textOf } from './columns.ts';
import { Envelope } from './envelope.ts';
import { plain } from './vault.ts';

type Counted = Awaited<ReturnType<EscalationStore['auditCounts']>>[number];

/** Reads records after number `after`, ascending. Needs no more of a database than its audit. */
export function readAudit(db: DatabaseSync): (after: number, limit: number) => AuditRecord[] {
  const behind = db.prepare('SELECT n, body, hash FROM audit WHERE n > ? ORDER BY n LIMIT ?');
  return (after, limit) =>
    behind.all(after, limit).map((row) => ({
      n: numberOf(row, 'n'),
      body: textOf(row, 'body'),
      hash: textOf(row, 'hash'),
    }));
}

export class SqliteAudit {
  readonly #what = new Envelope<Omit<Counted, 'count'>>('audit count');
  readonly #statements;
  readonly #read: ReturnType<typeof readAudit>;

  constructor(db: DatabaseSync) {
    this.#read = readAudit(db);
    this.#statements = {
      end: db.prepare('SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1'),
      insert: db.prepare('INSERT INTO audit (n, body, hash) VALUES (?, ?, ?)'),
      count: db.prepare(
        'INSERT INTO audit_counts (what, count) VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1',
      ),
      counts: db.prepare('SELECT * FROM audit_counts ORDER BY what'),
    };
  }

  /** Adds facts in their order, all of that time. */
  add(facts: readonly AuditFact[], at: number): void {
    if (facts.length === 0) return;
    const { insert, count } = this.#statements;
    let end = this.#end();
    for (const fact of facts) {
      const { n, body, hash } = nextRecord(end, at, fact);
      insert.run(n, body, hash);
      const { kind, level } = fact;
      const what = { year: new Date(at).getUTCFullYear(), kind, level };
      count.run(this.#what.seal(what, plain));
      end = { n, hash };
    }
  }

  after(n: number, limit: number): AuditRecord[] {
    return this.#read(n, limit);
  }

  counts(): Counted[] {
    const rows = this.#statements.counts.all();
    return rows.map((row) => ({
      ...this.#what.open(textOf(row, 'what'), plain),
      count: numberOf(row, 'count'),
    }));
  }

  /** Read anew each time: a step may have been undone. */
  #end(): ChainEnd {
    const row = this.#statements.end.get();
    return row ? { n: numberOf(row, 'n'), hash: textOf(row, 'hash') } : { n: 0, hash: CHAIN_START };
  }
}
