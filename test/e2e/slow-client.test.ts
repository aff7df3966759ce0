import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** How long the load goes on. `STALL_SECONDS=60` runs the full minute of scenario 67. */
const SECONDS = Number(process.env['STALL_SECONDS'] ?? 8);
const RATE = 100;
const GOOD = 100;
const MIB = 1024 * 1024;

let scene: Scene;
beforeAll(async () => {
  // a small heap, so that what it uses is seen and not what it has not collected yet
  const heap = '--max-semi-space-size=2 --max-old-space-size=128';
  scene = await openScene({
    env: { OLLAMA_NUM_PREDICT: '100000', OLLAMA_SLOTS: '4', NODE_OPTIONS: heap },
  });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Memory of the server that is its own, in bytes. */
async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${scene.server.pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

test(
  `[P-10] one stalled client beside ${GOOD} good ones holds up nobody, and resumes exactly (scenario 67)`,
  { timeout: (SECONDS + 100) * 1000 },
  async () => {
    const id = 'stalled';
    const maxWords = 7_000;
    const turns = Math.ceil((SECONDS * RATE) / maxWords);
    const count = Math.ceil((SECONDS * RATE) / turns);
    const reply = words(count);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const sockets = await Promise.all(Array.from({ length: GOOD }, () => connect(scene.url)));
    const speaker = sockets[0] ?? (await connect(scene.url));
    await speaker.must('session:create', id);
    const good = await Promise.all(sockets.map((socket) => socket.follow(id)));
    await using stalled = new Device('websocket', proxy.url, new Client(id));
    await stalled.client.until(({ cursor }) => cursor !== undefined, 'the join');
    const lastTurn = async () => {
      scene.fake.next({ reply, rate: RATE });
      const { turn_id: turnId } = await speaker.must('session:input', {
        session_id: id,
        user_input: 'hello',
      });
      await Promise.all(good.map((client) => client.ended(String(turnId), (SECONDS + 30) * 1000)));
      return String(turnId);
    };
    proxy.pause('down');
    const before = await residentBytes();

    let turnId = '';
    for (let i = 0; i < turns; i++) turnId = await lastTurn();
    const after = await residentBytes();
    const behind = stalled.client.seq;
    proxy.resume('down');
    const { text } = await stalled.client.ended(turnId, 30_000);

    expect(text).toBe(reply);
    expect(behind).toBeLessThan(count);
    expect(good.every((client) => client.text() === reply && client.counts.repeats === 0)).toBe(true);
    // what a heap grows by itself before it is collected is more than the 1 MiB of one client
    expect(after - before).toBeLessThan(64 * MIB);
    for (const socket of sockets) socket.close();
  },
);

test.concurrent.for(['polling', 'websocket'] as const)(
  '[P-4] a client that reads 1 KB/s over %s gets merged frames and the exact text (scenario 68)',
  async (transport, { expect }) => {
    const id = `slow ${transport}`;
    const reply = words(250);
    // slowly enough that words get entries of their own, on a busy machine too: a window of them is to be overtaken
    scene.fake.next({ reply, rate: 60 });
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using socket = await connect(proxy.url, { transports: [transport] });
    const client = socket.feed(new Client(id));
    await socket.must('session:create', id);
    proxy.throttle(1_024, 'down');
    // a WebSocket's kernel buffers hide the slow link, so its client says what it has applied
    using _says = client.subscribe(() => {
      if (transport === 'websocket') socket.socket.emit('received', { session_id: id, seq: client.seq });
    });
    if (transport === 'websocket') socket.socket.emit('received', { session_id: id, seq: 0 });
    const { client: steady, admission } = await scene.speak(id, 'hello');
    await steady.ended(admission.turn_id);
    const { text } = await client.ended(admission.turn_id, 60_000);

    expect(text).toBe(reply);
    expect(client.counts.merged).toBeGreaterThan(0);
    expect(client.counts.applied).toBeLessThan(steady.counts.applied);
    expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
  },
);
