// docs/client.md says how the client is used: its program is run, the rest of its code compiled, and its lists are compared.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackage } from '../../client/build.ts';
import type { ConnectionState, PendingInput, SessionState } from '../../client/sdk/api.ts';
import { loggedPushes, otherPushes } from '../../client/sdk/wire.ts';
import { commandOf } from '../../client/terminal/commands.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { tempDir } from '../support/server-process.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');
const page = readFileSync(join(root, 'docs/client.md'), 'utf8');
const address = 'http://localhost:8090';
const MARK = '@@';

interface Block {
  /** The line it begins on, 1 the first. */
  line: number;
  language: string;
  code: string;
}

const blocksOf = (text: string): Block[] =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] ?? '',
    code: match[2] ?? '',
  }));
const blocks = blocksOf(page);
const inLanguage = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));
const programBlocks = inLanguage('js');

/** What a block says it prints, behind each of its `→`. */
const printed = (code: string): string[] =>
  [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1] ?? '');

/** All `js` blocks in order, and what each of them has written behind a mark with its line. */
const programFor = (url: string): string =>
  programBlocks
    .map(({ line, code }) => `console.log('\\n${MARK}${line}');\n${code}`)
    .join('\n')
    .replaceAll(address, url);

let server: GuideServer;
let directory: Awaited<ReturnType<typeof tempDir>>;
let packed: string[] = [];
let outputs = new Map<string, string[]>();

/** As the page says it: the package is packed, and installed from the file. */
async function install(target: string): Promise<void> {
  await buildPackage();
  await run('npm', ['pack', join(root, 'client/sdk'), '--pack-destination', target], { cwd: root });
  packed = (await readdir(target)).filter((name) => name.endsWith('.tgz'));
  await run('tar', ['-xzf', packed[0] ?? ''], { cwd: target });
  await mkdir(join(target, 'node_modules/@types'), { recursive: true });
  await cp(join(target, 'package'), join(target, 'node_modules/stillpoint-client'), { recursive: true });
  for (const name of ['socket.io-client', 'react', '@types/react', '@types/node', 'undici-types', 'csstype'])
    if (existsSync(join(modules, name)))
      await symlink(join(modules, name), join(target, 'node_modules', name));
  await writeFile(join(target, 'package.json'), JSON.stringify({ type: 'module' }));
}

/** Also what it wrote before it failed. */
async function runProgram(target: string): Promise<void> {
  await writeFile(join(target, 'program.js'), programFor(server.url));
  const outcome = await run(process.execPath, ['program.js'], { cwd: target, timeout: 60_000 }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  const parts = `${outcome.stdout}\n${outcome.stderr}`.split(MARK).slice(1);
  outputs = new Map(
    parts.map((part) => {
      const [line = '', ...written] = part.trimEnd().split('\n');
      return [line, written.map((text) => text.trim())];
    }),
  );
}

beforeAll(async () => {
  server = await startGuide({ GUIDE_WORD_MS: '40' });
  directory = await tempDir();
  await install(directory.path);
  await runProgram(directory.path);
}, 120_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

describe('the program', () => {
  test.each(programBlocks)('the block of line $line prints what it says', ({ line, code }) => {
    const expected = printed(code);

    const written = outputs.get(String(line)) ?? [];

    expect(expected).not.toEqual([]);
    expect(written.slice(-expected.length)).toEqual(expected);
  });

  test('writes the words of the reply before it is whole', () => {
    const [first] = programBlocks;

    expect(outputs.get(String(first?.line))?.join(' ')).toMatch(/calm.*\?.* 1 1\.1_goal_and_vision$/);
  });
});

test('every block is run, compiled or a command', () => {
  expect([...new Set(blocks.map(({ language }) => language))].toSorted()).toEqual(['js', 'sh', 'tsx']);
});

test('the code compiles against the package', async () => {
  const { path } = directory;
  const components = inLanguage('ts', 'tsx').map(({ line, language, code }) => ({
    name: `block-${line}.${language}`,
    code,
  }));
  for (const { name, code } of components) await writeFile(join(path, name), code);
  const compilerOptions = {
    module: 'nodenext',
    target: 'esnext',
    lib: ['esnext', 'dom'],
    jsx: 'react-jsx',
    types: ['node'],
    strict: true,
    noImplicitAny: false,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const files = ['program.js', ...components.map(({ name }) => name)];
  await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));

  const tsc = join(modules, 'typescript/bin/tsc');
  const outcome = run(process.execPath, [tsc, '-p', path]).catch((error: unknown) => error);

  expect(await outcome).toMatchObject({ stdout: '', stderr: '' });
});

describe('the commands', () => {
  const commands = inLanguage('sh').flatMap(({ code }) => code.trimEnd().split('\n'));

  test('install the file that packing makes', () => {
    expect(commands.find((line) => line.startsWith('npm install'))).toContain(`./${packed.join()} `);
  });

  test('of the terminal answer in a pipe', async () => {
    const command = commands.find((line) => line.startsWith('echo')) ?? '';
    const env = { ...process.env, STILLPOINT_URL: server.url };

    const { stdout } = await run('sh', ['-c', command], { cwd: root, env, timeout: 60_000 });

    expect(stdout).toMatch(/calm/);
  });

  test('of the terminal are there', () => {
    const [list] = page.match(/^`\/status`.*$/m) ?? [];

    const names = [...(list ?? '').matchAll(/`(\/\w+)/g)].map(([, name = '']) => name);

    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !commandOf(name)?.command)).toEqual([]);
  });
});

/** The first cells of the table whose head has that cell. */
function rowsOf(head: string): string[] {
  const [, table = ''] = page.split(`| ${head}`);
  const rows = table.split('\n\n')[0]?.split('\n').slice(2) ?? [];
  return rows.map((row) => row.split('|')[1]?.trim().replaceAll('`', '') ?? '').toSorted();
}

describe('the lists', () => {
  test('of the states of a session is whole', () => {
    const phases = { new: 0, following: 0, absent: 0, deleted: 0 } satisfies Record<SessionState['phase'], 0>;

    expect(rowsOf('`state.phase`')).toEqual(Object.keys(phases).toSorted());
  });

  test('of the states of a connection is whole', () => {
    const phases = { idle: 0, connecting: 0, online: 0, waiting: 0, offline: 0, closed: 0 } satisfies Record<
      ConnectionState['phase'],
      0
    >;

    expect(rowsOf('`connection.get().phase`')).toEqual(Object.keys(phases).toSorted());
  });

  test('of the events has what a session tells', () => {
    const paragraph = page.slice(page.indexOf('**Events**')).split('\n\n')[0] ?? '';
    const ofNoSession = new Set<string>([
      'model:status',
      'server:notice',
      'auth:expiring',
      'server:draining',
    ]);

    const named = [...paragraph.matchAll(/`([a-z]+(?::[a-z]+)?)`/g)].map(([, name = '']) => name);

    const told = [...loggedPushes, ...otherPushes].filter((name) => !ofNoSession.has(name));
    expect(named.filter((name) => name !== 'state').toSorted()).toEqual(told.toSorted());
  });

  test('of the states of an input names the one that needs somebody', () => {
    expect(page).toContain(`\`${'refused' satisfies PendingInput['state']}\` in \`state.pending\``);
  });
});
