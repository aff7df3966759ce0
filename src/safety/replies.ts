// The authored replies of every language, and which one is spoken to whom.
import type { SafetyLevel } from '../contract/types.ts';
import ar from './content/replies.ar.json' with { type: 'json' };
import de from './content/replies.de.json' with { type: 'json' };
import en from './content/replies.en.json' with { type: 'json' };
import es from './content/replies.es.json' with { type: 'json' };
import fr from './content/replies.fr.json' with { type: 'json' };
import hi from './content/replies.hi.json' with { type: 'json' };
import hiLatn from './content/replies.hi-Latn.json' with { type: 'json' };
import id from './content/replies.id.json' with { type: 'json' };
import it from './content/replies.it.json' with { type: 'json' };
import ja from './content/replies.ja.json' with { type: 'json' };
import ko from './content/replies.ko.json' with { type: 'json' };
import nl from './content/replies.nl.json' with { type: 'json' };
import pl from './content/replies.pl.json' with { type: 'json' };
import pt from './content/replies.pt.json' with { type: 'json' };
import ru from './content/replies.ru.json' with { type: 'json' };
import sv from './content/replies.sv.json' with { type: 'json' };
import tr from './content/replies.tr.json' with { type: 'json' };
import uk from './content/replies.uk.json' with { type: 'json' };
import vi from './content/replies.vi.json' with { type: 'json' };
import zh from './content/replies.zh.json' with { type: 'json' };

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

type LaterLine = 'ask' | 'noted' | 'listen' | 'checkin' | 'offer' | 'declined' | 'waits' | 'resume';

export const english: Replies = en;

const every: readonly Replies[] = [
  ar,
  de,
  en,
  es,
  fr,
  hi,
  hiLatn,
  id,
  it,
  ja,
  ko,
  nl,
  pl,
  pt,
  ru,
  sv,
  tr,
  uk,
  vi,
  zh,
];

/** By language. */
export const allReplies: ReadonlyMap<string, Replies> = new Map(
  every.map((replies) => [replies.language, replies]),
);

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
