// Receivers of alerts that are not what they should be.
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openWebhook } from '../../../src/ops/webhook.ts';

const lookup = dns.lookup;
afterEach(() => {
  dns.lookup = lookup;
  syncBuiltinESMExports();
});

/** Names lead to these addresses, one after another; says how often it was asked. */
function resolveTo(...answers: string[][]): () => number {
  let asked = 0;
  const fake = (_name: string, _options: unknown, done: (error: null, found: object[]) => void): void => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
    done(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  };
  Object.assign(dns, { lookup: fake });
  syncBuiltinESMExports();
  return () => asked;
}

async function openReceiver(listener: RequestListener) {
  let connections = 0;
  const server = createServer(listener).on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // bound to TCP just now
  const { port } = server.address() as AddressInfo;
  return {
    port,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const never = new AbortController().signal;

test.each([
  ['leads to loopback', [['127.0.0.1']]],
  ['leads to loopback among others', [['203.0.113.9', '127.0.0.1']]],
  ['leads to the cloud around it', [['169.254.169.254']]],
  ['leads to loopback the second time', [['127.0.0.1'], ['127.0.0.1']]],
])(
  'B179 a name that %s is not called: the answer that is checked is the one that is used',
  async (_, answers) => {
    await using receiver = await openReceiver((_req, res) => void res.end());
    const asked = resolveTo(...answers);
    const target = { url: `http://hook.example:${receiver.port}/`, secret: 's', privateHosts: [] };
    await using webhook = openWebhook(target, Date.now);

    await expect(webhook.send('id', '{}', never)).rejects.toThrow(/private/);

    expect(asked()).toBe(1);
    expect(receiver.connections()).toBe(0);
  },
);

test('B181 of an endless answer little is read, and the alert counts as taken', async () => {
  let sent = 0;
  const left = Promise.withResolvers<void>();
  await using receiver = await openReceiver((_req, res) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (!res.destroyed && res.write(chunk)) sent += chunk.length;
      sent += chunk.length;
    };
    res.on('drain', more);
    res.on('close', left.resolve);
    more();
  });
  const target = { url: `http://127.0.0.1:${receiver.port}/`, secret: 's', privateHosts: ['127.0.0.1'] };
  await using webhook = openWebhook(target, Date.now);

  await webhook.send('id', '{}', never);
  await left.promise;

  // what lay on its way in the buffers of both ends
  expect(sent).toBeLessThan(50 * 1024 * 1024);
});

test('B181 an answer of a byte a second is not waited for', async () => {
  const drips = new Set<NodeJS.Timeout>();
  await using receiver = await openReceiver((_req, res) => {
    res.write('x');
    drips.add(setInterval(() => res.write('x'), 1_000));
  });
  const target = { url: `http://127.0.0.1:${receiver.port}/`, secret: 's', privateHosts: ['127.0.0.1'] };
  await using webhook = openWebhook(target, Date.now);

  await expect(webhook.send('id', '{}', never)).rejects.toThrow(/timeout/i);
  for (const drip of drips) clearInterval(drip);
});
