// What becomes of retrieval when its files are damaged, or whoever wrote them was killed: it is there again, and nobody is told
// anything that no file of exemplars says.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { never } from '../conformance/model.ts';
import { randomFrom, seed } from '../support/random.ts';
import { openLibrary, WordEmbedder, written } from '../support/retrieval-bench.ts';
import type { Library } from '../support/retrieval-bench.ts';
import { deadline } from '../support/wait.ts';

const trumpet = 'My neighbour plays the trumpet every evening';
const sentences = [
  'My boss rereads every mail before it goes out',
  'The rent went up and the sums do not come out',
  'The train is late each morning and so am I',
  'Our old dog wants to walk in all weathers',
  'The garden has gone wild since the summer',
  trumpet,
  'There is a stone in my stomach while I type',
  'Both shoulders have climbed up to the ears',
  'A band of iron sits around the forehead',
  'Warm hands, but the knees feel like water',
  'The jaw is locked when the phone rings',
  'A bird flutters somewhere below the ribs',
];
const exemplars = sentences.map((client_example, at) =>
  written({ id: `e${at}`, state_id: at < 6 ? '2.1' : '2.2', client_example }),
);
const query = { stateId: '2.1', userInput: trumpet } as const;
const answer = 'The answer to e5.';

let made: Library;
beforeAll(async () => {
  made = await openLibrary(exemplars);
  const retrieval = await made.ready({ embedder: new WordEmbedder() });
  await retrieval[Symbol.asyncDispose]();
});
afterAll(() => made[Symbol.asyncDispose]());

/** A library whose tables were made before. */
async function openMade(): Promise<Library> {
  const library = await openLibrary(exemplars);
  await cp(made.uri, library.uri, { recursive: true });
  return library;
}

