import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { tempDir } from '../support/server-process.ts';

const script = 'document.title = "Ready";\n'.repeat(50);

/** A server whose page has one script, plain and compressed. */
async function openPage() {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await tempDir());
  const asset = join(directory.path, 'assets', 'index-abc.js');
  await mkdir(join(directory.path, 'assets'));
  await writeFile(join(directory.path, 'index.html'), '<!doctype html><title>Page</title>');
  await writeFile(asset, script);
  await writeFile(`${asset}.br`, brotliCompressSync(script));
  await writeFile(join(directory.path, '.built'), 'of these sources');
  const app = stack.use(await startApp({ webDirectory: directory.path }));
  const owned = stack.move();
  return { url: app.url, asset, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('a script is handed out compressed, with its own type, and may be kept for ever', async () => {
  await using page = await openPage();

  const answer = await fetch(`${page.url}/assets/index-abc.js`, { headers: { 'Accept-Encoding': 'br' } });

  expect(answer.headers.get('content-encoding')).toBe('br');
  expect(answer.headers.get('content-type')).toMatch(/^text\/javascript/);
  expect(answer.headers.get('cache-control')).toContain('immutable');
  expect(answer.headers.get('vary')).toContain('Accept-Encoding');
  expect(await answer.text()).toBe(script);
});

test('a script is handed out plain to who asks for no compression', async () => {
  await using page = await openPage();

  const answer = await fetch(`${page.url}/assets/index-abc.js`, {
    headers: { 'Accept-Encoding': 'identity' },
  });

  expect(answer.headers.get('content-encoding')).toBeNull();
  expect(await answer.text()).toBe(script);
});

test.for(['br', 'identity'])('a script that a newer build took away is a 404 for %s', async (encoding) => {
  await using page = await openPage();
  await rm(page.asset);
  await rm(`${page.asset}.br`);

  const answer = await fetch(`${page.url}/assets/index-abc.js`, { headers: { 'Accept-Encoding': encoding } });

  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-encoding')).toBeNull();
  expect(await answer.json()).toMatchObject({ code: 'NOT_FOUND' });
});

test('the page itself is asked for anew each time, and what is not of the page is not served', async () => {
  await using page = await openPage();

  const home = await fetch(page.url);
  const stamp = await fetch(`${page.url}/.built`);

  expect(home.headers.get('cache-control')).toBe('no-cache');
  expect(await home.text()).toContain('<title>Page</title>');
  expect(stamp.status).toBe(404);
});

test('a server without a page says how to get one, and serves everything else', async () => {
  await using app = await startApp({ webDirectory: '/nowhere' });

  const home = await fetch(app.url);

  expect([home.status, await home.text()]).toEqual([503, 'The page is not built. Run: npm run build\n']);
  expect((await fetch(`${app.url}/health`)).status).toBe(200);
});
