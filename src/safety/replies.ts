// The authored replies of every language, and which one is spoken to whom.
import type { SafetyLevel } from '../contract/types.ts';
import en from './content/replies.en.json' with { type: 'json' };

export type Found = Exclude<SafetyLevel, 'none'>;

/** One thought of a reply and which of the contents R1 to R15 it holds (SAFETY.md 1.3). */
interface Line {
  items: readonly string[];
  text: string;
}

/** All that is said with authored words in one language. Wording is content, not code. */
export interface Replies {
  language: string;
  version: string;
  /** The first reply to a risk. */
  first: Readonly<Record<Found, readonly Line[]>>;
  /** The reply to the same or a lower one right after. */
  again: Readonly<Record<Found, readonly Line[]>>;
  /** What is said while the guided process rests. */
  later: Readonly<Record<LaterLine, readonly string[]>>;
  disclosure: Readonly<Record<'start' | 'again' | 'minor' | 'away' | 'asked', string>>;
  phrases: Readonly<Record<keyof typeof en.phrases, string>>;
}

export type LaterLine =
  'ask' | 'noted' | 'listen' | 'checkin' | 'offer' | 'declined' | 'waits' | 'resume' | 'unavailable';

export const english: Replies = en;

/** By language. */
export const allReplies: ReadonlyMap<string, Replies> = new Map([[english.language, english]]);

/**
 * The replies in the first of these languages that there are any in, else in English: what the person writes in, then the
 * language of the session. A region (`pt-BR`) does not matter. [US-22]
 */
export function repliesFor(...languages: readonly (string | null | undefined)[]): Replies {
  for (const language of languages) {
    if (!language) continue;
    const found = allReplies.get(language) ?? allReplies.get(language.split(/[-_]/)[0]?.toLowerCase() ?? '');
    if (found) return found;
  }
  return english;
}
