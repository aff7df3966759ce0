// Every block of code in every page is run as a reader would, and answers what the page says: test/support/docs-register.ts.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { describeConfig, readConfig } from '../../src/config.ts';
import { judgeCalls, parseShown, printed } from '../support/docs-answers.ts';
import { bundle, checkTypes } from '../support/docs-components.ts';
import { Desk, startDocsServer } from '../support/docs-desk.ts';
import type { DocsServer } from '../support/docs-desk.ts';
import { readPages, root } from '../support/docs-pages.ts';
import type { Block } from '../support/docs-pages.ts';
import { register, ruleOf, rulesOf, usual } from '../support/docs-register.ts';
import { whyNoPython } from '../support/python.ts';

const run = promisify(execFile);
const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
const settings = new Set(describeConfig().map(({ name }) => name));

/** What is done with a block of a language. */
const shells = new Set(['sh', 'bash']);
const programs = new Map([
  ['js', 'mjs'],
  ['mjs', 'mjs'],
  ['ts', 'ts'],
]);
const components = new Set(['tsx', 'jsx']);
const data = new Set(['json', 'yaml', 'yml']);
const environments = new Set(['env', 'ini', 'dotenv']);
/** They need what a bare machine does not have, or are no code. */
const shown = new Set(['console', 'nginx', 'haproxy', 'caddy', 'promql', 'text', '']);

const isTyped = ({ language }: Block) =>
  shells.has(language) || programs.has(language) || language === 'python';
const isElsewhere = (block: Block) =>
  (rulesOf(block).by ?? ruleOf(block)?.by ?? ruleOf(block)?.why) !== undefined;
const toRun = blocks.filter((block) => isTyped(block) && !isElsewhere(block));

/** What became of each block that was run. */
const outcomes = new Map<Block, unknown>();
/** Why blocks of Python are not run here, and why those that need more than Python are not. */
let noPython: string | undefined;
let noSocketIo: string | undefined;

/** Answers why it was not run, or what is well. */
async function runBlock(block: Block, desk: Desk): Promise<string> {
  const rule = ruleOf(block);
  const code = `${block.code}${rule?.after ?? ''}`;
  if (rule?.before !== undefined) await desk.shell(rule.before);
  let stdout = '';
  if (shells.has(block.language)) {
    const ran = await desk.shell(code);
    judgeCalls(block.code, ran.calls);
    stdout = ran.stdout;
  } else if (block.language === 'python') {
    const reason = noPython ?? (block.code.includes('import socketio') ? noSocketIo : undefined);
    if (reason !== undefined) return reason;
    stdout = await desk.python(`block-${block.line}.py`, code);
  } else {
    stdout = await desk.program(`block-${block.line}.${programs.get(block.language)}`, code);
  }
  const expected = printed(block.code);
  if (expected.length > 0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(expected);
  if (rule?.prints) expect(stdout).toMatch(rule.prints);
  return 'well';
}

async function runPage(name: string, server: DocsServer): Promise<void> {
  const { env, before } = rulesOf({ page: name });
  await using desk = await Desk.open(server, { ...usual, ...env });
  await desk.clear();
  if (before !== undefined) await desk.shell(before);
  for (const block of toRun.filter(({ page }) => page === name))
    outcomes.set(block, await runBlock(block, desk).catch((error: unknown) => error));
}

/** Two pages at a time, each on a server that it has for itself: more do not help on the machines this runs on. */
async function runPages(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const names = [...new Set(toRun.map(({ page }) => page))];
  const work = async () => {
    const servers = new Map<string, DocsServer>();
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const env = { ...usual, ...rulesOf({ page: name }).env };
      const key = JSON.stringify(env);
      const server = servers.get(key) ?? stack.use(await startDocsServer(env));
      servers.set(key, server);
      await runPage(name, server);
    }
  };
  await Promise.all([work(), work()]);
}

beforeAll(async () => {
  noPython = await run('python3', ['--version']).then(
    () => undefined,
    () => 'python3 is not installed',
  );
  if (noPython !== undefined && process.env['CI']) throw new Error(noPython);
  if (toRun.some(({ code }) => code.includes('import socketio'))) noSocketIo = await whyNoPython();
  await runPages();
}, 300_000);

describe('what is run', () => {
  test.for(toRun)('$page, line $line ($language): does what the page says', (block, { skip }) => {
    const outcome = outcomes.get(block);

    if (outcome instanceof Error) throw outcome;
    const reason = [noPython, noSocketIo].find((why) => why !== undefined && why === outcome);
    if (reason !== undefined) skip(reason);
    expect(outcome).toBe('well');
  });
});

