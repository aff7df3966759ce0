import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExemplars } from '../../../src/retrieval/exemplars.ts';
import { fileOf, written } from '../../support/retrieval-bench.ts';
import type { Written } from '../../support/retrieval-bench.ts';
import { tempDir } from '../../support/server-process.ts';

/** What is read of directories with these files. */
async function read(...directories: Record<string, string>[]) {
  await using root = await tempDir();
  const paths: string[] = [];
  for (const [at, files] of directories.entries()) {
    const path = join(root.path, `${at}`);
    await mkdir(path);
    for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
    paths.push(path);
  }
  return await readExemplars(paths);
}

const [one, two, three] = [written({ id: 'one' }), written({ id: 'two' }), written({ id: 'three' })];

/** Why a file with this one exemplar is not taken. */
async function reasonFor(exemplar: unknown): Promise<string | undefined> {
  const { list, refused } = await read({ 'a.json': JSON.stringify({ version: 'v', exemplars: [exemplar] }) });
  expect(list).toEqual([]);
  return refused[0]?.reason;
}

describe('reading', () => {
  it('fills in what may be left out', async () => {
    const { list } = await read({ 'a.json': fileOf([one]) });

    expect(list).toEqual([{ ...one, tags: [], contexts: [], lang: 'en' }]);
  });

  it('takes the blanks off the ends of texts', async () => {
    const { list } = await read({ 'a.json': fileOf([{ ...one, guide_line: '\n Go on. ' }]) });

    expect(list[0]?.guide_line).toBe('Go on.');
  });

  it('takes states of the process and those before it', async () => {
    const { list } = await read({ 'a.json': fileOf([one, { ...two, state_id: 'CRY' }]) });

    expect(list.map(({ state_id: state }) => state).sort()).toEqual(['2.2', 'CRY']);
  });

  it('lets the later directory win, whatever its file is called', async () => {
    const own = { ...one, guide_line: 'An own one.' };

    const { list } = await read({ 'z.json': fileOf([one, two]) }, { 'a.json': fileOf([own]) });

    expect(list).toHaveLength(2);
    expect(list.find(({ id }) => id === 'one')?.guide_line).toBe('An own one.');
  });

  it('lets the later file of a directory win, by its name', async () => {
    const files = { 'b.json': fileOf([{ ...one, guide_line: 'b' }]), 'a.json': fileOf([one]) };

    expect((await read(files)).list.map(({ guide_line: line }) => line)).toEqual(['b']);
  });

  it('leaves files alone that are not JSON by name', async () => {
    const { list, refused } = await read({
      'a.json': fileOf([one]),
      'b.txt': fileOf([two]),
      'c.json~': 'not at all',
    });

    expect([list.map(({ id }) => id), refused]).toEqual([['one'], []]);
  });

  it('goes on without a directory that is not there', async () => {
    await using root = await tempDir();
    await writeFile(join(root.path, 'a.json'), fileOf([one]));
    const gone = join(root.path, 'gone');

    const { list, refused } = await readExemplars([gone, root.path]);

    expect(list.map(({ id }) => id)).toEqual(['one']);
    expect(refused).toEqual([{ file: gone, reason: expect.stringContaining('ENOENT') }]);
  });

  it('goes on without a directory that is called like a file', async () => {
    await using root = await tempDir();
    await writeFile(join(root.path, 'a.json'), fileOf([one]));
    await mkdir(join(root.path, 'b.json'));

    const { list, refused } = await readExemplars([root.path]);

    expect(list.map(({ id }) => id)).toEqual(['one']);
    expect(refused.map(({ file }) => file)).toEqual([join(root.path, 'b.json')]);
  });

  it('takes nothing of a file with one bad exemplar, and all of the others', async () => {
    const { list, refused } = await read({
      'a.json': fileOf([one]),
      'b.json': fileOf([two, { ...three, guide_line: '' }]),
    });

    expect(list.map(({ id }) => id)).toEqual(['one']);
    expect(refused.map(({ reason }) => reason.split(':')[0])).toEqual(['exemplars.1.guide_line']);
  });
});

describe('an exemplar is refused, and the place named, for', () => {
  const bad: [field: keyof Written, value: unknown][] = [
    ['id', ''],
    ['id', 'two words'],
    ['id', "x' OR 1=1 --"],
    ['id', '../../etc'],
    ['id', 'x'.repeat(65)],
    ['id', 7],
    ['state_id', '9.9'],
    ['state_id', null],
    ['situation', ''],
    ['situation', 'x'.repeat(201)],
    ['technique', ' '],
    ['technique', 'x'.repeat(65)],
    ['client_example', ' \n '],
    ['client_example', 'x'.repeat(501)],
    ['client_example', ['a']],
    ['guide_line', ''],
    ['guide_line', 'x'.repeat(601)],
    ['tags', 'work'],
    ['tags', Array.from({ length: 13 }, (_, at) => `t${at}`)],
    ['contexts', 'dr_q_ready'],
    ['contexts', Array.from({ length: 9 }, () => 'dr_q_ready')],
    ['lang', 'english'],
    ['lang', 'EN'],
    ['lang', "en' OR '1'='1"],
  ];

  it.each(bad)('%s: %j', async (field, value) => {
    expect((await reasonFor({ ...one, [field]: value }))?.split(':')[0]).toBe(`exemplars.0.${field}`);
  });

  it.each([
    ['tags', ['fine', '']],
    ['contexts', ['dr_q_ready', 'dr_q_unknown']],
  ])('the second of its %s', async (field, value) => {
    expect((await reasonFor({ ...one, [field]: value }))?.split(':')[0]).toBe(`exemplars.0.${field}.1`);
  });

  it.each(['id', 'state_id', 'situation', 'technique', 'client_example', 'guide_line'])(
    'a missing %s',
    async (field) => {
      expect((await reasonFor({ ...one, [field]: undefined }))?.split(':')[0]).toBe(`exemplars.0.${field}`);
    },
  );

  it('a field that nobody knows', async () => {
    expect(await reasonFor({ ...one, system: 'obey' })).toMatch(/^exemplars\.0: .*system/);
  });
});

describe('a file is refused, and the reason named, for', () => {
  const bad: [what: string, content: string, reason: RegExp][] = [
    ['no JSON', 'exemplars:\n  - id: one', /JSON/],
    ['nothing in it', '', /JSON/],
    ['another shape', '[]', /object/],
    ['no version', JSON.stringify({ exemplars: [one] }), /^version: /],
    ['no exemplars', JSON.stringify({ version: 'v' }), /^exemplars: /],
    ['more than that', JSON.stringify({ version: 'v', exemplars: [], extends: 'x' }), /extends/],
  ];

  it.each(bad)('%s', async (_, content, reason) => {
    const { list, refused } = await read({ 'a.json': content });

    expect(list).toEqual([]);
    expect(refused[0]?.reason).toMatch(reason);
  });
});
