import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../support/devices.ts';
import type { DeviceKind } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { pathOf } from '../support/rest.ts';
import { openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { deadline } from '../support/wait.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { OLLAMA_NUM_PREDICT: '2000', RAW_REPLIES: '1' } });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Now and then something happens to what passes. */
function disturb(proxy: TcpProxy, random: Random): Disposable {
  return proxy.onBytes(() => {
    if (!random.chance(0.06)) return;
    const what = random.between(0, 3);
    if (what === 0) proxy.cut();
    else if (what === 1) proxy.reset();
    else proxy.cutAfter('down', random.between(1, 4_000), what === 2 ? 'fin' : 'reset');
  });
}

test(`[P-3] two tabs, a phone, a long poll and an event stream with random cuts end with one text (scenario 18, seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const id = 'on all devices';
  const behaviour = { words: 600, hardText: true, rate: 250 };
  scene.fake.next(behaviour);
  const { client: steady, admission } = await scene.speak(id, 'hello');
  const kinds: DeviceKind[] = ['websocket', 'websocket', 'polling', 'sse', 'long-poll'];
  await using stack = new AsyncDisposableStack();
  const devices: Device[] = [];
  for (const kind of kinds) {
    const proxy = stack.use(await startTcpProxy({ target: scene.server.port }));
    stack.use(disturb(proxy, random));
    devices.push(stack.use(new Device(kind, proxy.url, new Client(id))));
  }

  const { text } = await steady.ended(admission.turn_id, 30_000);
  const turns = await Promise.all(devices.map(({ client }) => client.ended(admission.turn_id, 30_000)));

  const reply = scene.fake.of('chat').at(-1)?.reply;
  expect(text).toBe(reply);
  expect(turns.map((turn) => turn.text)).toEqual(kinds.map(() => reply));
  expect(devices.every(({ connections }) => connections > 1)).toBe(true);
});

/** The event stream as `curl -N` prints it, until `enough`; disposing ends the process. */
function curl(args: string[]) {
  const child = spawn('curl', ['-sN', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const over = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
  return { over, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

test('[P-3] curl reads the same turn as an event stream, and ends with it', async () => {
  scene.fake.next({ words: 60, hardText: true });
  const headers = ['-H', 'Accept: text/event-stream'];
  const url = `${scene.url}${pathOf('curl', '/input')}`;
  using reader = curl([...headers, '-d', '{"user_input":"hello"}', url]);

  const printed = await deadline(reader.over, 'the end of curl');

  const data = printed.split('\n').filter((line) => line.startsWith('data: '));
  const payloads: { text?: string; therapist_response?: string }[] = data.map((line) =>
    JSON.parse(line.slice(6)),
  );
  const reply = scene.fake.of('chat').at(-1)?.reply;
  expect(payloads.at(-1)?.therapist_response).toBe(reply);
  const words = printed.split('\n\n').filter((block) => block.startsWith('event: therapist:token'));
  expect(words.map((block) => JSON.parse(block.split('\ndata: ')[1] ?? '').text).join('')).toBe(reply);
});
