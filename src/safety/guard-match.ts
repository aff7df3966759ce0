// Rows of words, found while the words still come: all rows are one tree, and the places reached in it are its paths. A row is written
// as in frames.ts:  word  a|b  @class  x?  .. and ... (up to two, four other words, no negation)  # ## (a number, eight or more)
// ^ (begins a clause)  $ (ends one). The members of a class may have several words.
import { undoubled } from './fold.ts';

export interface Found<T> {
  value: T;
  /** Index in the sentence of its first word. */
  start: number;
  /** Where in the text what must not be shown begins. */
  since: number;
  /** Counts only if the clause ends here. */
  last: boolean;
}

interface Node<T> {
  readonly id: number;
  words: Map<string, Node<T>[]>;
  atLeast: { amount: number; next: Node<T> }[];
  gap: Node<T> | undefined;
  /** Reached without a word. */
  skips: Node<T>[];
  ends: { value: T; last: boolean }[];
  steps: Map<string, Node<T>>;
}

export interface Tree<T> {
  root: Node<T>;
  /** Rows that begin a clause. */
  initial: Node<T>;
  vocabulary: Set<string>;
  /** How words begin that must be held as soon as they come; doubled letters are one. */
  beginnings: Set<string>;
  /** Nodes that are reached together, by their ids: made when a text first gets there, and kept. */
  places: Map<string, Place<T>>;
  nodes: number;
}

export interface Tongue {
  classes: Readonly<Record<string, readonly string[]>>;
  /** The words a member stands for, the way the text is read. */
  read: (member: string) => readonly string[];
}

const MANY = 8;
/** What may be written as one with the word before. */
const CONTRACTED = ['not', 'am', 'are', 'have', 'will', 'would', 'is'];
/** From this word of a row on every one is held. */
const HELD_FROM = 2;
const gaps: Readonly<Record<string, number>> = { '..': 2, '...': 4 };

function newNode<T>(id: number): Node<T> {
  return { id, words: new Map(), atLeast: [], gap: undefined, skips: [], ends: [], steps: new Map() };
}

const nodeOf = <T>(tree: Tree<T>): Node<T> => newNode(tree.nodes++);

export function newTree<T>(): Tree<T> {
  const sets = { vocabulary: new Set<string>(), beginnings: new Set<string>(), places: new Map() };
  return { root: newNode(0), initial: newNode(1), nodes: 2, ...sets };
}

function link<T>(from: Node<T>, word: string, to: Node<T>): void {
  const list = from.words.get(word);
  if (list) list.push(to);
  else from.words.set(word, [to]);
}

function addWords<T>(tree: Tree<T>, from: Node<T>, words: readonly string[], to: Node<T>): void {
  let at = from;
  for (const [index, word] of words.entries()) {
    tree.vocabulary.add(word);
    const next = index === words.length - 1 ? to : nodeOf(tree);
    link(at, word, next);
    at = next;
  }
}

function addGap<T>(tree: Tree<T>, from: Node<T>, length: number, to: Node<T>): void {
  from.skips.push(to);
  let at = from;
  for (let left = length; left > 0; left -= 1) {
    at.gap ??= nodeOf(tree);
    at = at.gap;
    at.skips.push(to);
  }
}

function addElement<T>(tree: Tree<T>, from: Node<T>, element: string, tongue: Tongue): Node<T> {
  const known = from.steps.get(element);
  if (known) return known;
  const to = nodeOf(tree);
  const gap = gaps[element];
  from.steps.set(element, to);
  if (gap !== undefined) {
    // a node has one chain of gaps, so a shorter gap must not lengthen a longer one: each begins at a node of its own
    const own = nodeOf(tree);
    from.skips.push(own);
    addGap(tree, own, gap, to);
    return to;
  }
  const optional = element.endsWith('?');
  if (optional) from.skips.push(to);
  for (const name of (optional ? element.slice(0, -1) : element).split('|')) {
    if (name === '#' || name === '##') {
      from.atLeast.push({ amount: name === '#' ? 0 : MANY, next: to });
      continue;
    }
    const members = name.startsWith('@') ? tongue.classes[name.slice(1)] : [name];
    if (!members) throw new Error(`No class ${name}`);
    for (const member of members) addWords(tree, from, tongue.read(member), to);
  }
  return to;
}

/** A last word that may also be the end of the clause makes two rows of one. */
function rowsOf(row: string): string[] {
  const elements = row.split(' ');
  const final = elements.at(-1) ?? '';
  if (final === '$' || !final.split('|').includes('$')) return [row];
  const rest = elements.slice(0, -1);
  const words = final.split('|').filter((name) => name !== '$');
  while (rest.at(-1)?.startsWith('..')) rest.pop();
  return [[...elements.slice(0, -1), words.join('|')].join(' '), [...rest, '$'].join(' ')];
}

