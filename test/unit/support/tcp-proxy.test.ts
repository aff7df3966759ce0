import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { createChanges, deadline, until } from '../../support/wait.ts';

/** One end of a connection: what it got and how it was ended. */
class End {
  readonly socket: Socket;
  readonly #changes = createChanges();
  readonly chunks: Buffer[] = [];
  received = 0;
  /** `fin` or an error code, once the other side ended it. */
  over: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.received += chunk.length;
      this.#changes.notify();
    });
    socket.on('end', () => this.#end('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? 'error'));
    socket.on('close', () => this.#changes.notify());
  }

  #end(how: string): void {
    this.over ??= how;
    this.#changes.notify();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  async until(look: () => boolean, label: string): Promise<void> {
    await until(look, this.#changes.subscribe, () => `${label}, not ${this.received} bytes and ${this.over}`);
  }
}

/** A server that collects, a proxy before it, and connections through it. */
async function open() {
  const ends: End[] = [];
  const changes = createChanges();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    ends.push(new End(socket));
    changes.notify();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const target = typeof address === 'object' && address ? address.port : 0;
  const proxy = await startTcpProxy({ target });
  const clients: End[] = [];
  return {
    proxy,
    target,
    async pair(): Promise<{ client: End; server: End }> {
      const nth = ends.length;
      const client = new End(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
      clients.push(client);
      return { client, server: await until(() => ends[nth], changes.subscribe, 'a connection') };
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of [...clients, ...ends]) socket.destroy();
      await proxy[Symbol.asyncDispose]();
      await deadline(new Promise((resolve) => server.close(resolve)), 'the server to close');
    },
  };
}

const has = (end: End, text: string) => end.until(() => end.text === text, JSON.stringify(text));
const isOver = (end: End) => end.until(() => end.over !== undefined, 'an end');

