// Cuts a folded text into the words the rules speak of: contractions opened, disguises undone, fillers left out.
import { apart } from './apart.ts';

export interface Word {
  text: string;
  /** Which of the inputs it came from. */
  source: number;
  /** Stands between quotation marks. */
  quoted: boolean;
}

/** The end of a sentence, as a word no frame matches. */
export const STOP = '.';

export interface Speech {
  /** Left out: they change how strongly a thing is said, not what is said. */
  fillers: ReadonlySet<string>;
  /** Contractions, chat spellings and common slips: one word to the words it stands for. */
  spellings: ReadonlyMap<string, readonly string[]>;
  /** Every word some frame knows. */
  known: ReadonlySet<string>;
  /** Words worth undoing a disguise for. */
  keys: ReadonlySet<string>;
  /** "No." is a sentence of its own; other single words may be one of a sentence cut in pieces. */
  negators: ReadonlySet<string>;
  /** `known` by its spelling without doubled letters. */
  undoubled: ReadonlyMap<string, string>;
  longest: number;
}

// Words with apostrophes and signs that stand for letters inside; then what ends sentences and what quotes; then pictures. The classes
// share no character, so there is one way to read a text and no going back.
const PIECE = /[\p{L}\p{N}@$*]+(?:['!|+][\p{L}\p{N}@$*]+)*|[.?!;\n"']|\p{Extended_Pictographic}/gu;
const PICTURE = /^\p{Extended_Pictographic}$/u;
const SIGNS = /[0-9@$!|+]/;
const LETTER = /\p{L}/u;
const signLetters: Readonly<Record<string, string>> = {
  '0': 'o',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '+': 't',
};
const suffixes: readonly (readonly [string, string])[] = [
  ["n't", 'not'],
  ["'m", 'am'],
  ["'re", 'are'],
  ["'ve", 'have'],
  ["'ll", 'will'],
  ["'d", 'would'],
  ["'s", 'is'],
];
/** Longer unbroken runs of letters are noise, not words written together. */
const RUN_MAX = 120;

function withoutDoubles(word: string): string {
  return word.replace(/(.)\1+/gsu, '$1');
}

export function undouble(words: Iterable<string>): Map<string, string> {
  return new Map([...words].map((word) => [withoutDoubles(word), word]));
}

/** Digits and signs read as letters, when that makes a known word: "k1ll", "$uicide", "d!e". */
function withLetters(piece: string, speech: Speech): string | undefined {
  if (!SIGNS.test(piece) || !LETTER.test(piece) || piece.length > speech.longest * 2) return undefined;
  for (const one of /[1|]/.test(piece) ? ['i', 'l'] : ['']) {
    const word = piece.replace(
      /[0-9@$!|+]/g,
      (sign) => signLetters[sign] ?? (sign === '1' || sign === '|' ? one : sign),
    );
    const found =
      speech.known.has(word) || speech.spellings.has(word)
        ? word
        : speech.undoubled.get(withoutDoubles(word));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A star stands for one letter of a key word: "k*ll", "su*cide". */
function withoutStars(piece: string, speech: Speech): string | undefined {
  if (!piece.includes('*') || piece.length > speech.longest) return undefined;
  for (const key of speech.keys) {
    if (key.length !== piece.length || key[0] !== piece[0]) continue;
    if (piece.split('').every((letter, at) => letter === '*' || letter === key[at])) return key;
  }
  return undefined;
}

/** Known words written together ("killmyself"), if a key word is among them and nothing is left over. */
function knownApart(run: string, speech: Speech): string[] | undefined {
  if (run.length > RUN_MAX || ![...speech.keys].some((key) => run.includes(key))) return undefined;
  const isPiece = (word: string): boolean =>
    speech.known.has(word) && (word.length > 1 || word === 'i' || word === 'a');
  return apart(run, speech.longest, isPiece);
}

function openContraction(piece: string): string[] | undefined {
  for (const [suffix, word] of suffixes) {
    if (piece.length > suffix.length && piece.endsWith(suffix)) return [piece.slice(0, -suffix.length), word];
  }
  return undefined;
}

/** Emphasis, as in Markdown. */
function withoutStarsAround(piece: string): string {
  let start = 0;
  let end = piece.length;
  while (start < end && piece[start] === '*') start += 1;
  while (end > start && piece[end - 1] === '*') end -= 1;
  return piece.slice(start, end);
}

/** The words one piece of text stands for. */
function read(piece: string, speech: Speech): readonly string[] {
  const bare = withoutStarsAround(piece);
  const spelled = speech.spellings.get(bare);
  if (spelled) return spelled;
  if (speech.known.has(bare) || bare === '') return [bare];
  const shown = withoutStars(bare, speech) ?? withLetters(bare, speech);
  if (shown !== undefined) return speech.spellings.get(shown) ?? [shown];
  const opened = openContraction(bare);
  if (opened) return opened;
  if (/(.)\1\1|aa|ii|uu/su.test(bare)) {
    const single = speech.undoubled.get(withoutDoubles(bare));
    if (single !== undefined) return speech.spellings.get(single) ?? [single];
  }
  const parts = bare.length >= 8 ? knownApart(bare.replaceAll("'", ''), speech) : undefined;
  return parts ?? bare.split(/[!|+']/);
}

interface Piece {
  text: string;
  quoted: boolean;
}

/** Marks what lies between quotation marks; a mark that is never closed quotes nothing. A picture is a word only if it is spelled out. */
function pieces(text: string, speech: Speech): Piece[] {
  const found: Piece[] = [];
  const opened: Record<string, number | undefined> = {};
  for (const match of text.matchAll(PIECE)) {
    const mark = match[0];
    if (PICTURE.test(mark) && !speech.spellings.has(mark)) continue;
    if (mark !== '"' && mark !== "'") {
      found.push({ text: '\n.?!;'.includes(mark) ? STOP : mark, quoted: false });
      continue;
    }
    const since = opened[mark];
    opened[mark] = since === undefined ? found.length : undefined;
    if (since !== undefined)
      for (let at = since; at < found.length; at += 1)
        found[at] = { text: found[at]?.text ?? '', quoted: true };
  }
  return found;
}

/** Three or more letters that stand alone are one word: "k i l l", "k.i.l.l". */
function joinLetters(found: readonly Piece[], speech: Speech): Piece[] {
  const joined: Piece[] = [];
  let run: Piece[] = [];
  const flush = (): void => {
    const letters = run.filter((piece) => piece.text !== STOP);
    if (letters.length < 3) {
      joined.push(...run);
    } else {
      const text = letters.map((piece) => piece.text).join('');
      const plain = speech.known.has(text) ? text : (withLetters(text, speech) ?? text);
      const words = speech.known.has(plain) ? [plain] : (knownApart(plain, speech) ?? [plain]);
      joined.push(...words.map((word) => ({ text: word, quoted: letters[0]?.quoted ?? false })));
      if (run.at(-1)?.text === STOP) joined.push({ text: STOP, quoted: false });
    }
    run = [];
  };
  for (const piece of found) {
    const single = piece.text.length === 1 && piece.text !== STOP;
    const between = piece.text === STOP && run.length > 0 && run.at(-1)?.text !== STOP;
    if (single || between) {
      run.push(piece);
    } else {
      flush();
      joined.push(piece);
    }
  }
  flush();
  return joined;
}

/** The key word that two words are the halves of. */
function wholeOf(last: Word | undefined, word: Word, speech: Speech): string | undefined {
  const length = (last?.text.length ?? 0) + word.text.length;
  if (last === undefined || length <= 3 || length > speech.longest) return undefined;
  const whole = last.text + word.text;
  if (!speech.keys.has(whole)) return undefined;
  const halved = whole === 'myself' || !speech.known.has(word.text) || !speech.known.has(last.text);
  return halved ? whole : undefined;
}

/** Puts the halves of a key word together again: "sui cide", "my self". */
function joinHalves(words: readonly Word[], speech: Speech): Word[] {
  const joined: Word[] = [];
  for (const word of words) {
    const whole = wholeOf(joined.at(-1), word, speech);
    if (whole === undefined) joined.push(word);
    else joined[joined.length - 1] = { ...word, text: whole };
  }
  return joined;
}

function isPause(words: readonly Word[], at: number, speech: Speech): boolean {
  const alone = (index: number, step: number): boolean =>
    words[index] !== undefined &&
    words[index].text !== STOP &&
    speech.known.has(words[index].text) &&
    !speech.negators.has(words[index].text) &&
    (words[index + step] === undefined || words[index + step]?.text === STOP);
  return alone(at - 1, -1) || alone(at + 1, 1);
}

/**
 * The words of several folded inputs in one row, oldest first. Between two inputs there is no end of sentence, and none around a single
 * word ("I want to. Die."), so that what is said in pieces is read as one.
 */
export function wordsOf(inputs: readonly string[], speech: Speech): Word[] {
  const all: Word[] = [];
  const readings = new Map<string, readonly string[]>();
  const readOnce = (piece: string): readonly string[] => {
    const known =
      readings.get(piece) ?? read(piece, speech).filter((text) => text !== '' && !speech.fillers.has(text));
    readings.set(piece, known);
    return known;
  };
  for (const [source, input] of inputs.entries()) {
    const own: Word[] = [];
    for (const piece of joinLetters(pieces(input, speech), speech)) {
      for (const text of piece.text === STOP ? [STOP] : readOnce(piece.text))
        own.push({ text, source, quoted: piece.quoted });
    }
    while (own.at(-1)?.text === STOP) own.pop();
    all.push(...own);
  }
  const halves = joinHalves(all, speech);
  return halves.filter(
    (word, at) => word.text !== STOP || (halves[at - 1]?.text !== STOP && !isPause(halves, at, speech)),
  );
}