/** Adds one row. One that cannot be read stops the start. */
export function addRow<T>(tree: Tree<T>, line: string, value: T, tongue: Tongue): void {
  for (const row of rowsOf(line)) {
    const elements = row.split(' ');
    const isInitial = elements[0] === '^';
    const last = elements.at(-1) === '$';
    let at = isInitial ? tree.initial : tree.root;
    for (const element of elements.slice(isInitial ? 1 : 0, last ? -1 : undefined)) {
      at = addElement(tree, at, element, tongue);
    }
    if (reached([tree.root, tree.initial]).includes(at)) throw new Error(`A row needs a word: ${row}`);
    at.ends.push({ value, last });
  }
}

/** These and all that are reached from them without a word. */
function reached<T>(nodes: readonly Node<T>[]): Node<T>[] {
  const all = new Set(nodes);
  for (const node of all) for (const next of node.skips) all.add(next);
  return [...all];
}

/** Which words of a row are held as soon as they come. */
export interface Weight {
  /** Say much even when they come first. */
  telling: ReadonlySet<string>;
  /** Say little even when they come second. */
  free: ReadonlySet<string>;
  /** Numbers in words. */
  numbers: readonly string[];
  /** Other spellings that are read as a word, or begin with it: "im" for "i". */
  spellings: ReadonlyMap<string, readonly string[]>;
}

/** Learns how the words begin that are held even when they come first; `always` are held wherever they stand. */
export function closeTree<T>(
  tree: Tree<T>,
  { telling, numbers }: Weight,
  always: Iterable<string> = [],
): void {
  for (const word of always) addBeginnings(tree.beginnings, word);
  for (const head of reached([tree.root, tree.initial])) {
    if (head.atLeast.length > 0)
      for (const number of ['#', ...numbers]) addBeginnings(tree.beginnings, number);
    for (const [word, nexts] of head.words) {
      if (telling.has(word) || isWhole(nexts)) addBeginnings(tree.beginnings, word);
    }
  }
}

const isWhole = <T>(nexts: readonly Node<T>[]): boolean =>
  reached(nexts).some((node) => node.ends.length > 0);

function addBeginnings(beginnings: Set<string>, word: string): void {
  for (const shape of [word, undoubled(word)])
    for (let length = 1; length <= shape.length; length += 1) beginnings.add(shape.slice(0, length));
}

/**
 * Nodes that one word leads to, all that is reached from them without a word among them. What a word does to them is found out
 * when it first comes: most texts get to few places, and often to the same.
 */
class Place<T> {
  readonly #tree: Tree<T>;
  readonly #nodes: readonly Node<T>[];
  readonly ends: Node<T>['ends'];
  readonly goesOn: boolean;
  readonly #words = new Map<string, Node<T>[] | Place<T>>();
  readonly atLeast: Node<T>['atLeast'];
  #gap: Place<T> | null | undefined;
  #held: { second?: ReadonlySet<string>; later?: ReadonlySet<string> } = {};

  constructor(tree: Tree<T>, nodes: readonly Node<T>[]) {
    this.#tree = tree;
    this.#nodes = nodes;
    this.ends = nodes.flatMap((node) => node.ends);
    this.atLeast = nodes.flatMap((node) => node.atLeast);
    for (const { words } of nodes) {
      for (const [word, nexts] of words) {
        const known = this.#words.get(word);
        this.#words.set(word, Array.isArray(known) ? [...known, ...nexts] : nexts);
      }
    }
    this.goesOn = this.#words.size > 0 || this.atLeast.length > 0 || nodes.some(({ gap }) => gap);
  }

  has(word: string): boolean {
    return this.#words.has(word);
  }

