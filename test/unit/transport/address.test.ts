// Whom a request counts for on the network, whatever is written into its headers.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { addressReader } from '../../../src/transport/address.ts';

type Headers = Record<string, string>;

function requestOf(peer: string | undefined, headers: Headers = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  return Object.assign(new IncomingMessage(socket), { headers });
}

function readerOf(trustProxy: string[], countsLoopback = false) {
  let proxies = 0;
  const addressOf = addressReader({ trustProxy, countsLoopback, onUntrustedProxy: () => proxies++ });
  return {
    read: (peer: string | undefined, headers?: Headers) => addressOf(requestOf(peer, headers)),
    proxies: () => proxies,
  };
}

const forwarded = (chain: string): Headers => ({ 'x-forwarded-for': chain });

describe('B187 without a trusted proxy', () => {
  const rows: [peer: string | undefined, headers: Headers, address: string | null][] = [
    ['203.0.113.9', {}, '203.0.113.9'],
    ['203.0.113.9', forwarded('127.0.0.1'), '203.0.113.9'],
    ['203.0.113.9', forwarded('198.51.100.1, 198.51.100.2'), '203.0.113.9'],
    ['203.0.113.9', { 'x-real-ip': '127.0.0.1', forwarded: 'for=127.0.0.1' }, '203.0.113.9'],
    ['::ffff:203.0.113.9', {}, '203.0.113.9'],
    ['2001:db8:0:0:0:0:0:1', {}, '2001:db8::1'],
    ['fe80::1%eth0', {}, 'fe80::1'],
    [undefined, {}, '0.0.0.0'],
    ['127.0.0.1', {}, null],
    ['127.8.9.10', {}, null],
    ['::1', {}, null],
    ['::ffff:127.0.0.1', {}, null],
  ];
  test.each(rows)('a request of %s with %j counts for %s', (peer, headers, address) => {
    const { read, proxies } = readerOf([]);

    expect(read(peer, headers)).toBe(address);
    expect(proxies()).toBe(0);
  });

  test.each([
    forwarded('203.0.113.9'),
    forwarded(''),
    { forwarded: 'for=203.0.113.9' },
    { 'x-real-ip': '203.0.113.9' },
    { via: '1.1 proxy' },
  ])(
    'B187 loopback with %j is a proxy nobody told us of: it is counted, and that is said once',
    (headers) => {
      const { read, proxies } = readerOf([]);

      expect([read('127.0.0.1', headers), read('::1', headers)]).toEqual(['127.0.0.1', '::1']);
      expect(proxies()).toBe(1);
      expect(read('127.0.0.1')).toBeNull();
    },
  );

  test('callers on loopback are counted where they are to be', () => {
    const { read } = readerOf([], true);

    expect([read('127.0.0.1'), read('::1')]).toEqual(['127.0.0.1', '::1']);
  });
});

describe('B187 behind a trusted proxy', () => {
  const trusted = ['loopback', '10.0.0.0/8', '2001:db8:1::/48'];
  const rows: [peer: string, chain: string, address: string][] = [
    ['127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['2001:db8:1::5', '2001:DB8:0002::0009', '2001:db8:2::9'],
    // what the client wrote itself lies before what the proxy added
    ['127.0.0.1', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['127.0.0.1', '198.51.100.1, 203.0.113.9, 10.9.9.9', '203.0.113.9'],
    // a proxy in front of nobody else, and one that says nothing
    ['127.0.0.1', '10.9.9.9', '10.9.9.9'],
    ['127.0.0.1', '', '127.0.0.1'],
    // some proxies add the port
    ['127.0.0.1', '203.0.113.9:54321', '203.0.113.9'],
    ['127.0.0.1', '[2001:db8::9]:54321', '2001:db8::9'],
    ['127.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    // no addresses
    ['127.0.0.1', 'unknown', '127.0.0.1'],
    ['127.0.0.1', '203.0.113.999', '127.0.0.1'],
    ['127.0.0.1', 'x'.repeat(10_000), '127.0.0.1'],
    ['127.0.0.1', ',,,', '127.0.0.1'],
    ['127.0.0.1', '__proto__', '127.0.0.1'],
    // not one of them
    ['203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['11.0.0.1', '198.51.100.1', '11.0.0.1'],
  ];
  test.each(rows)('a request of %s with the chain %s counts for %s', (peer, chain, address) => {
    const { read, proxies } = readerOf(trusted);

    expect(read(peer, forwarded(chain))).toBe(address);
    expect(proxies()).toBe(0);
  });

  test('loopback is counted: it speaks for others', () => {
    expect(readerOf(['loopback']).read('127.0.0.1')).toBe('127.0.0.1');
  });
});

test.each([['proxy.example'], ['10.0.0.0/99'], ['0.0.0.0/0'], ['*']])(
  'a proxy %s is refused when the reader is made',
  (proxy) => {
    expect(() => readerOf([proxy])).toThrow(TypeError);
  },
);
