// Many clients on one session, and many sessions on one client.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Transport } from '../../client/sdk/api.ts';
import { createClient } from '../../client/sdk/client.ts';
import { Device } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { pathOf, rest } from '../support/rest.ts';
import { openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { reaches, rests } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

let scene: Scene;
let server: GuideServer;
beforeAll(async () => {
  scene = await openScene({ env: { OLLAMA_NUM_PREDICT: '2000', RAW_REPLIES: '1' } });
  server = await startGuide({ OLLAMA_SLOTS: '100' });
});
afterEach(() => scene.fake.release());
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Now and then something happens to what passes, until it is disposed. */
function disturb(proxy: TcpProxy, random: Random): Disposable {
  const listening = proxy.onBytes(() => {
    if (!random.chance(0.05)) return;
    const what = random.between(0, 3);
    if (what === 0) proxy.cut();
    else if (what === 1) proxy.reset();
    else proxy.cutAfter('down', random.between(1, 4_000), what === 2 ? 'fin' : 'reset');
  });
  return {
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      proxy.cutAfter('down', Number.MAX_SAFE_INTEGER);
    },
  };
}

test(`[P-3] two SDK clients, a phone and an event stream with random cuts end with one text (scenario 18, seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const id = 'on all devices';
  scene.fake.next({ words: 500, hardText: true, rate: 200 });
  const { client: steady, admission } = await scene.speak(id, 'hello');
  await using stack = new AsyncDisposableStack();
  const faults = new DisposableStack();
  const through = async () => {
    const proxy = stack.use(await startTcpProxy({ target: scene.server.port }));
    faults.use(disturb(proxy, random));
    return proxy;
  };
  const tabs = await Promise.all(
    (['socket', 'stream'] satisfies Transport[]).map(async (via) => {
      const proxy = await through();
      const client = stack.use(createClient({ url: proxy.url, transports: [via] }));
      const session = client.session(id);
      void session.open().catch(() => undefined);
      return { session, proxy };
    }),
  );
  const slow = await through();
  slow.delay(30);
  const phone = stack.use(new Device('polling', slow.url, new Client(id)));
  const stream = stack.use(new Device('sse', (await through()).url, new Client(id)));

  const { text } = await steady.ended(admission.turn_id, 30_000);
  faults.dispose();
  const raw = await Device.allEnded([phone, stream], admission.turn_id);
  const states = await Promise.all(tabs.map(({ session }) => rests(session, 1, 40_000)));

  expect(text).toBe(scene.fake.of('chat').at(-1)?.reply);
  expect(raw.map((turn) => turn.text)).toEqual([text, text]);
  expect(states.map(({ turns }) => turns[0]?.text)).toEqual([text, text]);
  expect(tabs.every(({ proxy }) => proxy.accepted > 1)).toBe(true);
});

test('of 201 sessions on one client the last says RATE_LIMITED, and the others go on (scenario 19)', async () => {
  const ids = Array.from({ length: 201 }, (_, i) => `many ${i}`);
  for (const id of ids) await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: id } });
  using client = createClient({ url: server.url, transports: ['socket'] });
  const sessions = ids.map((id) => client.session(id));
  await Promise.all(sessions.slice(0, 200).map((session) => session.open()));
  const last = client.session('many 200');
  last.open().catch(() => undefined);

  const { error } = await reaches(last.state, (state) => state.error !== null, 'a refusal');
  await Promise.all(
    ids.map((id) => rest(server.url, `POST ${pathOf(id, '/input')}`, { body: { user_input: id } })),
  );
  const states = await Promise.all(sessions.slice(0, 200).map((session) => rests(session, 1, 30_000)));

  expect(error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
  expect(states.map(({ turns }) => turns[0]?.user_input)).toEqual(ids.slice(0, 200));
  expect(states.every((state) => state.error === null)).toBe(true);
  sessions[0]?.close();
  const followed = await rests(last, 1, 40_000);
  expect(followed).toMatchObject({ error: null, phase: 'following', turns: [{ user_input: 'many 200' }] });
});

test('200 sessions come back after one cut, none of them with a hole (scenario 19)', async () => {
  await using proxy = await startTcpProxy({ target: server.port });
  const ids = Array.from({ length: 200 }, (_, i) => `back ${i}`);
  for (const id of ids) await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: id } });
  using client = createClient({ url: proxy.url, transports: ['socket'] });
  const sessions = ids.map((id) => client.session(id));
  await Promise.all(sessions.map((session) => session.open()));

  proxy.reset();
  await Promise.all(
    ids.map((id) => rest(server.url, `POST ${pathOf(id, '/input')}`, { body: { user_input: id } })),
  );
  const states = await Promise.all(sessions.map((session) => rests(session, 1, 40_000)));

  expect(states.map(({ turns }) => turns[0]?.user_input)).toEqual(ids);
  expect(states.every(({ turns }) => turns[0]?.state === 'done')).toBe(true);
});
