// What is read aloud of a conversation: whole sentences, once each, as soon as they are finished.

/** Longer unfinished sentences are read in parts. */
const PART_LENGTH = 400;
const ending = /[^.!?…。！？؟]*[.!?…。！？؟]+["'”’»)\]]*\s+|[^\n]*\n+/y;

type Cut = (text: string) => number;

/** Where the last, unfinished sentence begins: where the next one has begun, those before it are finished. */
function cutBySegments(segmenter: Intl.Segmenter): Cut {
  return (text) => {
    let start = 0;
    for (const { index } of segmenter.segment(text)) start = index;
    return start;
  };
}

/** Where there is no segmenter: after the last full stop that is followed by space. */
export function cutByStops(text: string): number {
  const pattern = new RegExp(ending);
  let start = 0;
  while (pattern.exec(text)) start = pattern.lastIndex;
  return start;
}

export function createCut(language: string): Cut {
  if (typeof Intl.Segmenter !== 'function') return cutByStops;
  return cutBySegments(new Intl.Segmenter(language, { granularity: 'sentence' }));
}

/** How much of a text that still grows can be read. */
export function finishedLength(text: string, cut: Cut): number {
  const finished = cut(text);
  if (text.length - finished <= PART_LENGTH) return finished;
  const space = text.lastIndexOf(' ');
  return space > finished ? space + 1 : text.length;
}

interface NarratedTurn {
  readonly turn_id: string;
  readonly n: number;
  readonly text: string;
  readonly state: string;
}

interface NarratedRemark {
  readonly kind: 'disclosure' | 'human';
  readonly seq: number;
  readonly text: string;
}

interface Scene {
  /** Ended ones, oldest first. */
  readonly turns: readonly NarratedTurn[];
  readonly live: NarratedTurn | null;
  readonly remarks: readonly NarratedRemark[];
  readonly isStopping: boolean;
}

export type Line =
  | { readonly kind: 'words'; readonly text: string }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'ending'; readonly state: string };

/** Remembers what was read. What was there when it first looked is not read, but for a reply that still grows. */
export class Narrator {
  readonly #cut: Cut;
  #endedN = 0;
  #remarkSeq = 0;
  #turnId = '';
  #read = 0;
  #hasLooked = false;
  #isStopping = false;

  constructor(language: string) {
    this.#cut = createCut(language);
  }

  /** What is to be read now. */
  next(scene: Scene): Line[] {
    if (!this.#hasLooked) {
      this.#hasLooked = true;
      this.#endedN = scene.turns.at(-1)?.n ?? 0;
      this.#remarkSeq = lastSeq(scene.remarks);
    }
    return [
      ...this.#ended(scene.turns),
      ...this.#remarks(scene.remarks),
      ...(scene.live ? this.#rest(scene.live) : []),
      ...this.#stopping(scene.isStopping),
    ];
  }

  #ended(turns: readonly NarratedTurn[]): Line[] {
    const lastN = turns.at(-1)?.n ?? 0;
    if (lastN <= this.#endedN) return [];
    const news = turns.slice(turns.findLastIndex(({ n }) => n <= this.#endedN) + 1);
    this.#endedN = lastN;
    return news.flatMap((turn) => {
      const rest = this.#rest(turn, turn.text.length);
      return turn.state === 'done' ? rest : [...rest, { kind: 'ending' as const, state: turn.state }];
    });
  }

  #remarks(remarks: readonly NarratedRemark[]): Line[] {
    const news = remarks.filter(({ seq }) => seq > this.#remarkSeq);
    this.#remarkSeq = Math.max(this.#remarkSeq, lastSeq(remarks));
    return news.map(({ text }) => ({ kind: 'words', text }));
  }

  #rest({ turn_id: turnId, text }: NarratedTurn, end?: number): Line[] {
    const from = turnId === this.#turnId ? Math.min(this.#read, text.length) : 0;
    const to = end ?? from + finishedLength(text.slice(from), this.#cut);
    this.#turnId = turnId;
    this.#read = to;
    const words = text.slice(from, to).trim();
    return words === '' ? [] : [{ kind: 'words', text: words }];
  }

  #stopping(isStopping: boolean): Line[] {
    const isNew = isStopping && !this.#isStopping;
    this.#isStopping = isStopping;
    return isNew ? [{ kind: 'stopping' }] : [];
  }
}

const lastSeq = (remarks: readonly NarratedRemark[]): number => Math.max(0, ...remarks.map(({ seq }) => seq));
