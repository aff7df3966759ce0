// Rows of words, found while the words still come: all rows are one tree, and the places reached in it are its paths. A row is written
// as in frames.ts:  word  a|b  @class  x?  .. and ... (up to two, four other words, no negation)  # ## (a number, eight or more)
// ^ (begins a clause)  $ (ends one). The members of a class may have several words.
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
}

export interface Tongue {
  classes: Readonly<Record<string, readonly string[]>>;
  /** The words a member stands for, the way the text is read. */
  read: (member: string) => readonly string[];
}

const MANY = 8;
/** From this word of a row on every one is held. */
const HELD_FROM = 2;
const gaps: Readonly<Record<string, number>> = { '..': 2, '...': 4 };

function newNode<T>(): Node<T> {
  return { words: new Map(), atLeast: [], gap: undefined, skips: [], ends: [], steps: new Map() };
}

export function newTree<T>(): Tree<T> {
  return { root: newNode(), initial: newNode(), vocabulary: new Set(), beginnings: new Set() };
}

export function undoubled(word: string): string {
  return word.replace(/(.)\1+/gsu, '$1');
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
    const next = index === words.length - 1 ? to : newNode<T>();
    link(at, word, next);
    at = next;
  }
}

function addGap<T>(from: Node<T>, length: number, to: Node<T>): void {
  from.skips.push(to);
  let at = from;
  for (let left = length; left > 0; left -= 1) {
    at.gap ??= newNode();
    at = at.gap;
    at.skips.push(to);
  }
}

function addElement<T>(tree: Tree<T>, from: Node<T>, element: string, tongue: Tongue): Node<T> {
  const known = from.steps.get(element);
  if (known) return known;
  const to = newNode<T>();
  const gap = gaps[element];
  from.steps.set(element, to);
  if (gap !== undefined) {
    // a node has one chain of gaps, so a shorter gap must not lengthen a longer one: each begins at a node of its own
    const own = newNode<T>();
    from.skips.push(own);
    addGap(own, gap, to);
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
}

/** Learns how the words begin that are held even when they come first; `always` are held wherever they stand. */
export function closeTree<T>(tree: Tree<T>, { telling }: Weight, always: Iterable<string> = []): void {
  const addBeginnings = (word: string): void => {
    for (const shape of [word, undoubled(word)])
      for (let length = 1; length <= shape.length; length += 1) tree.beginnings.add(shape.slice(0, length));
  };
  for (const word of always) addBeginnings(word);
  for (const head of reached([tree.root, tree.initial])) {
    if (head.atLeast.length > 0) tree.beginnings.add('#');
    for (const [word, nexts] of head.words) {
      const isWhole = reached(nexts).some((node) => node.ends.length > 0);
      if (telling.has(word) || isWhole) addBeginnings(word);
    }
  }
}

interface Path<T> {
  node: Node<T>;
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

export class Matcher<T> {
  readonly #tree: Tree<T>;
  readonly #weight: Weight;
  #paths: Path<T>[] = [];

  constructor(tree: Tree<T>, weight: Weight) {
    this.#tree = tree;
    this.#weight = weight;
  }

  get isIdle(): boolean {
    return this.#paths.length === 0;
  }

  /** Where the first row begins that is begun and says something. */
  get since(): number {
    let since = Infinity;
    for (const path of this.#paths) if (path.since < since) since = path.since;
    return since;
  }

  reset(): void {
    this.#paths = [];
  }

  /** Takes one word; answers every row that is whole with it. */
  feed(token: Token): Found<T>[] {
    const found: Found<T>[] = [];
    const next = new Map<Node<T>, Path<T>>();
    const start = { start: token.index, since: Infinity, count: 0 };
    for (const path of this.#paths) this.#step(path, token, next, found);
    this.#step({ node: this.#tree.root, ...start }, token, next, found);
    if (token.isInitial) this.#step({ node: this.#tree.initial, ...start }, token, next, found);
    this.#paths = [...next.values()];
    return found;
  }

  #step(path: Path<T>, token: Token, next: Map<Node<T>, Path<T>>, found: Found<T>[]): void {
    const { node, start, count } = path;
    const targets = node.words.get(token.text);
    if (targets) {
      const since = path.since === Infinity && this.#isHeld(token.text, count) ? token.from : path.since;
      for (const target of targets)
        this.#enter({ node: target, start, since, count: count + 1 }, token, next, found);
    }
    if (token.amount !== undefined) {
      const since = Math.min(path.since, token.from);
      for (const { amount, next: target } of node.atLeast) {
        if (token.amount >= amount)
          this.#enter({ node: target, start, since, count: count + 1 }, token, next, found);
      }
    }
    if (node.gap && !token.isNegator) this.#enter({ ...path, node: node.gap }, token, next, found);
    // what is left out at the head of a row
    if (count === 0) for (const skip of node.skips) this.#step({ ...path, node: skip }, token, next, found);
  }

  /** Whether a word is held that comes behind so many others of its row. */
  #isHeld(word: string, count: number): boolean {
    if (count === 0) return this.#weight.telling.has(word);
    return count >= HELD_FROM || !this.#weight.free.has(word);
  }

  #enter(path: Path<T>, token: Token, next: Map<Node<T>, Path<T>>, found: Found<T>[]): void {
    const known = next.get(path.node);
    if (known && known.since <= path.since && known.start >= path.start) return;
    for (const { value, last } of path.node.ends)
      found.push({ value, start: path.start, since: Math.min(path.since, token.from), last });
    const since = Math.min(path.since, known?.since ?? Infinity);
    // the latest beginning: what stands before it may say that the words are somebody else's
    const start = Math.max(path.start, known?.start ?? 0);
    const goesOn = path.node.words.size > 0 || path.node.atLeast.length > 0 || path.node.gap !== undefined;
    if (goesOn) next.set(path.node, { ...path, since, start });
    for (const skip of path.node.skips) this.#enter({ ...path, node: skip }, token, next, found);
  }
}