  /** Where a word leads. */
  next(word: string): Place<T> | undefined {
    const known = this.#words.get(word);
    if (!Array.isArray(known)) return known;
    const place = placeOf(this.#tree, known);
    this.#words.set(word, place);
    return place;
  }

  /** Where any word leads. */
  get gap(): Place<T> | null {
    if (this.#gap !== undefined) return this.#gap;
    const gaps = this.#nodes.flatMap(({ gap }) => gap ?? []);
    return (this.#gap = gaps.length > 0 ? placeOf(this.#tree, gaps) : null);
  }

  /** Whether a row ends with a word, or goes on with what may be written with it: "should" as "shouldn't". */
  #tells(word: string): boolean {
    const next = this.next(word);
    return next !== undefined && (next.ends.length > 0 || CONTRACTED.some((second) => next.has(second)));
  }

  /** How the words begin that are held here, behind so many words of a row. */
  held(count: number, { free, numbers, spellings }: Weight): ReadonlySet<string> {
    const order = count < HELD_FROM ? 'second' : 'later';
    const known = this.#held[order];
    if (known) return known;
    const beginnings = new Set<string>();
    for (const word of this.#words.keys()) {
      if (order === 'second' && free.has(word) && !this.#tells(word)) continue;
      // "had" may go on as "hadn't"
      addBeginnings(beginnings, `${word}n`);
      for (const spelling of spellings.get(word) ?? []) addBeginnings(beginnings, spelling);
    }
    if (this.atLeast.length > 0) for (const number of numbers) addBeginnings(beginnings, number);
    return (this.#held[order] = beginnings);
  }
}

function placeOf<T>(tree: Tree<T>, nodes: readonly Node<T>[]): Place<T> {
  const all = reached(nodes).toSorted((a, b) => a.id - b.id);
  const key = all.map(({ id }) => id).join(' ');
  const known = tree.places.get(key);
  if (known) return known;
  const place = new Place(tree, all);
  tree.places.set(key, place);
  return place;
}

/** Somewhere in the rows, on the way that words of the sentence have led. */
interface Path<T> {
  place: Place<T>;
  start: number;
  since: number;
  count: number;
}

export interface Token {
  text: string;
  /** Its place in the sentence, and in the text. */
  index: number;
  from: number;
  amount: number | undefined;
  isInitial: boolean;
  isNegator: boolean;
}

/** Whether words end a row that begins here, or come so far that it is held. */
function isHeldRow<T>(head: Place<T>, words: readonly string[]): boolean {
  let place: Place<T> | undefined = head;
  for (const [count, word] of words.entries()) {
    place = place.next(word);
    if (!place) return false;
    if (place.ends.length > 0 || count >= HELD_FROM) return true;
  }
  return false;
}

export class Matcher<T> {
  readonly #tree: Tree<T>;
  readonly #weight: Weight;
  readonly #root: Place<T>;
  readonly #initial: Place<T>;
  #paths = new Map<Place<T>, Path<T>>();
  /** Those of the word that is taken; the two change places with each. */
  #next = new Map<Place<T>, Path<T>>();
  #since = Infinity;
  /** Rows that are whole with the word that is taken, by their ends. */
  readonly #found = new Map<object, Found<T>>();

  constructor(tree: Tree<T>, weight: Weight) {
    this.#tree = tree;
    this.#weight = weight;
    this.#root = placeOf(tree, [tree.root]);
    this.#initial = placeOf(tree, [tree.initial]);
  }

  /** Where the first row begins that is begun and says something. */
  get since(): number {
    return this.#since;
  }

  reset(): void {
    this.#paths.clear();
    this.#since = Infinity;
  }

  /** Whether a word that begins like this, without doubled letters, goes on with a row that is begun, and is held. */
  mayHold(beginning: string): boolean {
    for (const { place, count } of this.#paths.values())
      if (place.held(count, this.#weight).has(beginning)) return true;
    return false;
  }

  /** Whether the words of one spelling may go on with a row that is begun, or are one that is held. */
  expects(words: readonly string[]): boolean {
    // where the second one goes on is not looked for
    if (words.length > 1 && this.#paths.size > 0) return true;
    for (const place of this.#paths.keys()) if (words.some((word) => place.has(word))) return true;
    return words.some((_, from) =>
      [this.#root, this.#initial].some((head) => isHeldRow(head, words.slice(from))),
    );
  }

  /** Takes one word; answers every row that is whole with it. */
  feed(token: Token): readonly Found<T>[] {
    this.#found.clear();
    const first = { start: token.index, since: Infinity, count: 0 };
    for (const path of this.#paths.values()) this.#step(path, token);
    this.#step({ place: this.#root, ...first }, token);
    if (token.isInitial) this.#step({ place: this.#initial, ...first }, token);
    this.#paths.clear();
    [this.#paths, this.#next] = [this.#next, this.#paths];
    this.#since = Infinity;
    for (const { since } of this.#paths.values()) if (since < this.#since) this.#since = since;
    return this.#found.size === 0 ? [] : [...this.#found.values()];
  }

  #step(path: Path<T>, token: Token): void {
    const { place, start, since, count } = path;
    const next = place.next(token.text);
    if (next) {
      const held = since === Infinity && this.#isHeld(token.text, count) ? token.from : since;
      this.#enter({ place: next, start, since: held, count: count + 1 }, token);
    }
    if (token.amount !== undefined) {
      const held = Math.min(since, token.from);
      for (const { amount, next } of place.atLeast) {
        if (token.amount < amount) continue;
        this.#enter({ place: placeOf(this.#tree, [next]), start, since: held, count: count + 1 }, token);
      }
    }
    if (!place.gap || token.isNegator) return;
    path.place = place.gap;
    this.#enter(path, token);
  }

  /** Whether a word is held that comes behind so many others of its row. */
  #isHeld(word: string, count: number): boolean {
    const { telling, free } = this.#weight;
    return count === 0 ? telling.has(word) : count >= HELD_FROM || !free.has(word);
  }

  #enter(path: Path<T>, token: Token): void {
    const { place, start, since } = path;
    for (const end of place.ends) {
      const known = this.#found.get(end);
      // the latest beginning: what stands before it may say that the words are somebody else's; and all of it is held
      this.#found.set(end, {
        ...end,
        start: Math.max(start, known?.start ?? 0),
        since: Math.min(since, token.from, known?.since ?? Infinity),
      });
    }
    if (!place.goesOn) return;
    const known = this.#next.get(place);
    if (!known) this.#next.set(place, path);
    else {
      if (start > known.start) known.start = start;
      if (since < known.since) known.since = since;
      if (path.count > known.count) known.count = path.count;
    }
  }
}
