import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Finding } from '../../../src/ops/doctor/finding.ts';
import { checkPort } from '../../../src/ops/doctor/port.ts';

const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);

test('a port that something else has is a fault', async () => {
  const server = createServer((socket) => void socket.resume().end('220 mail.example.org\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const found = told(await checkPort({ HOST: '127.0.0.1', PORT: port }));

  expect(found).toEqual([`fail: 127.0.0.1:${port} is in use, by something else`]);
  await new Promise((resolve) => server.close(resolve));
  expect(told(await checkPort({ HOST: '127.0.0.1', PORT: port }))).toEqual([`ok: 127.0.0.1:${port} is free`]);
});

test('a server that is stopping is told apart from one that is well', async () => {
  let ready = { status: 200, body: '{"status":"ok"}' };
  const health = {
    status: 'healthy',
    timestamp: '2026-01-01T00:00:00.000Z',
    services: {
      ollama: 'disconnected',
      rag: 'ready',
      state_machine: 'loaded',
      redis: 'not_configured',
      store: 'healthy',
    },
    model: { source: 'guide', name: 'built-in guide' },
  };
  const server = createHttpServer((req, res) => {
    if (req.url === '/readyz') res.writeHead(ready.status).end(ready.body);
    else res.end(req.url === '/health' ? JSON.stringify(health) : '{"status":"ok"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const look = async () => told(await checkPort({ HOST: '127.0.0.1', PORT: port }));

  expect(await look()).toEqual([expect.stringMatching(/^ok: .* is well/)]);
  ready = { status: 503, body: '{"status":"unavailable"}' };
  expect(await look()).toEqual([expect.stringMatching(/^warn: .* takes no new work now/)]);

  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('an address that this machine has not is a fault', async () => {
  expect(told(await checkPort({ HOST: '192.0.2.1', PORT: 0 }))).toEqual([
    expect.stringMatching(/^fail: .*EADDRNOTAVAIL/),
  ]);
});
