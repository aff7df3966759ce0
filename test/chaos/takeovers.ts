// What the logs of the nodes tell: turns that were taken over, how long after the fault that made it needed, and owners that came too late.
import { z } from 'zod';
import type { Node } from '../support/node-cluster.ts';
import type { Journal, Span } from './journal.ts';
import type { Oracle } from './oracle.ts';
import type { Accepted } from './talk.ts';

/** A line of a node about a turn it took over, or lost. */
interface Line {
  turnId: string;
  generation: number;
  node: number;
  at: number;
}

export interface Takeover {
  turnId: string;
  generation: number;
  from: number;
  to: number;
  takenAt: string;
  /** What was done to the owner; undefined: nothing that is known. */
  fault: string | undefined;
  /** Between the fault and the takeover, in ms. */
  takenMs: number;
  /** Between the fault and the next entry that anybody saw, in ms; undefined: there was none. */
  wordMs: number | undefined;
  /** Nothing else was wrong meanwhile, neither with Redis, nor with the model, nor with who took over. */
  isAlone: boolean;
}

/** Faults after which the owner is gone for good. */
const DEATHS = ['node killed', 'node frozen for longer than its lease'];
/** These do not touch who takes over. */
const HARMLESS = ['scripts flushed', 'clients cut off', 'clients cut off by RST', 'clients far away'];
const COVERED_MS = 60_000;

const Logged = z.looseObject({ time: z.number(), turnId: z.string(), generation: z.number() });

function linesOf(nodes: readonly Node[], msg: string): Line[] {
  const lines = nodes.flatMap((node) =>
    node.logged(msg).map((line) => {
      const { time, turnId, generation } = Logged.parse(line);
      return { turnId, generation, node: node.index, at: time };
    }),
  );
  return lines.toSorted((a, b) => a.at - b.at);
}

/** Owners that went on after somebody else had their turn, and found out. */
export function zombiesOf(nodes: readonly Node[]): number {
  const taken = linesOf(nodes, 'turn taken over');
  return linesOf(nodes, 'turn lost').filter((lost) =>
    taken.some(({ turnId, generation }) => turnId === lost.turnId && generation > lost.generation),
  ).length;
}

interface Seen {
  nodes: readonly Node[];
  journal: Journal;
  oracle: Oracle;
  accepted: readonly Accepted[];
}

export function takeoversOf({ nodes, journal, oracle, accepted }: Seen): Takeover[] {
  const lines = linesOf(nodes, 'turn taken over');
  const firsts = new Map(accepted.map((one) => [one.turnId, one]));
  return lines.map((line) => {
    const earlier = lines.findLast(
      ({ turnId, generation }) => turnId === line.turnId && generation < line.generation,
    );
    const first = firsts.get(line.turnId);
    const owners = earlier ? [earlier.node] : (first?.nodes ?? []);
    const ownedAt = earlier?.at ?? first?.acceptedAt ?? 0;
    const fault = faultBehind(journal.spans, owners, ownedAt, line.at);
    const wordAt = nextWord(oracle, line);
    const from = fault?.from ?? line.at;
    return {
      turnId: line.turnId,
      generation: line.generation,
      from: owners[0] ?? -1,
      to: line.node,
      takenAt: new Date(line.at).toISOString(),
      fault: fault?.kind,
      takenMs: line.at - from,
      wordMs: wordAt === undefined ? undefined : wordAt - from,
      isAlone: isAlone(journal, fault, line, wordAt ?? line.at),
    };
  });
}

/** The fault that lay on the owner last before the takeover, and after it had the turn. */
function faultBehind(
  spans: readonly Span[],
  owners: readonly number[],
  ownedAt: number,
  at: number,
): Span | undefined {
  return spans.findLast(
    ({ node, from, to, kind }) =>
      (node === null || owners.includes(node)) &&
      !HARMLESS.includes(kind) &&
      from <= at &&
      at - from < COVERED_MS &&
      to >= ownedAt,
  );
}

function isAlone(journal: Journal, fault: Span | undefined, { node }: Line, until: number): boolean {
  if (!fault || !DEATHS.includes(fault.kind)) return false;
  return !journal.isDisturbed(
    fault.from,
    until,
    (span) => span !== fault && !HARMLESS.includes(span.kind) && (span.node === null || span.node === node),
  );
}

/** When the first entry behind all that was there before was seen. */
function nextWord(oracle: Oracle, { turnId, at }: Line): number | undefined {
  return oracle.sights(turnId).find((sight) => sight.at > at)?.at;
}
