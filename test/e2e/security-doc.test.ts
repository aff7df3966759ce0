// docs/security.md says how to run a server safely: its commands and programs are run, and what it lists is compared.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLimits } from '../../src/access/limit-rules.ts';
import { describeConfig, readConfig } from '../../src/config.ts';
import { Right } from '../../src/contract/model.ts';
import { startServer, tempDir } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
const address = 'http://127.0.0.1:8090';
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

interface Block {
  /** The line it begins on, 1 the first. */
  line: number;
  language: string;
  code: string;
}

const blocks: Block[] = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
  line: page.slice(0, match.index).split('\n').length,
  language: match[1] ?? '',
  code: match[2] ?? '',
}));
const having = (...texts: string[]) =>
  blocks.filter(({ language, code }) => language === 'sh' && texts.every((text) => code.includes(text)));

const starts = having('npm start');
/** Settings before `npm start`. */
const settingsOf = ({ code }: Block): Record<string, string> => {
  const [before = ''] = (code.split('\n').find((line) => line.includes('npm start')) ?? '').split(
    ' npm start',
  );
  return Object.fromEntries(before.split(' ').map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
};

let directory: Awaited<ReturnType<typeof tempDir>>;
let stack: AsyncDisposableStack;
let byKey: ServerProcess;
let byJwt: ServerProcess;
const inDirectory = (name: string) => join(directory.path, name);

/** `npm run` without npm, which takes a second each time; and a curl that notes the status of each answer. */
const shell = (): string => {
  const cases = Object.entries(scripts).map(([name, command]) => `${name}) ${command} "$@" ;;`);
  return [
    'set -eua',
    `npm() { shift; name=$1; shift; [ "$\{1:-}" != -- ] || shift; (cd '${root}'; case $name in ${cases.join(' ')} esac); }`,
    `curl() { command curl --silent --show-error --max-time 20 --write-out '\\n%{http_code}' "$@" > answer; tail -n 1 answer >> statuses; sed '$d' answer; }`,
    '[ ! -e state ] || . ./state',
  ].join('\n');
};

/** A block as somebody types it who has typed those before. Answers what it wrote. */
async function type({ code }: Pick<Block, 'code'>, url = byKey?.url ?? ''): Promise<string> {
  const text = code.replaceAll(address, url);
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory.path, DATA_DIR: inDirectory('data') };
  const command = `${shell()}\n${text}\nexport -p > state`;
  const { stdout } = await run('sh', ['-c', command], { cwd: directory.path, env, timeout: 30_000 });
  return stdout;
}

/** The statuses that the curls of a block were answered with. */
async function statusesOf(block: Block, url?: string): Promise<number[]> {
  await writeFile(inDirectory('statuses'), '');
  await type(block, url);
  const noted = await readFile(inDirectory('statuses'), 'utf8');
  return [...noted.matchAll(/\d{3}/g)].map(Number);
}