describe('data', () => {
  test.each(blocks.filter(({ language }) => data.has(language)))(
    '$page, line $line ($language) is what it is said to be',
    ({ ...block }) => {
      const rule = ruleOf(block);
      const values =
        block.language === 'json'
          ? [parseShown(block.code)]
          : parseAllDocuments(block.code).map((document) => {
              if (document.errors[0]) throw document.errors[0];
              return document.toJS();
            });

      expect(values.length).toBeGreaterThan(0);
      if (block.language === 'json')
        expect(rule?.schema ?? rule?.by, 'docs-register.ts says what this is').toBeDefined();
      for (const value of values) expect(rule?.schema?.safeParse(value).error).toBeUndefined();
    },
  );
});

/** Lines of a file of settings that the server would not take as they are meant. */
function strangeSettings(code: string, before: Record<string, string> = {}): string[] {
  const lines = code.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const given = lines.map((line) => /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)?.slice(1) ?? [line, '']);
  const unknown = given.filter(([name = '']) => !settings.has(name)).map(([name = '']) => name);
  if (unknown.length > 0) return unknown;
  try {
    readConfig({ ...before, ...Object.fromEntries(given) });
    return [];
  } catch (error) {
    return [String(error)];
  }
}

describe('files of settings', () => {
  test.each(blocks.filter(({ language }) => environments.has(language)))(
    '$page, line $line are taken',
    ({ page, code }) => {
      expect(strangeSettings(code, rulesOf({ page }).settings)).toEqual([]);
    },
  );

  test('a wrong one is noticed', () => {
    expect(strangeSettings('# a comment\nPORT=8091\n')).toEqual([]);
    expect(strangeSettings('PORTS=8091\n')).toEqual(['PORTS']);
    expect(strangeSettings('PORT=many\n')).toEqual([expect.stringContaining('PORT must be')]);
  });
});

describe('components', () => {
  const all = blocks.filter(({ language }) => components.has(language));

  test('compile', async () => {
    const typed = blocks.filter(({ language }) => language === 'ts' || components.has(language));

    expect(await checkTypes(typed.filter((block) => !isElsewhere(block)))).toBe('');
  });

  test('do not compile when they are wrong', async () => {
    const wrong = { page: 'wrong', line: 1, language: 'ts', code: "export const n: number = 'one';\n" };

    expect(await checkTypes([wrong])).toMatch(/wrong-1\.ts.* TS2322/);
  });

  test.each(all)('$page, line $line can be bundled for a browser', async (block) => {
    expect(await bundle(block)).toMatch(/export/);
  });
});

describe('what is only shown', () => {
  const files =
    /(?:^|[\s=:'"])((?:deploy|src|test|client|docs|bench)\/[\w./-]+|[\w-]+\.(?:ya?ml|Dockerfile))(?=[\s'":]|$)/gm;
  const looked = blocks.filter((block) => shown.has(block.language) || isElsewhere(block));

  test.each(looked.filter(({ language }) => shells.has(language) || language === 'console'))(
    '$page, line $line ($language) is a shell, and names what there is',
    async ({ code }) => {
      const given = [...code.matchAll(/(?:-e|--env|--set-env) ([A-Z][A-Z0-9_]*)(?:=|\s)/g)].map(
        ([, name = '']) => name,
      );
      const named = [...code.matchAll(files)].map(([, file = '']) => file);

      await run('bash', ['-n', '-c', code.replaceAll(/<([a-z][\w -]*)>/g, '$1')]);

      expect(given.filter((name) => !settings.has(name))).toEqual([]);
      expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    },
  );

  test.each(looked.filter(({ language }) => ['nginx', 'caddy'].includes(language)))(
    '$page, line $line ($language) closes what it opens',
    ({ code }) => {
      expect(code.split('{').length).toBe(code.split('}').length);
      expect(code.split('{').length).toBeGreaterThan(1);
    },
  );
});

describe('the register', () => {
  test('knows every language', () => {
    const known = [
      ...shells,
      ...programs.keys(),
      'python',
      ...components,
      ...data,
      ...environments,
      ...shown,
    ];

    const strange = blocks.filter(({ language }) => !known.includes(language));

    expect(strange.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
  });

  test('has no rule that fits nothing', () => {
    const stale = Object.entries(register).flatMap(([name, { rules = [] }]) => {
      const ofPage = blocks.filter(({ page }) => page === name);
      if (ofPage.length === 0) return [name];
      return rules
        .filter((rule) => !ofPage.some((block) => ruleOf(block) === rule))
        .map(({ has }) => `${name}: ${has}`);
    });

    expect(stale).toEqual([]);
  });

  test('names tests that are there', () => {
    const named = Object.values(register).flatMap(({ by, rules = [] }) => [
      by,
      ...rules.map((rule) => rule.by),
    ]);

    expect(named.filter((file) => file !== undefined && !existsSync(join(root, file)))).toEqual([]);
  });
});
