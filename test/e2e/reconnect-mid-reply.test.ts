import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { attempts, Device, followUntil } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describe('a reply', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene({ env: { RAW_REPLIES: '1' } });
  });
  afterEach(() => scene.fake.release());
  afterAll(() => scene[Symbol.asyncDispose]());

  test('[P-2] [P-3] comes whole to clients cut at every entry boundary of a turn of 200 words (scenario 1)', async () => {
    const reply = words(200);
    scene.fake.next({ reply });
    for (let n = 0; n <= 200; n++) scene.fake.hold('piece', n);
    const { client: steady, admission } = await scene.speak('boundaries', 'hello');
    await using stack = new AsyncDisposableStack();
    const cut: Client[] = [];
    const returned: Promise<void>[] = [];

    for (let k = 1; k <= 200; k++) {
      // the input and the disclosure lie before the words
      await steady.until(() => steady.seq === k + 1, `entry ${k + 1}`);
      const client = steady.copy();
      const proxy = stack.use(await startTcpProxy({ target: scene.server.port }));
      const socket = stack.use(await connect(proxy.url));
      await socket.follow('boundaries', client);
      scene.fake.release('piece', k - 1);
      await client.until(() => client.seq === k + 2, `entry ${k + 2}`);
      proxy.reset();
      // it comes back while the next words are appended
      returned.push(
        followUntil('websocket', proxy.url, client, () => client.seq >= Math.min(k + 5, 203), 60_000),
      );
      cut.push(client);
    }
    scene.fake.release();
    const { text } = await steady.ended(admission.turn_id);
    await Promise.all(returned);
    await Promise.all(
      cut.map((client) => followUntil('websocket', scene.url, client, () => client.seq === 203)),
    );

    expect(text).toBe(reply);
    expect(cut.map((client) => client.text())).toEqual(cut.map(() => reply));
    expect(cut.every(({ counts }) => counts.repeats === 0 && counts.snapshots === 0)).toBe(true);
  });

  test('[P-4] comes whole when the connection is cut anywhere inside a WebSocket frame (scenario 2)', async () => {
    const reply = words(40);
    scene.fake.next({ reply: words(5, 'first') });
    const first = await scene.speak('frames', 'hello');
    await first.client.ended(first.admission.turn_id);
    scene.fake.next({ reply });
    scene.fake.hold('piece', 20);
    const { client: steady, admission } = await scene.speak('frames', 'again');
    await steady.until(() => steady.text() === words(20), 'twenty words');
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const fresh = new Client('frames');
    fresh.acked(first.admission.cursor);
    const isThere = (client: Client) => () => client.seq === steady.seq;
    const whole = fresh.copy();
    let bytes = 0;
    await followUntil('websocket', proxy.url, whole, () => {
      bytes = proxy.bytes.down;
      return whole.seq === steady.seq;
    });
    const cut: Client[] = [];

    for (let at = 1; at < bytes; at += 17) {
      const client = fresh.copy();
      await proxy.until(() => proxy.connections === 0, 'the end of the connection before');
      proxy.cutAfter('down', at, at % 2 === 0 ? 'fin' : 'reset');
      await attempts.websocket(proxy.url, client, AbortSignal.timeout(5_000));
      await followUntil('websocket', proxy.url, client, isThere(client));
      cut.push(client);
    }
    scene.fake.release();
    const { text } = await steady.ended(admission.turn_id);

    expect(bytes).toBeGreaterThan(1_000);
    expect(text).toBe(reply);
    expect(cut.every((client) => client.text() === words(20) && client.counts.repeats === 0)).toBe(true);
  });

  test(`[P-3] comes whole to a connection that breaks at random bytes while it streams (scenario 2, seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const reply = words(300);
    scene.fake.next({ reply, rate: 250 });
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const { client: steady, admission } = await scene.speak('random', 'hello');
    await using device = new Device('websocket', proxy.url, new Client('random'));
    using _cuts = proxy.onBytes(() => {
      if (random.chance(0.1)) proxy.cutAfter('down', random.between(1, 3_000));
    });

    await steady.ended(admission.turn_id);
    proxy.cutAfter('down', Number.MAX_SAFE_INTEGER);
    const { text } = await device.client.ended(admission.turn_id);

    expect(text).toBe(reply);
    expect(device.connections).toBeGreaterThan(1);
  });

  test('[P-4] loses nothing that the server wrote into a half-open connection (scenario 3)', async () => {
    const reply = words(60);
    scene.fake.next({ reply });
    scene.fake.hold('piece', 20);
    scene.fake.hold('piece', 40);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const { client: steady, admission } = await scene.speak('half-open', 'hello');
    using socket = await connect(proxy.url);
    const client = await socket.follow('half-open');
    await client.until(() => client.text() === words(20), 'twenty words');

    proxy.swallow();
    scene.fake.release('piece', 20);
    await steady.until(() => steady.text() === words(40), 'forty words');
    await proxy.until(() => proxy.lost.down > 100, 'words that got lost');
    socket.close();
    proxy.heal();
    await using device = new Device('websocket', proxy.url, client);
    await client.until(() => client.text() === words(40), 'what was lost');
    scene.fake.release();
    const { text } = await device.client.ended(admission.turn_id);

    expect(text).toBe(reply);
    expect(client.counts).toMatchObject({ repeats: 0, snapshots: 1 });
  });

  test('[P-3] comes whole to a client that reconnects ten times while it streams (scenario 4)', async () => {
    const reply = words(200);
    scene.fake.next({ reply, rate: 100 });
    scene.fake.hold('piece', 200);
    const { client: steady, admission } = await scene.speak('ten', 'hello');
    const client = new Client('ten');
    // on a busy machine all its words come at once
    const isAtEnd = () => client.text() === reply;
    for (let i = 0; i < 10; i++) {
      const before = client.seq;
      await followUntil('websocket', scene.url, client, () => client.seq > before || isAtEnd());
    }
    scene.fake.release();
    await using _last = new Device('websocket', scene.url, client);

    const { text } = await client.ended(admission.turn_id);
    await steady.ended(admission.turn_id);

    expect(text).toBe(reply);
    expect(client.counts.repeats).toBe(0);
  });

  test('[P-3] comes whole when a second reconnect comes during the catch-up of the first (scenario 5)', async () => {
    const reply = words(2_000);
    scene.fake.next({ reply });
    scene.fake.hold('piece', 350);
    const { client: steady, admission } = await scene.speak('catch-up', 'hello');
    await steady.until(() => steady.text().length === words(350).length, '350 words');
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const client = new Client('catch-up');
    client.acked(admission.cursor);

    proxy.pause('down');
    const first = new AbortController();
    const attempt = attempts.websocket(proxy.url, client, first.signal);
    await proxy.until(() => proxy.bytes.up > 0, 'a first connection');
    proxy.resume('down');
    proxy.cutAfter('down', 1_500);
    await attempt;
    await using device = new Device('websocket', proxy.url, client);
    scene.fake.release();
    const { text } = await device.client.ended(admission.turn_id);

    expect(text).toBe((await steady.ended(admission.turn_id)).text);
    expect(client.counts.repeats).toBe(0);
  });

  test('[P-3] is one text for a client that changes its transport in mid-sentence (scenario 10)', async () => {
    const reply = words(100);
    scene.fake.next({ reply });
    for (const n of [0, 20, 40, 60, 80]) scene.fake.hold('piece', n);
    const { client: steady, admission } = await scene.speak('changes', 'hello');
    const client = new Client('changes');
    client.acked(admission.cursor);
    const kinds = ['websocket', 'sse', 'long-poll', 'polling', 'websocket'] as const;

    for (const [i, kind] of kinds.entries()) {
      scene.fake.release('piece', i * 20);
      await followUntil(kind, scene.url, client, () => client.text() === words((i + 1) * 20));
    }
    await followUntil('sse', scene.url, client, () => client.turns.at(-1)?.state === 'done');

    expect(client.text()).toBe(reply);
    expect((await steady.ended(admission.turn_id)).text).toBe(reply);
    expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
  });
});