const said = ({ code }: Block): number[] =>
  code.split('\n').flatMap((line) => (/\bcurl\b.*# (\d{3})$/.exec(line)?.slice(1) ?? []).map(Number));

async function program({ line, code }: Block, url: string): Promise<string> {
  const name = `block-${line}.mjs`;
  const newToken = 'const newToken = async () => process.env.TOKEN;\n';
  await writeFile(inDirectory(name), newToken + code.replaceAll(address, url));
  return await type({ code: `node --experimental-eventsource --no-warnings ${name}` });
}

/** What a block says it prints, behind each of its `→`. */
const printed = (code: string): string[] =>
  [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1] ?? '');

const idIn = (written: string): string => /^id +(\w+)$/m.exec(written)?.[1] ?? '';
const tokenIn = (written: string): string => /^token +(\S+)$/m.exec(written)?.[1] ?? '';

/** The packages of the programs; the client is taken from its sources. */
async function install(): Promise<void> {
  await mkdir(inDirectory('node_modules/stillpoint-client'), { recursive: true });
  for (const name of ['jose', 'socket.io-client'])
    await symlink(join(modules, name), inDirectory(`node_modules/${name}`));
  const manifest = { type: 'module', exports: './index.js' };
  await writeFile(inDirectory('node_modules/stillpoint-client/package.json'), JSON.stringify(manifest));
  const source = JSON.stringify(join(root, 'client/sdk/client.ts'));
  await writeFile(inDirectory('node_modules/stillpoint-client/index.js'), `export * from ${source};`);
}

/** With all settings that the page shows for services at once. */
async function startForServices(): Promise<void> {
  const [create] = having('keys -- create');
  const [init] = having('keys:init');
  const [crm, other] = [await type(create ?? { code: '' }), await type(create ?? { code: '' })];
  await type({ code: (init?.code ?? '').split('\n')[0] ?? '' });
  const settings = Object.assign({}, ...starts.map(settingsOf).filter((one) => one['AUTH_MODE'] === 'key'));
  const given = Object.entries<string>(settings).map(([name, value]) => [
    name,
    value.replace('$HOME', directory.path),
  ]);
  const env = { MODEL: 'guide', GUIDE_WORD_MS: '0', ...Object.fromEntries(given) };
  byKey = stack.use(await startServer({ dataDir: inDirectory('data'), env }));
  await type({ code: `KEY=${tokenIn(crm)} ID=${idIn(other)}` });
}

async function startForPeople(): Promise<void> {
  const maker = blocks.find(({ language, code }) => language === 'js' && code.includes('jose'));
  await writeFile(inDirectory('token.txt'), await program(maker ?? { line: 0, language: '', code: '' }, ''));
  const settings = starts.map(settingsOf).find((one) => one['AUTH_MODE'] === 'jwt') ?? {};
  const env = {
    ...settings,
    MODEL: 'guide',
    GUIDE_WORD_MS: '0',
    JWT_KEYS_FILE: inDirectory(settings['JWT_KEYS_FILE'] ?? ''),
  };
  byJwt = stack.use(await startServer({ dataDir: inDirectory('people'), env }));
}

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  directory = stack.use(await tempDir());
  await install();
  await Promise.all([startForServices(), startForPeople()]);
});
afterAll(async () => await stack.disposeAsync());

describe('the blocks, in order', () => {
  const commands = having('curl');
  const programs = blocks.filter(({ language, code }) => language === 'js' && !code.includes('jose'));
  const inOrder = [...commands, ...programs].toSorted((a, b) => a.line - b.line);

  for (const block of inOrder) {
    test(`the ${block.language} block of line ${block.line} answers what it says`, async () => {
      const isOfPeople = block.code.includes('token.txt');
      const url = isOfPeople ? byJwt.url : byKey.url;
      if (block.language === 'sh') {
        expect(said(block)).not.toEqual([]);
        expect(await statusesOf(block, url)).toEqual(said(block));
        return;
      }
      const written = await program(block, url);

      expect(printed(block.code)).not.toEqual([]);
      expect(written.trim().split('\n')).toEqual(printed(block.code));
    });
  }

  test('a key that was rotated and revoked does not count', async () => {
    const [change] = having('keys -- rotate');

    const written = await type(change ?? { code: 'false' });

    expect(written).toMatch(/does not count any more/);
  });

  test('are all run, but for the proxies and the container', () => {
    const shown = having('').filter((block) => ![...starts, ...commands].includes(block));

    expect(shown.map(({ code }) => code)).toEqual([
      expect.stringContaining('keys -- create'),
      expect.stringContaining('keys -- list'),
    ]);
    expect([...new Set(blocks.map(({ language }) => language))].toSorted()).toEqual([
      'caddy',
      'js',
      'nginx',
      'sh',
      'text',
    ]);
  });
});

describe('what it names is there', () => {
  const settings = new Set(describeConfig().map(({ name }) => name));

  test.each(starts)('the settings of line $line are taken', (block) => {
    const given = settingsOf(block);

    expect(Object.keys(given).filter((name) => !settings.has(name))).toEqual([]);
    expect(() => parseLimits(readConfig(given).LIMITS)).not.toThrow();
  });

  test('rights', () => {
    const [, table = ''] = page.split(/^\| right +\|/m);
    const rows = table.split('\n\n')[0]?.split('\n').slice(2) ?? [];

    const listed = rows.map((row) => row.split('|')[1]?.trim().replaceAll('`', '') ?? '');

    expect(listed.toSorted()).toEqual(Right.options.toSorted());
  });
});
