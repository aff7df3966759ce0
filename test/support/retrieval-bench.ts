// Retrieval on a small directory of exemplars, with an encoder that a test steers.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Embedder, Urgency } from '../../src/retrieval/embed.ts';
import { unit } from '../../src/retrieval/embed.ts';
import type { Exemplar } from '../../src/retrieval/exemplars.ts';
import { LanceRetrieval } from '../../src/retrieval/lancedb.ts';
import type { LanceOptions } from '../../src/retrieval/lancedb.ts';
import { tempDir } from './server-process.ts';
import { createChanges, until } from './wait.ts';

// as the server does: the library reads it when it is loaded, and it warns of every search
process.env['LANCEDB_LOG'] ??= 'error';

export type Written = z.input<typeof Exemplar>;

/** An exemplar of which a test names only what matters to it. */
export const written = (exemplar: Partial<Written> & Pick<Written, 'id'>): Written => ({
  state_id: '2.2',
  situation: 'says how it is',
  technique: 'locate_in_body',
  client_example: `what ${exemplar.id} says`,
  guide_line: `The answer to ${exemplar.id}.`,
  ...exemplar,
});

/** As it stands in a directory. */
export const fileOf = (exemplars: readonly Written[]): string =>
  JSON.stringify({ version: 'test', exemplars });

const DIMENSIONS = 512;

function placeOf(word: string): number {
  let hash = 0x811c9dc5;
  for (const letter of word) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash % DIMENSIONS;
}

function vectorOf(text: string): Float32Array {
  const counts = new Float32Array(DIMENSIONS + 1);
  // a text without words has a direction too, and all texts have a little in common
  counts[DIMENSIONS] = 0.1;
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const place = placeOf(word);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return unit(counts);
}

interface Asked {
  urgency: Urgency;
  texts: readonly string[];
}

/** Means by a text the words that are in it. Writes down what it is asked; `before` may hold an answer or raise. */
export class WordEmbedder implements Embedder {
  readonly asked: Asked[] = [];
  readonly #name: string;
  readonly #before: (asked: Asked) => Promise<unknown> | undefined;
  readonly #changes = createChanges();

  constructor(name = 'words', before: (asked: Asked) => Promise<unknown> | undefined = () => undefined) {
    this.#name = name;
    this.#before = before;
  }

  async identity(): Promise<string> {
    return this.#name;
  }

  async embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    signal.throwIfAborted();
    const asked = { urgency, texts };
    this.asked.push(asked);
    this.#changes.notify();
    const left = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => left.reject(signal.reason), { once: true });
    await Promise.race([this.#before(asked), left.promise]);
    return texts.map(vectorOf);
  }

  /** Every text it was asked for in the background. */
  get batched(): string[] {
    return this.asked.filter(({ urgency }) => urgency === 'batch').flatMap(({ texts }) => texts);
  }

  /** Resolves once it is asked for that. */
  async until(urgency: Urgency): Promise<Asked> {
    const look = () => this.asked.find((asked) => asked.urgency === urgency);
    return await until(look, this.#changes.subscribe, `a ${urgency} for ${this.#name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Never has a vector. */
export const raising = (name?: string): WordEmbedder =>
  new WordEmbedder(name, () => Promise.reject(new Error('no vectors today')));

interface Line {
  facts: Record<string, unknown>;
  message: string;
}

/** A retrieval that has been told to start, and what it logs. */
export interface Started {
  retrieval: LanceRetrieval;
  /** Settles when the table that is wanted serves. */
  settled: Promise<void>;
  lines: readonly Line[];
  /** The facts of the log line with that message, the `nth` of them; waits for it. */
  logged: (message: string, nth?: number) => Promise<Record<string, unknown>>;
}

/** A place for tables and a directory of exemplars. */
export class Library implements AsyncDisposable {
  readonly uri: string;
  readonly directory: string;
  readonly #resources: AsyncDisposableStack;

  constructor(root: string, resources: AsyncDisposableStack) {
    this.uri = join(root, 'tables');
    this.directory = join(root, 'exemplars');
    this.#resources = resources;
  }

  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.directory, name), content);
  }

  /** What an operator adds: the path of a directory with that file alone. */
  async another(name: string, content: string): Promise<string> {
    const directory = join(this.directory, '..', 'own');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, name), content);
    return directory;
  }

  /** Takes the files of all tables away, as a disk does that fails. */
  async lose(): Promise<void> {
    await rm(this.uri, { recursive: true });
  }

  start(options: Partial<LanceOptions> & Pick<LanceOptions, 'embedder'>): Started {
    const changes = createChanges();
    const lines: Line[] = [];
    const log = (facts: object, message: string) => {
      lines.push({ facts: { ...facts }, message });
      changes.notify();
    };
    const retrieval = new LanceRetrieval({
      uri: this.uri,
      directories: [this.directory],
      standIn: options.embedder,
      log: { info: log, warn: log, error: log },
      ...options,
    });
    this.#resources.use(retrieval);
    const logged = (message: string, nth = 0) => {
      const look = () => lines.filter((line) => line.message === message)[nth]?.facts;
      return until(look, changes.subscribe, `"${message}" in ${JSON.stringify(lines)}`);
    };
    return { retrieval, settled: retrieval.start(), lines, logged };
  }

  /** A retrieval that is ready. */
  async ready(options: Partial<LanceOptions> & Pick<LanceOptions, 'embedder'>): Promise<LanceRetrieval> {
    const { retrieval, logged } = this.start(options);
    await logged('examples are ready');
    return retrieval;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Disposing ends every retrieval on it. */
export async function openLibrary(exemplars: readonly Written[]): Promise<Library> {
  const resources = new AsyncDisposableStack();
  const root = resources.use(await tempDir());
  const library = new Library(root.path, resources);
  await mkdir(library.directory);
  await library.write('examples.json', fileOf(exemplars));
  return library;
}