describe('a proxy', () => {
  test('hands on both directions and counts the bytes', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    client.socket.write('hello');
    await has(server, 'hello');
    server.socket.write('you too');
    await has(client, 'you too');

    expect(net.proxy.bytes).toEqual({ up: 5, down: 7 });
    expect([net.proxy.connections, net.proxy.accepted]).toEqual([1, 1]);
  });

  test('hands on the end of one direction and keeps the other', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    client.socket.end('last words');
    await isOver(server);
    server.socket.end('answer');
    await isOver(client);
    await net.proxy.until(() => net.proxy.connections === 0, 'no connection');

    expect([server.text, client.text]).toEqual(['last words', 'answer']);
  });

  test('cuts by FIN', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.cut();
    await isOver(client);
    await isOver(server);

    expect([client.over, server.over]).toEqual(['fin', 'fin']);
  });

  test('resets by RST', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.reset();
    await isOver(client);
    await isOver(server);

    expect([client.over, server.over]).toEqual(['ECONNRESET', 'ECONNRESET']);
  });

  test('hands on a RST', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    server.socket.resetAndDestroy();
    await isOver(client);

    expect(client.over).toBe('ECONNRESET');
  });

  test.each(['fin', 'reset'] as const)('cuts by %s after exactly so many bytes', async (how) => {
    for (const bytes of [1, 4, 9]) {
      await using net = await open();
      const { client, server } = await net.pair();
      server.socket.write('before');
      await has(client, 'before');
      net.proxy.cutAfter('down', bytes, how);
      server.socket.write('0123456789');
      await isOver(client);

      expect(client.text).toBe(`before${'0123456789'.slice(0, bytes)}`);
      expect(client.over).toBe(how === 'fin' ? 'fin' : 'ECONNRESET');
    }
  });

  test('lets the next connection live after a counted cut', async () => {
    await using net = await open();
    const first = await net.pair();
    net.proxy.cutAfter('up', 3);
    first.client.socket.write('abcdef');
    await isOver(first.client);
    const second = await net.pair();
    second.client.socket.write('abcdef');
    await has(second.server, 'abcdef');

    expect(first.server.text).toBe('abc');
  });

  test('swallows one direction with its end, and keeps the other', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.swallow('up');
    client.socket.end('lost');
    server.socket.write('kept');
    await has(client, 'kept');

    expect([server.text, server.over]).toEqual(['', undefined]);
  });

  test('keeps a connection that lost bytes dead, and others alive', async () => {
    await using net = await open();
    const hurt = await net.pair();
    const well = await net.pair();
    net.proxy.swallow();
    hurt.server.socket.write('lost');
    hurt.client.socket.write('lost');
    await net.proxy.until(() => net.proxy.lost.up === 4 && net.proxy.lost.down === 4, 'eight lost bytes');
    net.proxy.heal();
    hurt.server.socket.write('lost too');
    well.server.socket.write('kept');
    await has(well.client, 'kept');

    expect(hurt.client.text).toBe('');
  });

  test('mutes one direction of one connection, for good', async () => {
    await using net = await open();
    const muted = await net.pair();
    const other = await net.pair();
    net.proxy.mute(0, 'down');
    net.proxy.heal();
    muted.server.socket.end('lost');
    muted.client.socket.write('up is free');
    other.server.socket.write('kept');
    await has(muted.server, 'up is free');
    await has(other.client, 'kept');
    await net.proxy.until(() => net.proxy.lost.down === 4, 'four lost bytes');

    expect([muted.client.text, muted.client.over]).toEqual(['', undefined]);
    expect(() => net.proxy.mute(2)).toThrow('no connection 2');
  });

  test('pauses a direction so that the sender feels it, and loses nothing', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.pause('down');
    const big = Buffer.alloc(16 * 1024 * 1024, 'x');
    const isTaken = server.socket.write(big);
    client.socket.write('up is free');
    await has(server, 'up is free');
    const [before, waiting] = [client.received, server.socket.writableLength];
    net.proxy.resume('down');
    await client.until(() => client.received === big.length, 'all of it');

    expect([isTaken, before]).toEqual([false, 0]);
    expect(waiting).toBeGreaterThan(0);
  });

  test('delays and throttles without changing a byte', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.delay(5);
    net.proxy.throttle(20_000, 'down');
    const text = Array.from({ length: 500 }, (_, i) => `${i} `).join('');
    server.socket.write(text);
    await has(client, text);
    client.socket.write('thanks');
    await has(server, 'thanks');

    expect(net.proxy.bytes).toEqual({ up: 6, down: text.length });
  });

  test('throttles in small parts', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    const parts: number[] = [];
    using _watch = net.proxy.onBytes(
      (direction, chunk) => void (direction === 'down' && parts.push(chunk.length)),
    );
    net.proxy.throttle(1000, 'down');
    server.socket.write('x'.repeat(120));
    await client.until(() => client.received === 120, '120 bytes');

    expect(parts).toEqual([50, 50, 20]);
  });

  test('holds bytes back until there are enough, or the end', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.buffer(10, 'down');
    server.socket.write('12345');
    client.socket.write('up is free');
    await has(server, 'up is free');
    const early = client.text;
    server.socket.write('67890');
    await has(client, '1234567890');
    server.socket.end('rest');
    await has(client, '1234567890rest');

    expect(early).toBe('');
  });

  test('drops idle connections', async () => {
    await using net = await open();
    net.proxy.dropIdle(5);
    const { client } = await net.pair();
    await isOver(client);

    expect(client.over).toBe('fin');
  });

  test('refuses connections, keeps those there are, and accepts again on the same port', async () => {
    await using net = await open();
    const { client, server } = await net.pair();
    net.proxy.refuse();
    const refused = new End(connect({ port: net.proxy.port, host: '127.0.0.1' }));
    await isOver(refused);
    client.socket.write('still here');
    await has(server, 'still here');
    await net.proxy.accept();
    const next = await net.pair();
    next.client.socket.write('hello');
    await has(next.server, 'hello');

    expect(refused.over).toBe('ECONNREFUSED');
  });

  test('goes to another target from the next connection on', async () => {
    await using net = await open();
    await using other = await open();
    net.proxy.retarget(other.target);
    const client = new End(connect({ port: net.proxy.port, host: '127.0.0.1' }));
    client.socket.write('hello');
    await net.proxy.until(() => net.proxy.bytes.up === 5, 'five bytes');
    client.socket.destroy();

    expect(net.proxy.accepted).toBe(1);
  });

  test('shows the bytes of each connection to whoever looks', async () => {
    await using net = await open();
    const seen: string[] = [];
    using _watch = net.proxy.onBytes((direction, chunk, connection) => {
      seen.push(`${connection} ${direction} ${chunk.toString()}`);
    });
    const first = await net.pair();
    const second = await net.pair();
    first.client.socket.write('a');
    await has(first.server, 'a');
    second.server.socket.write('b');
    await has(second.client, 'b');

    expect(seen).toEqual(['0 up a', '1 down b']);
  });
});
