// What a reply is: its entries, folded.
import type { LogRecord, NewEntry, TurnEntry } from './store.ts';

/** Whether an entry adds words to a reply or takes some back. */
export function isWords(entry: NewEntry): entry is TurnEntry {
  return entry.event === 'therapist:token' || entry.event === 'therapist:reset';
}

/** The reply after one more entry. */
export function fold(text: string, entry: NewEntry): string {
  if (entry.event === 'therapist:token') return text + entry.data.text;
  return entry.event === 'therapist:reset' ? entry.data.text : text;
}

/** The whole reply, as the end entry of a turn carries it. */
export function endText(end: LogRecord): string {
  if (end.event === 'therapist:done') return end.data.therapist_response;
  if (end.event === 'therapist:error' || end.event === 'turn:cancelled') return end.data.text;
  throw new Error(`${end.event} ends no turn`);
}

/**
 * The entries of a call that are new, given the reply as it is and the entries of the call before. A call that begins
 * with all of the one before is its repeat, as far as that goes; words that are there already are left out too.
 * Throws when words would begin behind the end of the reply, or differ from those that are there.
 */
export function freshWords(text: string, entries: TurnEntry[], before: TurnEntry[]): TurnEntry[] {
  const isRepeat = before.length > 0 && before.every((entry, index) => isSame(entry, entries[index]));
  const fresh: TurnEntry[] = [];
  let reply = text;
  for (const entry of isRepeat ? entries.slice(before.length) : entries) {
    if (entry.event === 'therapist:token' && isThere(reply, entry.data)) continue;
    reply = fold(reply, entry);
    fresh.push(entry);
  }
  return fresh;
}

function isThere(reply: string, { at, text }: { at: number; text: string }): boolean {
  if (at === reply.length) return false;
  if (at < reply.length && text.length > 0 && reply.startsWith(text, at)) return true;
  throw new Error(`Words for index ${at} do not fit a reply of length ${reply.length}`);
}

function isSame(a: TurnEntry, b: TurnEntry | undefined): boolean {
  return a.event === b?.event && a.data.at === b.data.at && a.data.text === b.data.text;
}
