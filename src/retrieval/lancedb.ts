// Examples from LanceDB. What is searched is made at the start from the files of exemplars and the vectors that were kept; a new table
// is made in the background while one that is there serves.
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import type { Embedder } from './embed.ts';
import { dot, forEmbedding, sumOf } from './embed.ts';
import { contentHash, meaningsOf, readExemplars } from './exemplars.ts';
import type { Exemplar } from './exemplars.ts';
import { ExemplarTable } from './lance-table.ts';
import type { Hit } from './lance-table.ts';
import { VectorCache } from './lance-vectors.ts';
import { MOST, rank } from './rank.ts';
import type { Candidate, Ranked, Scale } from './rank.ts';
import type { Example, Retrieval, RetrievalQuery } from './retrieval.ts';

/** What it tells an operator; a pino logger fits. Never holds what a person wrote. */
interface RetrievalLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface LanceOptions {
  /** An absolute path, or the URI of an object store. */
  uri: string;
  /** Where exemplars are read from; of two with one id the later counts. */
  directories: readonly string[];
  embedder: Embedder;
  /** Serves with its own table, where there is one, until `embedder` has made its own. May be the same. */
  standIn: Embedder;
  log: RetrievalLog;
  /** When what failed is tried again; default 30,000. */
  retryMs?: number;
}

interface Serving {
  /** By whose vectors; null: there are none. */
  encoder: string | null;
  table: ExemplarTable;
  /** Null: by full text alone. */
  embedder: Embedder | null;
}

const RETRY_MS = 30_000;
/** So many texts are embedded and kept at a time. */
const BATCH = 64;
/** Embedded to have the encoder loaded. */
const FIRST = 'a first look';
/** What LanceDB is in the middle of may take longer than anybody waits. */
const GOODBYE_MS = 2_000;
/** How often the progress is told. */
const TOLD = 10;
/** Made in one go; then others have their turn. */
const SUMS = 512;

/** LanceDB's go on for pages. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1).join('').slice(0, 300);

/** The language that is asked for, and English, in which there is always something. */
function languagesOf(locale: string | null | undefined): string[] {
  const language = /^[a-z]{2,3}(?=[-_]|$)/i.exec(locale ?? '')?.[0].toLowerCase();
  return language === undefined ? [] : [...new Set([language, 'en'])];
}

/** Settles with the promise or when the signal aborts, whichever comes first. */
async function orAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const late = Promise.withResolvers<void>();
  const onAbort = () => late.resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  await Promise.race([promise, late.promise]).finally(() => signal.removeEventListener('abort', onAbort));
}

