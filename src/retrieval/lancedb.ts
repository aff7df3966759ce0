// Examples from LanceDB. Tables are named after what is in them: the exemplars and the encoder. So they are only ever made, never
// changed; a new one is made in the background while one that is there serves.
import { setTimeout as delay } from 'node:timers/promises';
import type { Embedder } from './embed.ts';
import { dot, forEmbedding, sumOf } from './embed.ts';
import { contentHash, hashOf, meaningsOf, readExemplars } from './exemplars.ts';
import type { Exemplar } from './exemplars.ts';
import { Shelf } from './lance-shelf.ts';
import type { ExemplarTable, Hit } from './lance-table.ts';
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
  /** Whether tables of other exemplars and encoders are taken away; default true. False for who only looks: a server may use them. */
  tidy?: boolean;
}

interface Serving {
  name: string;
  table: ExemplarTable;
  /** Null: by full text alone. */
  embedder: Embedder | null;
}

const RETRY_MS = 30_000;
/** So many texts are embedded and kept at a time. */
const BATCH = 64;
/** Embedded to have the encoder loaded. */
const FIRST = 'a first look';
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
  #losses = 0;
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
    await this.#work;
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
      if (ways.some(({ status }) => status === 'rejected')) void this.#doubt(serving);
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

  /** A search failed: because of what was searched for, which is told nobody, or because of the table. */
  async #doubt(serving: Serving): Promise<void> {
    try {
      await serving.table.check();
    } catch (error) {
      this.#lose(serving, messageOf(error));
    }
  }

  /** The encoder is another one than it was: its table has to be made, and until then words have to do. */
  #renew(serving: Serving): void {
    if (this.#serving !== serving) return;
    this.#serving = { ...serving, embedder: null };
    this.#options.log.warn({ table: serving.name }, 'the encoder makes other vectors now');
    this.#work = this.#work.then(() => this.#insist());
  }

  /** A table that cannot be read is made anew: at once, and after that only once in a while. */
  #lose(serving: Serving, reason: string): void {
    if (this.#serving !== serving || this.#closed.signal.aborted) return;
    this.#serving = undefined;
    this.#options.log.error({ table: serving.name, reason }, 'examples cannot be read any more');
    const waitMs = this.#losses === 0 ? 0 : this.#retryMs;
    this.#losses += 1;
    this.#work = this.#work.then(() => this.#pause(waitMs)).then(() => this.#insist());
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
    const { directories, embedder, standIn, log, uri, tidy = true } = this.#options;
    const { list, refused } = await readExemplars(directories);
    for (const fault of refused) log.warn(fault, 'a file of exemplars cannot be used');
    if (list.length === 0) throw new Error('there are no exemplars');
    const signal = this.#closed.signal;
    const set = hashOf(list);
    const shelf = await Shelf.open(uri, signal, (table, error) =>
      log.warn({ table, reason: messageOf(error) }, 'a table of examples is damaged; it is made anew'),
    );
    const serve = async (
      name: string,
      by: Embedder | null,
      vectors: () => Promise<Float32Array[]> | null,
    ) => {
      if (this.#serving?.name === name) return;
      const table = await shelf.take(name, list, vectors);
      this.#exemplars = new Map(list.map((exemplar) => [exemplar.id, exemplar]));
      this.#counts = countBy(list);
      this.#serving?.table.close();
      this.#serving = { name, table, embedder: by };
    };
    const nameOf = async (encoder: Embedder) => `${set}_${contentHash(await encoder.identity(signal))}`;
    if (!this.#serving) {
      const name = await nameOf(standIn);
      if (await shelf.has(name)) await serve(name, standIn, () => this.#vectors(shelf, standIn, list));
      else await serve(`${set}_text`, null, () => null);
    }
    const wanted = await nameOf(embedder);
    await serve(wanted, embedder, () => this.#vectors(shelf, embedder, list));
    if (tidy && this.#losses === 0) await shelf.keepOnly(wanted);
    log.info({ exemplars: list.length }, 'examples are ready');
  }

  /** One for each exemplar; those that were made before are not made again. */
  async #vectors(shelf: Shelf, embedder: Embedder, list: readonly Exemplar[]): Promise<Float32Array[]> {
    const signal = this.#closed.signal;
    const cache = shelf.vectors(contentHash(await embedder.identity(signal)));
    const texts = new Map(list.flatMap(meaningsOf).map((text) => [contentHash(text), text]));
    const vectors = await cache.read(new Set(texts.keys()));
    const missing = [...texts].filter(([hash]) => !vectors.has(hash));
    for (let at = 0; at < missing.length; at += BATCH) {
      if (at % TELL === 0)
        this.#options.log.info({ done: vectors.size, of: texts.size }, 'exemplars are embedded');
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
    return list.map((exemplar) => sumOf(meaningsOf(exemplar).map(vectorOf)));
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
