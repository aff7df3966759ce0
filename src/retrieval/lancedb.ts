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
/** How often the progress is told, in texts. */
const TELL = 1_024;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The language that is asked for, and English, in which there is always something. */
function languagesOf(locale: string | null | undefined): string[] {
  const language = /^[a-z]{2,3}(?=[-_]|$)/i.exec(locale ?? '')?.[0].toLowerCase();
  return language === undefined ? [] : [...new Set([language, 'en'])];
}

/** Settles with the promise or when the signal aborts, whichever comes first. */
async function inTime(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
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
  #hasFailed = false;
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

  /** Opens or makes the table in the background. Settles once it is the one that is wanted; never raises. */
  start(): Promise<void> {
    this.#work = this.#insist();
    return this.#work;
  }

  /** Has the encoder loaded before a turn waits for it. Never raises. */
  async warmUp(): Promise<void> {
    await this.#work;
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
      const vectors = await embedder?.embed([text], 'query', signal).catch(() => undefined);
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
      if (ways.some(({ status }) => status === 'rejected')) this.#failed();
    });
    await inTime(found, signal);
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

  /** Why is not told: it may hold what was searched for. */
  #failed(): void {
    if (!this.#hasFailed) this.#options.log.warn({}, 'a search for examples failed; this is told once');
    this.#hasFailed = true;
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
    let told = '';
    while (!this.#closed.signal.aborted) {
      try {
        await this.#build();
        return;
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== told && !this.#closed.signal.aborted)
          this.#options.log.warn(
            { rag: this.state(), reason },
            'examples are not complete; it is tried again',
          );
        told = reason;
      }
      await this.#pause(this.#retryMs);
    }
  }

  async #build(): Promise<void> {
    const { directories, embedder, standIn, log } = this.#options;
    const { list, refused } = await readExemplars(directories);
    for (const fault of refused) log.warn(fault, 'a file of exemplars cannot be used');
    if (list.length === 0) throw new Error('there are no exemplars');
    if (!this.#serving) {
      const kept = await this.#embedded(list, standIn, false);
      await this.#serve(list, kept ? standIn : null, kept);
    }
    const wanted = contentHash(await embedder.identity(this.#closed.signal));
    if (this.#serving?.encoder !== wanted)
      await this.#serve(list, embedder, await this.#embedded(list, embedder, true));
    log.info({ exemplars: list.length }, 'examples are ready');
  }

  async #serve(
    list: readonly Exemplar[],
    embedder: Embedder | null,
    vectors: Float32Array[] | null,
  ): Promise<void> {
    const encoder = embedder && contentHash(await embedder.identity(this.#closed.signal));
    const table = await ExemplarTable.make(list, vectors);
    this.#exemplars = new Map(list.map((exemplar) => [exemplar.id, exemplar]));
    this.#counts = countBy(list);
    // searches may still be in the one before
    this.#serving = { encoder, table, embedder };
  }

  /** One vector for each exemplar. Those that were made before are not made again; null where some are missing and may not be made. */
  async #embedded(
    list: readonly Exemplar[],
    embedder: Embedder,
    mayMake: boolean,
  ): Promise<Float32Array[] | null> {
    const { log, uri } = this.#options;
    const signal = this.#closed.signal;
    const encoder = contentHash(await embedder.identity(signal));
    const cache = new VectorCache(uri, encoder, (reason) => log.warn({ reason }, 'vectors cannot be kept'));
    const texts = new Map(list.flatMap(meaningsOf).map((text) => [contentHash(text), text]));
    const vectors = await cache.read(new Set(texts.keys()));
    const missing = [...texts].filter(([hash]) => !vectors.has(hash));
    if (missing.length > 0 && !mayMake) return null;
    for (let at = 0; at < missing.length; at += BATCH) {
      if (at % TELL === 0) log.info({ done: vectors.size, of: texts.size }, 'exemplars are embedded');
      const batch = missing.slice(at, at + BATCH);
      const made = await embedder.embed(
        batch.map(([, text]) => forEmbedding(text)),
        'batch',
        signal,
      );
      const entries = new Map(made.flatMap((vector, row) => (batch[row] ? [[batch[row][0], vector]] : [])));
      await cache.add(entries);
      for (const [hash, vector] of entries) vectors.set(hash, vector);
    }
    cache.close();
    const vectorOf = (text: string) => vectors.get(contentHash(text)) ?? missingVector();
    const sums: Float32Array[] = [];
    for (const [at, exemplar] of list.entries()) {
      sums.push(sumOf(meaningsOf(exemplar).map(vectorOf)));
      if (at % TELL === 0) await setImmediate();
    }
    return sums;
  }
}

function countBy(list: readonly Exemplar[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state_id: state } of list) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function missingVector(): never {
  throw new Error('an exemplar has no vector');
}