/** Nothing is searched before `start`. */
export class LanceRetrieval implements Retrieval, AsyncDisposable {
  readonly #options: LanceOptions;
  readonly #retryMs: number;
  readonly #closed = new AbortController();
  #exemplars: ReadonlyMap<string, Exemplar> = new Map();
  /** Exemplars of each state. */
  #counts: ReadonlyMap<string, number> = new Map();
  #serving: Serving | undefined;
  #isWarm = false;
  /** Warnings that were given. */
  readonly #told = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(options: LanceOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs ?? RETRY_MS;
  }

  state(): 'ready' | 'not_found' {
    return this.#serving ? 'ready' : 'not_found';
  }

  /** What is usual in the table that is served. */
  get scale(): Scale | undefined {
    return this.#serving?.table.scale;
  }

  /**
   * Makes the table in the background. With `isWarm` the encoder is loaded before a turn waits for it. Settles once the table is
   * the one that is wanted; never raises.
   */
  start(isWarm = false): Promise<void> {
    this.#isWarm = isWarm;
    this.#work = this.#insist();
    return this.#work;
  }

  /** Has the encoder of the table that is served loaded. Never raises. */
  async warmUp(): Promise<void> {
    await this.#serving?.embedder?.embed([FIRST], 'batch', this.#closed.signal).catch(() => undefined);
  }

  async find(query: RetrievalQuery, signal: AbortSignal): Promise<Example[]> {
    const ranked = await this.explain(query, signal);
    return ranked
      .filter(({ verdict }) => verdict === 'taken')
      .map(({ exemplar }) => ({ clientExample: exemplar.client_example, guideLine: exemplar.guide_line }));
  }

  /** What was looked at, best first, and what became of each. Never raises. */
  async explain(query: RetrievalQuery, signal: AbortSignal): Promise<Ranked[]> {
    return this.#serving ? await this.#search(this.#serving, query, signal) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('retrieval is closed'));
    await Promise.race([this.#work, delay(GOODBYE_MS, undefined, { ref: false })]);
    this.#serving?.table.close();
    this.#serving = undefined;
  }

  /** By words and by meaning at once; what is not there when the signal aborts is done without. */
  async #search(serving: Serving, query: RetrievalQuery, signal: AbortSignal): Promise<Ranked[]> {
    const { table, embedder } = serving;
    const scope = { places: this.#placesOf(query), languages: languagesOf(query.locale) };
    const text = forEmbedding(query.userInput);
    const hits: Hit[] = [];
    let asked: Float32Array | null = null;
    const byMeaning = async () => {
      const vectors = await embedder?.embed([text], 'query', signal).catch(() => {
        if (!signal.aborted) this.#tellOnce({}, 'the encoder had no vector for a turn, which goes by words');
      });
      const vector = vectors?.[0];
      if (!vector || signal.aborted) return;
      if (vector.length !== table.dimensions) {
        this.#renew(serving);
        return;
      }
      hits.push(...(await table.near(vector, scope)));
      asked = vector;
    };
    const byWords = async () => void hits.push(...(await table.matching(text, scope)));
    const found = Promise.allSettled([byWords(), byMeaning()]).then((ways) => {
      // why is not told: it may hold what was searched for
      const hasFailed = ways.some(({ status }) => status === 'rejected');
      if (hasFailed && !signal.aborted) this.#tellOnce({}, 'a search for examples failed');
    });
    await orAborted(found, signal);
    return rank(this.#candidates(hits, asked, query.stateId), table.scale, query.technique);
  }

  /** The state; where it has too few exemplars, those of other states too whose context fits. */
  #placesOf({ stateId, context }: RetrievalQuery): string[] {
    if (stateId === null) return [];
    const own = this.#counts.get(stateId) ?? 0;
    return own < MOST && context ? [stateId, context] : [stateId];
  }

  #candidates(hits: readonly Hit[], asked: Float32Array | null, stateId: string | null): Candidate[] {
    const byId = new Map<string, Candidate>();
    for (const { id, words, vector } of hits) {
      const exemplar = this.#exemplars.get(id);
      if (!exemplar) continue;
      byId.set(id, {
        exemplar,
        isOfState: stateId === null || exemplar.state_id === stateId,
        similarity: asked !== null && vector !== null ? dot(asked, vector) : null,
        words: Math.max(words, byId.get(id)?.words ?? 0),
        vector,
      });
    }
    return [...byId.values()];
  }

  /** The encoder is another one than it was: its table has to be made, and until then words have to do. */
  #renew(serving: Serving): void {
    if (this.#serving !== serving) return;
    this.#serving = { ...serving, embedder: null };
    this.#options.log.warn({}, 'the encoder makes other vectors now');
    this.#work = this.#work.then(() => this.#insist());
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closed.signal }).catch(() => undefined);
  }

  async #insist(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        await this.#build();
        return;
      } catch (error) {
        const facts = { rag: this.state(), reason: messageOf(error) };
        if (!this.#closed.signal.aborted)
          this.#tellOnce(facts, 'examples are not complete; it is tried again');
      }
      await this.#pause(this.#retryMs);
    }
  }

  async #build(): Promise<void> {
    const { directories, embedder, standIn, log } = this.#options;
    const { list, refused } = await readExemplars(directories);
    for (const fault of refused) this.#tellOnce(fault, 'a file of exemplars cannot be used');
    if (list.length === 0) throw new Error('there are no exemplars');
    if (!this.#serving) await this.#serve(list, standIn, false);
    try {
      await this.#serve(list, embedder, true);
    } catch (error) {
      // whatever became of it, words alone are worse than the encoder that is always there
      if (standIn !== embedder) await this.#serve(list, standIn, true);
      throw error;
    }
    log.info({ exemplars: list.length }, 'examples are ready');
  }

  /** By the encoder, or by words alone where its vectors are not there and may not be made. */
  async #serve(list: readonly Exemplar[], embedder: Embedder, mayMake: boolean): Promise<void> {
    const encoder = contentHash(await embedder.identity(this.#closed.signal));
    if (this.#serving?.encoder === encoder) return;
    const vectors = await this.#embedded(list, embedder, encoder, mayMake);
    const table = await ExemplarTable.make(list, vectors);
    this.#closed.signal.throwIfAborted();
    this.#exemplars = new Map(list.map((exemplar) => [exemplar.id, exemplar]));
    this.#counts = countBy(list);
    // searches may still be in the table before
    this.#serving = vectors ? { encoder, table, embedder } : { encoder: null, table, embedder: null };
    if (this.#isWarm) void this.warmUp();
  }

  /** One vector for each exemplar. Those that were made before are not made again; null where some are missing and may not be made. */
  async #embedded(
    list: readonly Exemplar[],
    embedder: Embedder,
    encoder: string,
    mayMake: boolean,
  ): Promise<Float32Array[] | null> {
    const { log, uri } = this.#options;
    using cache = new VectorCache(uri, encoder, (error) =>
      this.#tellOnce({ reason: messageOf(error) }, 'vectors cannot be kept'),
    );
    const texts = new Map(list.flatMap(meaningsOf).map((text) => [contentHash(text), text]));
    const vectors = await cache.read(new Set(texts.keys()));
    const missing = [...texts].filter(([hash]) => !vectors.has(hash));
    if (missing.length > 0 && !mayMake) return null;
    const step = Math.ceil(missing.length / BATCH / TOLD) * BATCH;
    for (let at = 0; at < missing.length; at += BATCH) {
      this.#closed.signal.throwIfAborted();
      if (at % step === 0) log.info({ done: vectors.size, of: texts.size }, 'exemplars are being embedded');
      const batch = missing.slice(at, at + BATCH);
      const made = await embedder.embed(
        batch.map(([, text]) => forEmbedding(text)),
        'batch',
        this.#closed.signal,
      );
      const entries = new Map(made.flatMap((vector, row) => (batch[row] ? [[batch[row][0], vector]] : [])));
      await cache.add(entries);
      for (const [hash, vector] of entries) vectors.set(hash, vector);
    }
    return await sums(list, (text) => vectors.get(contentHash(text)) ?? missingVector());
  }

  #tellOnce(facts: object, message: string): void {
    const line = JSON.stringify([message, facts]);
    if (!this.#told.has(line)) this.#options.log.warn(facts, message);
    this.#told.add(line);
  }
}

async function sums(
  list: readonly Exemplar[],
  vectorOf: (text: string) => Float32Array,
): Promise<Float32Array[]> {
  const made: Float32Array[] = [];
  for (const [at, exemplar] of list.entries()) {
    made.push(sumOf(meaningsOf(exemplar).map(vectorOf)));
    if (at % SUMS === 0) await setImmediate();
  }
  return made;
}

function countBy(list: readonly Exemplar[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state_id: state } of list) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function missingVector(): never {
  throw new Error('an exemplar has no vector');
}
