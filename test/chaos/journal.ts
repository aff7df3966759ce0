// What a run did to the nodes and what it saw of them: faults with their times, and every promise that was broken.
import { FoldError } from '../support/fold.ts';
import type { Rule } from '../support/fold.ts';

/** What a broken promise is counted as. */
export type Broken = 'gap' | 'text' | 'end' | 'input' | 'cancel' | 'slots' | 'server' | 'other';

export interface Violation {
  what: Broken;
  /** The client, session or node it was seen at. */
  who: string;
  message: string;
  at: string;
}

/** A fault, from its beginning until all is as before. Times are those of `Date.now()`. */
export interface Span {
  kind: string;
  /** Null: it is felt by all nodes. */
  node: number | null;
  from: number;
  to: number;
}

const brokenBy: Record<Rule, Broken> = {
  gap: 'gap',
  overlap: 'gap',
  at: 'text',
  text: 'text',
  turn: 'end',
  cursor: 'other',
  shape: 'other',
};

export class Journal {
  readonly spans: Span[] = [];
  readonly violations: Violation[] = [];
  /** How often anything else happened that the report tells. */
  readonly counts = new Map<string, number>();
  readonly #failed = new AbortController();

  /** Aborts at the first broken promise. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** A fault begins; disposing says that it is over. */
  fault(kind: string, node: number | null): Disposable {
    const span = { kind, node, from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.spans.push(span);
    return { [Symbol.dispose]: () => void (span.to = Date.now()) };
  }

  count(what: string, by = 1): void {
    this.counts.set(what, this.countOf(what) + by);
  }

  countOf(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  broken(what: Broken, who: string, message: string): void {
    this.violations.push({ what, who, message, at: new Date().toISOString() });
    this.#failed.abort();
  }

  /** A promise that a client found broken. */
  caught(who: string, error: unknown): void {
    const what = error instanceof FoldError ? brokenBy[error.rule] : 'other';
    this.broken(what, who, error instanceof Error ? error.message : String(error));
  }

  /** Whether a fault was at work in that time that the node feels. */
  isDisturbed(from: number, to: number, feels: (span: Span) => boolean): boolean {
    return this.spans.some((span) => span.from <= to && span.to >= from && feels(span));
  }
}