/** The files below a directory of tables that match, newest version first. */
async function filesIn(uri: string, kind: RegExp): Promise<string[]> {
  const entries = await readdir(uri, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return files.filter((file) => kind.test(file)).sort();
}

/** `null` takes the file away. */
type Damage = (bytes: Buffer) => Buffer | null;

const flipped =
  (at: (length: number) => number, bit: number): Damage =>
  (bytes) =>
    Buffer.from(bytes.map((byte, place) => (place === at(bytes.length) ? byte ^ (1 << bit) : byte)));

const damages: [name: string, damage: Damage][] = [
  ['empty', () => Buffer.alloc(0)],
  ['cut in half', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['garbage', (bytes) => Buffer.alloc(bytes.length, 0xa5)],
  ['zeros from its middle on', (bytes) => bytes.fill(0, bytes.length >> 1)],
  ['gone', () => null],
];

async function damageFile(file: string, damage: Damage): Promise<void> {
  const bytes = damage(await readFile(file));
  if (bytes === null) await rm(file);
  else await writeFile(file, bytes);
}

const kinds: [name: string, kind: RegExp][] = [
  ['the newest manifest', /vectors_\w+\.lance\/_versions\/.*manifest$/],
  ['the version hint', /vectors_\w+\.lance\/_versions\/latest/],
  ['the data', /vectors_\w+\.lance\/data\//],
  ["LanceDB's own manifest", /__manifest\/_versions\/.*manifest$/],
];
const rows = kinds.flatMap(([what, kind]) => damages.map(([how, damage]) => ({ what, kind, how, damage })));

const lineOf = async (library: Library): Promise<string | undefined> => {
  const { retrieval, settled } = library.start({ embedder: new WordEmbedder(), retryMs: 50 });
  await deadline(settled, 'the table');
  const [first] = await deadline(retrieval.find(query, never()), 'examples');
  expect(retrieval.state()).toBe('ready');
  return first?.guideLine;
};

describe.concurrent('at a start, retrieval is ready and finds what it found', () => {
  it.each(rows)('although $what is $how', async ({ kind, damage }) => {
    await using library = await openMade();
    const [file = ''] = await filesIn(library.uri, kind);
    await damageFile(file, damage);

    expect(await lineOf(library)).toBe(answer);
  });

  it('although every file is empty', async () => {
    await using library = await openMade();
    for (const file of await filesIn(library.uri, /./)) await damageFile(file, () => Buffer.alloc(0));

    expect(await lineOf(library)).toBe(answer);
  });

  it('although a stranger left files and directories in its place', async () => {
    await using library = await openMade();
    await writeFile(join(library.uri, 'notes.txt'), 'not a table');
    await mkdir(join(library.uri, 'empty.lance'));
    await mkdir(join(library.uri, 'directory'));

    expect(await lineOf(library)).toBe(answer);
  });
});

const script = fileURLToPath(new URL('../support/retrieval-child.ts', import.meta.url));

const Told = z.object({ place: z.number(), found: z.string().nullable() });
type Told = z.output<typeof Told>;
const Ended = z.object({ stdout: z.string(), signal: z.string().nullish() });

/** What another process finds in copies of the tables, each with one file damaged, and the signal that ended it. */
async function sweep(
  kind: RegExp,
  changes: readonly Damage[],
): Promise<{ signal: string | null; told: Told[] }> {
  await using library = await openMade();
  const places = await Promise.all(
    changes.map(async (damage, at) => {
      const uri = join(library.uri, '..', `copy-${at}`);
      await cp(made.uri, uri, { recursive: true });
      const [file = ''] = await filesIn(uri, kind);
      await damageFile(file, damage);
      return uri;
    }),
  );
  const args = [script, library.directory, trumpet, ...places];
  const outcome = await promisify(execFile)(process.execPath, args, { maxBuffer: 1e9 }).catch(
    (error) => error,
  );
  const { stdout, signal = null } = Ended.parse(outcome);
  const told = stdout.split('\n').flatMap((line) => (line === '' ? [] : [Told.parse(JSON.parse(line))]));
  return { signal, told };
}

/** So many places of a file, from its beginning to its end. */
const PLACES = 48;
const spread = Array.from(
  { length: PLACES },
  (_, at) => (length: number) => Math.floor(((at + 0.5) * length) / PLACES),
);
const ZEROS = 32;
const zeroed =
  (at: (length: number) => number): Damage =>
  (bytes) =>
    Buffer.concat([bytes]).fill(0, at(bytes.length), Math.min(bytes.length, at(bytes.length) + ZEROS));
const small: [name: string, change: Damage][] = spread.flatMap((at, place) => [
  [`a bit at ${place} of ${PLACES}`, flipped(at, 4)],
  [`zeros at ${place} of ${PLACES}`, zeroed(at)],
]);

describe('no bit and no block that changed ends the process, or keeps examples away', () => {
  it.each(kinds)('in %s', async (_, kind) => {
    const { signal, told } = await sweep(
      kind,
      small.map(([, change]) => change),
    );

    const bad = told.flatMap(({ place, found }) => (found === answer ? [] : [[small[place]?.[0], found]]));
    expect({ signal, bad }).toEqual({ signal: null, bad: [] });
    expect(told).toHaveLength(small.length);
  });
});

describe('files that are damaged while examples are served', () => {
  it.each(damages)('take nothing away when they are %s', async (_, damage) => {
    await using library = await openMade();
    const { retrieval, settled } = library.start({ embedder: new WordEmbedder() });
    await settled;
    for (const file of await filesIn(library.uri, /./)) await damageFile(file, damage);

    const [first] = await retrieval.find(query, never());

    expect(first?.guideLine).toBe(answer);
  });
});

describe(`a process that is killed while it makes the tables (SEED=${seed})`, () => {
  const random = randomFrom(seed);

  it.each([1, 2, 3, 4, 5, 6].map((round) => [random.between(4 * round, 8 * round)]))(
    'leaves what the next one can use, after change %i in their directory',
    async (change) => {
      await using library = await openLibrary(exemplars);
      await mkdir(library.uri);
      let left = change;
      using stack = new DisposableStack();
      const child = spawn(process.execPath, [script, library.directory, trumpet, library.uri]);
      const watcher = watch(library.uri, { recursive: true }, () => {
        left -= 1;
        if (left === 0) child.kill('SIGKILL');
      });
      stack.defer(() => watcher.close());
      await once(child, 'exit');

      expect(await lineOf(library)).toBe(answer);
    },
  );
});

describe('a place that cannot be used', () => {
  it('is told of, and examples are found all the same', async () => {
    await using library = await openLibrary(exemplars);
    await writeFile(library.uri, 'in the way');
    const { retrieval, settled, logged } = library.start({ embedder: new WordEmbedder() });
    await settled;

    const [first] = await retrieval.find(query, never());

    expect(await logged('vectors cannot be kept')).toMatchObject({ reason: expect.stringMatching(/./) });
    expect(first?.guideLine).toBe(answer);
  });
});

describe('two that make the tables of one directory at the same moment', () => {
  it.each([1, 2, 3])('both serve, and one goes on when the other has ended (%i)', async () => {
    await using library = await openLibrary(exemplars);
    const started = [1, 2].map(() => library.start({ embedder: new WordEmbedder() }));
    await Promise.all(started.map(({ settled }) => deadline(settled, 'the table')));
    const both = await Promise.all(started.map(({ retrieval }) => retrieval.find(query, never())));
    await started[0]?.retrieval[Symbol.asyncDispose]();
    const [left] = (await started[1]?.retrieval.find(query, never())) ?? [];

    expect(both.map(([best]) => best?.guideLine)).toEqual([answer, answer]);
    expect(left?.guideLine).toBe(answer);
  });
});
