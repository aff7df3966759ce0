import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import { expect, test } from 'vitest';
import { mountDocs } from '../../src/transport/docs-page.ts';

const documents = { openapi: { openapi: '3.1.1' }, asyncapi: { asyncapi: '3.0.0' } };

async function serve(openapi: () => object = () => documents.openapi) {
  const app = express();
  mountDocs(app, { openapi, asyncapi: () => documents.asyncapi });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  return {
    fetch: (path: string, method = 'GET') =>
      fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(10_000) }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What a page loads or links to. */
function addressesIn(html: string): string[] {
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
}

test.each([
  ['/openapi.json', documents.openapi],
  ['/asyncapi.json', documents.asyncapi],
])('%s is the document, as JSON', async (path, document) => {
  await using server = await serve();

  const response = await server.fetch(path);

  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await response.json()).toEqual(document);
});

test('a document is made when it is first asked for, and only then', async () => {
  let made = 0;
  const openapi = () => ({ openapi: '3.1.1', made: (made += 1) });
  await using server = await serve(openapi);
  const before = made;

  const first = await (await server.fetch('/openapi.json')).text();
  const second = await (await server.fetch('/openapi.json')).text();

  expect(before).toBe(0);
  expect(second).toBe(first);
  expect(made).toBe(1);
});

test.each(['/docs', '/docs/'])('%s is a page that loads only what this server has', async (path) => {
  await using server = await serve();

  const response = await server.fetch(path);
  const addresses = addressesIn(await response.text());
  const loaded = await Promise.all(addresses.map((address) => server.fetch(address)));

  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(addresses).toContain('/docs/swagger-ui-bundle.js');
  expect(addresses.filter((address) => !/^\/\w/.test(address))).toEqual([]);
  expect(loaded.map(({ status }) => status)).toEqual(addresses.map(() => 200));
});

test.each([
  ['/docs/swagger-ui.css', /^text\/css/],
  ['/docs/swagger-ui-bundle.js', /^text\/javascript/],
  ['/docs/start.js', /^text\/javascript/],
  ['/docs/favicon-32x32.png', /^image\/png/],
])('%s has the type a strict browser asks for', async (path, type) => {
  await using server = await serve();

  const response = await server.fetch(path);

  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(type);
  expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0);
});

test('the page and its script name no remote host, and the page has no inline script', async () => {
  await using server = await serve();

  const html = await (await server.fetch('/docs')).text();
  const script = await (await server.fetch('/docs/start.js')).text();

  expect(html + script).not.toMatch(/\w+:\/\/|["'(]\/\//);
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=/);
  expect(script).toContain('validatorUrl: null');
});

test('HEAD answers as GET does, without the body', async () => {
  await using server = await serve();

  const response = await server.fetch('/openapi.json', 'HEAD');

  expect(response.status).toBe(200);
  expect(response.headers.get('content-length')).toBe(String(JSON.stringify(documents.openapi).length));
  expect(await response.text()).toBe('');
});

test('OPTIONS says what is allowed', async () => {
  await using server = await serve();

  const response = await server.fetch('/docs', 'OPTIONS');

  expect(response.status).toBe(204);
  expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
});

test('any other method is refused', async () => {
  await using server = await serve();

  expect((await server.fetch('/docs', 'POST')).status).toBe(405);
});

test.each(['/docs/package.json', '/docs/index.html', '/docs/..%2fpackage.json', '/docs/swagger-ui.js.map'])(
  'nothing else of the package is served: %s',
  async (path) => {
    await using server = await serve();

    expect((await server.fetch(path)).status).toBe(404);
  },
);
