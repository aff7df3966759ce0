// Whose feeling, and whose body, a sentence speaks of.
import { lexicon } from './lexicon.ts';

export const OTHERS: ReadonlySet<string> = new Set('his her their your he she they him them you'.split(' '));
const COPULAS: ReadonlySet<string> = new Set('is was are were seems looks gets got be feels'.split(' '));
const IMPERSONAL: ReadonlySet<string> = new Set(
  'it that this everything things life which what i we all feeling there work job to not will might could would can may'.split(
    ' ',
  ),
);

/** "My partner has a stiff neck". */
export function isHadByOthers(words: readonly string[], at: number): boolean {
  const before = words.slice(Math.max(0, at - 6), at);
  const has = before.lastIndexOf('has');
  return has > 0 && !IMPERSONAL.has(before[has - 1] ?? '') && !before.slice(has).includes('my');
}

/** Who or what a quality is told of by a verb shortly before it; undefined where there is none. */
function subjectAt(words: readonly string[], at: number): number | undefined {
  for (let verb = at - 1; verb > 0 && verb >= at - 3; verb -= 1) {
    if (COPULAS.has(words[verb] ?? '')) return verb - 1;
  }
  return undefined;
}

/** "My boss is angry": the feeling is somebody else's. */
export function isOfOthers(words: readonly string[], at: number): boolean {
  const subject = subjectAt(words, at);
  if (subject === undefined) return OTHERS.has(words[at - 1] ?? '');
  const word = words[subject] ?? '';
  const isBody = lexicon.places.find([word]).length > 0;
  return isBody ? OTHERS.has(words[subject - 1] ?? '') : !IMPERSONAL.has(word);
}

/** "They are heavy", of hands or shoulders. */
export function isOfThings(words: readonly string[], at: number): boolean {
  const subject = subjectAt(words, at);
  return subject !== undefined && words[subject] === 'they';
}
