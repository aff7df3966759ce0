// npm run quickstart: clones the repository and does what its README says, from `npm ci` to a conversation in a browser.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, writeFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { findBrowser } from './browser-files.ts';
import { readPage, root } from './docs-pages.ts';
import type { Block, Page } from './docs-pages.ts';
import { tempDir } from './server-process.ts';

const run = promisify(execFile);
const INSTALL_MS = 600_000;
const BLOCK_MS = 120_000;
const STOP_MS = 60_000;
const OPERATOR_KEY = 'a-key-of-the-operator-for-the-docs';
const said = 'I want to feel calm';
const began = performance.now();

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function step<T>(what: string, act: () => Promise<T>): Promise<T> {
  const since = performance.now();
  try {
    const outcome = await act();
    say(`ok    ${seconds(since).padStart(7)}  ${what}`);
    return outcome;
  } catch (error) {
    say(`FAULT ${seconds(since).padStart(7)}  ${what}`);
    throw error;
  }
}

/** As a newcomer's: nothing of this repository is in the path. */
const plainPath = (process.env['PATH'] ?? '')
  .split(':')
  .filter((directory) => !directory.includes('node_modules'))
  .join(':');
const plain = { PATH: plainPath, HOME: process.env['HOME'] ?? '', LANG: 'C.UTF-8', OPERATOR_KEY };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Types it into a shell. A command that fails, or a refusal, ends it. */
async function shell(
  code: string,
  cwd: string,
  env: Record<string, string>,
  timeout = BLOCK_MS,
): Promise<string> {
  const prelude = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body "$@"; }\n';
  const { stdout } = await run('bash', ['-c', prelude + code], { cwd, env, timeout, maxBuffer: 1e8 });
  return stdout;
}

interface Started extends AsyncDisposable {
  url: string;
}

/** `npm start`, until it listens. Disposing stops it as an operator does, and waits for its end. */
async function start(clone: string): Promise<Started> {
  const port = await freePort();
  const npm = spawn('npm', ['start', '--silent'], {
    cwd: clone,
    env: { ...plain, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(npm, 'exit');
  const dispose = async () => {
    npm.kill('SIGTERM');
    await Promise.race([ended, once(AbortSignal.timeout(STOP_MS), 'abort').then(() => npm.kill('SIGKILL'))]);
  };
  for await (const line of createInterface({ input: npm.stdout })) {
    if (!line.includes('"listening"')) continue;
    npm.stdout.resume();
    return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: dispose };
  }
  await dispose();
  throw new Error('npm start ended before it listened');
}

/** The package, in a directory of its own: what the README says under "from your own app". */
async function installClient(clone: string, app: string): Promise<void> {
  await mkdir(app);
  await writeFile(join(app, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  await shell('npm run build && npm pack ./client/sdk', clone, plain, INSTALL_MS);
  const packed = (await readdir(clone)).find((name) => name.endsWith('.tgz')) ?? '';
  await shell(
    `npm install --no-audit --no-fund ${join(clone, packed)} socket.io-client`,
    app,
    plain,
    INSTALL_MS,
  );
}

async function talkInBrowser(url: string): Promise<string> {
  const files = await findBrowser();
  if (!files) throw new Error('There is no browser. Set CHROMIUM_PATH to one.');
  await using browser = await chromium.launch({
    executablePath: files.path,
    env: { ...process.env, ...files.env },
    chromiumSandbox: false,
    args: ['--disable-gpu'],
  });
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  await page.goto(url);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByRole('textbox', { name: 'Your words' }).fill(said);
  await page.keyboard.press('Enter');
  const reply = page.locator('.turn[data-n="1"][data-state="done"] .reply');
  await reply.waitFor();
  return await reply.innerText();
}

/** Ids that an earlier block of the page has taken stay taken, as for a reader. */
async function runBlock(block: Block, clone: string, app: string, url: string): Promise<string> {
  const code = block.code.replaceAll(/\b(localhost|127\.0\.0\.1):8090\b/g, url.replace('http://', ''));
  if (block.language === 'sh') return await shell(code, clone, plain);
  const file = `block-${block.line}.mjs`;
  await writeFile(join(app, file), code);
  return await shell(`node ${file}`, app, plain);
}

async function runBlocks(page: Page, clone: string, app: string, url: string): Promise<void> {
  for (const block of page.blocks) {
    const first = block.code.split('\n')[0];
    if (block.code.includes('npm ci') || block.language === '') continue;
    if (!['sh', 'js'].includes(block.language) || block.code.startsWith('npm test')) {
      say(`left out          line ${block.line}: ${first}`);
      continue;
    }
    const written = await step(
      `line ${block.line}: ${first}`,
      async () => await runBlock(block, clone, app, url),
    );
    say(`                  → ${written.trim().slice(0, 160).replaceAll('\n', ' ')}`);
  }
}

await using stack = new AsyncDisposableStack();
const directory = stack.use(await tempDir());
const clone = join(directory.path, 'stillpoint');
const app = join(directory.path, 'app');
await step('git clone', async () => await run('git', ['clone', '--quiet', root, clone]));
const { stdout: commit } = await run('git', ['log', '-1', '--format=%h %s'], { cwd: clone });
say(`                  → ${commit.trim()}`);
const page = readPage('README.md', await readFile(join(clone, 'README.md'), 'utf8'));
await step('npm ci', async () => await shell('npm ci --no-audit --no-fund', clone, plain, INSTALL_MS));
const server = stack.use(await step('npm start', async () => await start(clone)));
say(`                  → ${server.url}`);
const reply = await step('a conversation in a browser', async () => await talkInBrowser(server.url));
say(`                  → ${reply.slice(0, 160)}`);
await step('npm run build, npm pack, npm install', async () => await installClient(clone, app));
await runBlocks(page, clone, app, server.url);
await step('stop', async () => await stack.disposeAsync());
say(`all of it in ${seconds(began)}`);
