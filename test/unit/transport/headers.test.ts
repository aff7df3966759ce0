import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { answerHeaders, bareAnswer, pageHeaders, setHeaders } from '../../../src/transport/headers.ts';
import { rest } from '../../support/rest.ts';

test('an answer is not kept, not sniffed, not framed, and names nothing of where it was asked from', () => {
  expect(answerHeaders()).toEqual({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
});

test('browsers are told to keep to TLS only where they are told so', () => {
  expect(answerHeaders()).not.toHaveProperty('Strict-Transport-Security');
  expect(answerHeaders({ strictTransport: true })).toMatchObject({
    'Strict-Transport-Security': 'max-age=31536000',
  });
});

test('a page may load its own files and talk to its own server, and nothing else', async () => {
  const server = createServer((req, res) => {
    setHeaders(res, answerHeaders());
    pageHeaders(req, res, () => res.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // bound to TCP just now
  const { port } = server.address() as AddressInfo;

  const { headers } = await rest(`http://127.0.0.1:${port}`, 'GET /');
  server.close();

  const policy = String(headers['content-security-policy']);
  expect(policy).toBe(
    "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';" +
      "base-uri 'none';form-action 'none';frame-ancestors 'none';require-trusted-types-for 'script';trusted-types 'none'",
  );
  expect(headers).toMatchObject({
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  expect(headers).not.toHaveProperty('strict-transport-security');
});

test('an answer written by hand is a whole one', () => {
  expect(bareAnswer('400 Bad Request', { 'X-A': 'b' })).toBe(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nX-A: b\r\n\r\n',
  );
});
