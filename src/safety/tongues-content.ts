// The languages that are covered besides English. [US-07]
import made from './content/index.json' with { type: 'json' };
import es from './content/languages/es.json' with { type: 'json' };
import fr from './content/languages/fr.json' with { type: 'json' };
import de from './content/languages/de.json' with { type: 'json' };
import pt from './content/languages/pt.json' with { type: 'json' };
import it from './content/languages/it.json' with { type: 'json' };
import nl from './content/languages/nl.json' with { type: 'json' };
import pl from './content/languages/pl.json' with { type: 'json' };
import sv from './content/languages/sv.json' with { type: 'json' };
import ar from './content/languages/ar.json' with { type: 'json' };
import hi from './content/languages/hi.json' with { type: 'json' };
import hiLatn from './content/languages/hi-Latn.json' with { type: 'json' };
import zh from './content/languages/zh.json' with { type: 'json' };
import ja from './content/languages/ja.json' with { type: 'json' };
import ko from './content/languages/ko.json' with { type: 'json' };
import ru from './content/languages/ru.json' with { type: 'json' };
import uk from './content/languages/uk.json' with { type: 'json' };
import tr from './content/languages/tr.json' with { type: 'json' };
import id from './content/languages/id.json' with { type: 'json' };
import vi from './content/languages/vi.json' with { type: 'json' };
import { hashOf } from './hash.ts';
import { createTongues, openTongues } from './tongues.ts';
import type { TongueContent } from './tongues.ts';

const written: readonly TongueContent[] = [
  es,
  fr,
  de,
  pt,
  it,
  nl,
  pl,
  sv,
  ar,
  hi,
  hiLatn,
  zh,
  ja,
  ko,
  ru,
  uk,
  tr,
  id,
  vi,
];

function isSound(content: TongueContent): boolean {
  try {
    createTongues([content]);
    return true;
  } catch {
    return false;
  }
}

/** Names what is written in them. */
export const writtenHash = hashOf(JSON.stringify(written));

/** What `npm run index` has made of them is opened; it is made again here when they have changed since. */
function readAll(contents: readonly TongueContent[]) {
  if (made.tongues.of === writtenHash)
    return { contents, tongues: openTongues(contents, made.tongues.index) };
  try {
    return { contents, tongues: createTongues(contents) };
  } catch {
    const sound = contents.filter(isSound);
    return { contents: sound, tongues: createTongues(sound) };
  }
}

/** One that cannot be read is left out, and every screening says so: the others go on. [US-09] */
export const { contents: tongueContents, tongues } = readAll(written);
export const brokenTongues: readonly string[] = written
  .filter((content) => !tongueContents.includes(content))
  .map(({ language }) => language);
