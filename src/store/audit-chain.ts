// The chain of the audit: the hash of a record covers every record before it, so none of them changes unnoticed.
import { hash } from 'node:crypto';
import type { AuditFact, AuditRecord } from './escalation.ts';

/** The hash before the first record. */
export const CHAIN_START = '0'.repeat(64);

export type ChainEnd = Pick<AuditRecord, 'n' | 'hash'>;

/** Where a record does not fit: nobody but this program writes one, and it writes them in order. */
type ChainFault = 'changed' | 'missing' | 'out of order';

export type AuditWalk =
  | { holds: true; count: number; head: string; hasNoted: boolean }
  | { holds: false; n: number; fault: ChainFault };

/** The record that follows `end` when this fact comes at that time. What a fact calls `n`, `at` … is left out. */
export function nextRecord(end: ChainEnd, at: number, { kind, ref, level, data }: AuditFact): AuditRecord {
  const n = end.n + 1;
  const fixed = { n, at: new Date(at).toISOString(), kind, ref, level };
  const body = JSON.stringify({ ...fixed, ...data, ...fixed });
  return { n, body, hash: hashAfter(end.hash, body) };
}

/**
 * Walks a whole audit, in pages, up to the first record that does not fit. The end of a chain can be cut off without a
 * trace in what is left: `noted`, a hash that was its head once, tells, because it is in the chain for ever.
 */
export class ChainWalk {
  readonly #noted: string;
  #end: ChainEnd = { n: 0, hash: CHAIN_START };
  #hasNoted: boolean;
  #fault: AuditWalk | undefined;

  constructor(noted: string = CHAIN_START) {
    this.#noted = noted;
    this.#hasNoted = noted === CHAIN_START;
  }

  /** Where the chain stands after the pages so far. */
  get outcome(): AuditWalk {
    const { n: count, hash: head } = this.#end;
    return this.#fault ?? { holds: true, count, head, hasNoted: this.#hasNoted };
  }

  /** Takes the page that follows; false when a record does not fit, so that no other need be looked at. */
  take(page: readonly AuditRecord[]): boolean {
    for (const record of page) {
      if (this.#fault) return false;
      const fault = faultOf(record, this.#end);
      if (fault) this.#fault = { holds: false, n: fault === 'missing' ? this.#end.n + 1 : record.n, fault };
      this.#hasNoted ||= record.hash === this.#noted;
      this.#end = record;
    }
    return this.#fault === undefined;
  }
}

/** The walk over pages that are at hand. */
export function verifyAudit(pages: Iterable<readonly AuditRecord[]>, noted?: string): AuditWalk {
  const walk = new ChainWalk(noted);
  for (const page of pages) if (!walk.take(page)) break;
  return walk.outcome;
}

function faultOf(record: AuditRecord, end: ChainEnd): ChainFault | undefined {
  if (record.n > end.n + 1) return 'missing';
  const named = numberIn(record.body);
  if (named === undefined) return 'changed';
  if (record.n !== end.n + 1 || named !== record.n) return 'out of order';
  return record.hash === hashAfter(end.hash, record.body) ? undefined : 'changed';
}

/** The number that a body was written with. */
function numberIn(body: string): number | undefined {
  try {
    const said: unknown = JSON.parse(body);
    if (typeof said !== 'object' || said === null || !('n' in said)) return undefined;
    return typeof said.n === 'number' ? said.n : undefined;
  } catch {
    return undefined;
  }
}

function hashAfter(before: string, body: string): string {
  return hash('sha256', `${before}\n${body}`);
}
