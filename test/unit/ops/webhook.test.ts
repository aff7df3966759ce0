import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { isPrivateAddress, openWebhook, signature } from '../../../src/ops/webhook.ts';

test.each([
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fd00::1',
  'fe80::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'not an address',
])('%s is private', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '192.169.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
  '%s is public',
  (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  },
);

test.each([
  'http://127.0.0.1:1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://0177.0.0.1/',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://169.254.169.254/latest',
])('a receiver at %s is refused', (url) => {
  expect(() => openWebhook({ url, secret: 's', privateHosts: [] }, Date.now)).toThrow(/private/);
});

test('a receiver at a private address may be listed', async () => {
  const target = { url: 'http://127.0.0.1:1/', secret: 's', privateHosts: ['127.0.0.1'] };
  await using webhook = openWebhook(target, Date.now);

  await expect(webhook.send('id', '{}', new AbortController().signal)).rejects.toThrow(
    /ECONNREFUSED|connect/,
  );
});

test('a name that leads to a private address is refused when it is called', async () => {
  const target = { url: 'http://localhost:1/', secret: 's', privateHosts: [] };
  await using webhook = openWebhook(target, Date.now);

  await expect(webhook.send('id', '{}', new AbortController().signal)).rejects.toThrow(/private/);
});

test('the signature is over the time in seconds and the body', () => {
  const v1 = createHmac('sha256', 'key').update('1700000000.{"a":1}').digest('hex');

  expect(signature('key', '{"a":1}', 1_700_000_000_999)).toBe(`t=1700000000,v1=${v1}`);
});
