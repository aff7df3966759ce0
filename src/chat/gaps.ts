// What must never be in a log. [P-2] Counted, so that it cannot happen in silence.
import type { LogPage, LogRecord } from '../store/store.ts';

/**
 * How often the entries behind `after` do not join: words of one turn that do not begin where the words before them ended,
 * and numbers that are missing within the live turn or beside words. Elsewhere they were dropped: those of an ended
 * turn all at once. `last` is the entry that was read last before, whichever it was.
 */
export function gapsIn(page: LogPage, after: number, last?: LogRecord): number {
  const { entries, head } = page;
  if (entries.length === 0) return head > after ? 1 : 0;
  let gaps = 0;
  let seq = after;
  let before = last?.seq === after ? last : undefined;
  for (const entry of entries) {
    const isDense = entry.seq === seq + 1;
    const isWell = isDense ? joins(before, entry) : isDropped(page, seq, before, entry);
    if (!isWell) gaps += 1;
    seq = entry.seq;
    before = entry;
  }
  return gaps;
}

/** Whether what is missing behind `seq` may be: dropped, or of another version. `before` is what was read last. */
function isDropped(
  { entries, live, unknown = [] }: LogPage,
  seq: number,
  before: LogRecord | undefined,
  entry: LogRecord,
): boolean {
  if (entry.seq <= seq) return false;
  const known = unknown.filter((each) => each > seq && each < entry.seq).length;
  if (entry.seq - seq - 1 === known) return true;
  // what was read earlier may have been dropped since
  const isBehindWords = before !== undefined && entry !== entries[0] && isWords(before);
  const isLive = live !== null && entry.seq > live.firstSeq;
  return !isBehindWords && !isWords(entry) && !isLive;
}

function joins(before: LogRecord | undefined, entry: LogRecord): boolean {
  if (before?.event !== 'therapist:token' || entry.event !== 'therapist:token') return true;
  const { turn_id: turnId, at, text } = before.data;
  return turnId !== entry.data.turn_id || entry.data.at === at + text.length;
}

function isWords({ event }: LogRecord): boolean {
  return event === 'therapist:token' || event === 'therapist:reset';
}
