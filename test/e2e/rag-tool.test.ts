// The script of `npm run rag`: what a model would be shown for a text, and why.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerTo } from '../../src/ops/rag.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import { tempDir } from '../support/server-process.ts';

const SCRIPT = fileURLToPath(new URL('../../src/ops/rag.ts', import.meta.url));
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const TEXT = 'that trumpet of my neighbour, every evening';
/** Of an operator, beside those that come with the server. */
const own = {
  version: 'test-1',
  exemplars: [
    {
      id: 'own-trumpet',
      state_id: '2.3',
      situation: 'tells of noise',
      technique: 'body_sensation',
      client_example: 'My neighbour plays the trumpet every evening',
      guide_line: 'Every evening that trumpet. What is it like in your body?',
    },
  ],
};

const Told = z.object({
  state: z.string().nullable(),
  table: z.string(),
  encoder: z.string().nullable(),
  decided_by: z.string(),
  examples: z.array(
    z.object({
      id: z.string(),
      verdict: z.string(),
      score: z.number(),
      similarity: z.number().nullable(),
      words: z.number(),
      state_id: z.string(),
      situation: z.string(),
      technique: z.string(),
      client_example: z.string(),
      guide_line: z.string(),
    }),
  ),
});

/** The script as it is run. */
function run(env: Record<string, string>, ...args: string[]) {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
  const child = execFile(
    process.execPath,
    [SCRIPT, ...args],
    { env: { ...process.env, ...env } },
    (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
  );
  return promise;
}

async function answer(env: Record<string, string>, ...args: string[]) {
  const said: string[] = [];
  return { ...(await answerTo(args, env, (line) => said.push(line))), said };
}

const resources = new AsyncDisposableStack();
let env: Record<string, string>;
let first: Awaited<ReturnType<typeof run>>;
let stranger: string;

beforeAll(async () => {
  process.env['LANCEDB_LOG'] ??= 'error';
  const { path } = resources.use(await tempDir());
  const models = ['llama3.1', { name: 'words', capabilities: ['embedding'] }];
  const ollama = resources.use(await startFakeOllama({ models }));
  const exemplars = join(path, 'own');
  await mkdir(exemplars);
  await writeFile(join(exemplars, 'own.en.json'), JSON.stringify(own));
  env = { DATA_DIR: path, EXEMPLARS_DIR: exemplars, EMBED_MODEL: 'words', OLLAMA_BASE_URL: ollama.url };
  stranger = join(path, 'exemplars', 'another.lance');
  await mkdir(stranger, { recursive: true });
  first = await run(env, TEXT, '--state', '2.3');
});
afterAll(() => resources.disposeAsync());

describe('a text and a state', () => {
  test('are answered with examples of the state, each with its reasons', () => {
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/^state +2\.3$/m);
    expect(first.out).toMatch(/^decided by +meaning and words \(vectors of Ollama, words;/m);
    expect(first.out).toMatch(
      /^1\. own-trumpet\n +score +[\d.]+: similarity 0\.\d\d, shared words \d.*\n +state +2\.3$/m,
    );
    expect(first.out).toMatch(/^ +guide +Every evening that trumpet\. What is it like in your body\?$/m);
    expect(first.out).toMatch(
      /^Not taken\n( +-?[\d.]+ {2}(others are better|like a better one|too far away) .*\n){5}$/m,
    );
  });

  test('make the table where there is none, and say so beside the answer', () => {
    expect(first.err).toMatch(/^(a table is made, .* \d+ of \d+ texts have vectors\n)+$/);
  });

  test('leave the tables of others where they are', async () => {
    await expect(mkdir(stranger)).rejects.toMatchObject({ code: 'EEXIST' });
  });

  test('are answered as JSON with the same examples, and with everything that was looked at', async () => {
    const { code, text, said } = await answer(env, TEXT, '--state', '2.3', '--json', '--all');

    const told = Told.parse(JSON.parse(text));
    const taken = told.examples.filter(({ verdict }) => verdict === 'taken');
    expect({ code, said }).toEqual({ code: 0, said: [] });
    expect(told).toMatchObject({ state: '2.3', table: 'ready', encoder: 'Ollama, words' });
    expect(taken.map(({ id }, at) => `${at + 1}. ${id}`)).toEqual(first.out.match(/^\d\. .+$/gm));
    expect(told.examples.length).toBeGreaterThan(taken.length + 5);
    expect(new Set(told.examples.map(({ state_id }) => state_id))).toEqual(new Set(['2.3']));
  });

  test('are answered with the embedded encoder where Ollama is away, and why is told beside the answer', async () => {
    const { code, text, said } = await answer({ ...env, OLLAMA_BASE_URL: NOWHERE }, TEXT, '--state', '2.3');

    expect(code).toBe(0);
    expect(text).toMatch(/^decided by +meaning and words \(vectors of the embedded encoder;/m);
    expect(text).toMatch(/^1\. own-trumpet\n +score +[\d.]+: similarity 0\.\d\d, shared words \d/m);
    expect(said.at(-1)).toMatch(/^examples are not complete; .*reason /);
  });

  test('that no exemplar is like are answered with nothing', async () => {
    const { code, text } = await answer({ ...env, OLLAMA_BASE_URL: NOWHERE }, 'qwxyz', '--state', 'past');

    expect(code).toBe(0);
    expect(text).toMatch(/^state +PAST$/m);
    expect(text).toMatch(/^Nothing is close enough/m);
  });
});

describe('a line that cannot be used', () => {
  test('ends with exit status 2 and the states there are', async () => {
    const { code, out, err } = await run(env, TEXT, '--state', '9.9');

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^--state 9\.9 is not one of: 1\.1 1\.1_redirect .* PAST .*RAMBLING\n$/);
  });

  test.each([
    { line: [], says: 'There is no text' },
    { line: [' ', '--state', '2.3'], says: 'There is no text' },
    {
      line: [TEXT, '--context', 'anything'],
      says: '--context anything is not one of: dr_q_goal_clarification',
    },
    { line: [TEXT, '--locale', '12'], says: '--locale takes' },
    { line: [TEXT, '--status', '2.3'], says: "Unknown option '--status'" },
  ])('$line', async ({ line, says }) => {
    const { code, text } = await answer(env, ...line);

    expect(code).toBe(2);
    expect(text).toContain(says);
    expect(text).not.toContain('\n');
  });

  test('is one with a setting that the server would refuse', async () => {
    const { code, text } = await answer({ ...env, RETRIEVAL: 'perhaps' }, TEXT);

    expect(code).toBe(2);
    expect(text).toContain('RETRIEVAL');
  });
});

test('explains itself', async () => {
  const { code, text } = await answer(env, '--help');

  expect(code).toBe(0);
  expect(text).toMatch(/--state .*--technique .*--context .*--locale .*--all .*--json/s);
});
