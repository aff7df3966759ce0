// The SDK chooses its transport: what is blocked or held back on the way costs no word.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Transport } from '../../client/sdk/api.ts';
import { createClient } from '../../client/sdk/client.ts';
import { Client } from '../support/fold.ts';
import { startHttpGate } from '../support/http-gate.ts';
import type { HttpGate } from '../support/http-gate.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { feeds, reaches, shows, textOf, transports } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let scene: Scene;
beforeAll(async () => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000', OLLAMA_SLOTS: '8', OLLAMA_NUM_PREDICT: '5000' };
  scene = await openScene({ env });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

const leaves: Record<Transport, (gate: HttpGate) => void> = {
  socket: (gate) => Object.assign(gate, { sockets: true, sse: 'pass' }),
  stream: (gate) => Object.assign(gate, { sockets: false, sse: 'pass' }),
  poll: (gate) => Object.assign(gate, { sockets: false, sse: 'block' }),
};

test('[P-3] a transport change in mid-sentence, and back again, is one continuous text (scenario 10)', async () => {
  const reply = words(100);
  scene.fake.next({ reply });
  for (const n of [20, 40, 60, 80]) scene.fake.hold('piece', n);
  await using gate = await startHttpGate(scene.server.port);
  using client = createClient({ url: gate.url });
  const session = await client.create({ session_id: 'changes' });
  const heard = new Client('changes');
  heard.acked((await session.open()).cursor);
  using _events = feeds(session, heard);
  const said = session.say('hello');
  const text = textOf(said, 110_000);
  text.catch(() => undefined);
  await shows(session, words(20));
  expect(client.connection.get()).toMatchObject({ phase: 'online', via: 'socket' });
  const vias: Transport[] = ['stream', 'poll', 'socket', 'poll'];

  for (const [i, via] of vias.entries()) {
    leaves[via](gate);
    // back to the socket it finds by itself
    if (via !== 'socket') gate.cut();
    const isVia = (state: object) => 'via' in state && state.via === via;
    await reaches(client.connection, isVia, `a connection over ${via}`, 90_000);
    scene.fake.release('piece', (i + 1) * 20);
    const isThere = () => session.state.get().live?.text ?? session.state.get().turns[0]?.text;
    await reaches(session.state, () => isThere() === words((i + 2) * 20), `${(i + 2) * 20} words`, 60_000);
  }

  expect(await text).toBe(reply);
  await heard.until(({ turns }) => turns[0]?.state === 'done', 'the end in the events');
  expect(heard.text()).toBe(reply);
  expect(heard.counts).toMatchObject({ repeats: 0, snapshots: 0 });
});

test('where Socket.IO is blocked the words come as an event stream (scenario 24)', async () => {
  scene.fake.next({ reply: words(50) });
  await using gate = await startHttpGate(scene.server.port);
  gate.sockets = false;
  using client = createClient({ url: gate.url });
  const session = client.session('blocked');

  const text = await textOf(session.say('hello'), 40_000);

  expect(text).toBe(words(50));
  expect(client.connection.get()).toMatchObject({ phase: 'online', via: 'stream' });
});

test('where a WebSocket is blocked and the rest of Socket.IO is not, the words come all the same (scenario 24)', async () => {
  scene.fake.next({ reply: words(50) });
  await using gate = await startHttpGate(scene.server.port);
  gate.upgrades = false;
  using client = createClient({ url: gate.url });
  const session = client.session('no upgrade');

  const text = await textOf(session.say('hello'), 40_000);

  expect(text).toBe(words(50));
  expect(gate.count('upgrade')).toBeGreaterThan(0);
});

test('a WebSocket that is blocked in mid-sentence costs no word (scenario 24)', async () => {
  scene.fake.next({ reply: words(50) });
  scene.fake.hold('piece', 10);
  await using gate = await startHttpGate(scene.server.port);
  using client = createClient({ url: gate.url });
  const session = client.session('blocked later');
  const said = session.say('hello');
  await shows(session, words(10));

  gate.upgrades = false;
  gate.cut();
  scene.fake.release();

  expect(await textOf(said, 60_000)).toBe(words(50));
});

test('where event streams are held back the words come by long poll (scenario 23)', async () => {
  scene.fake.next({ reply: words(50) });
  scene.fake.hold('piece', 10);
  await using gate = await startHttpGate(scene.server.port);
  gate.sockets = false;
  gate.sse = 'buffer';
  using client = createClient({ url: gate.url });
  const session = client.session('buffered');
  const said = session.say('hello');

  await shows(session, words(10), 60_000);
  scene.fake.release();

  expect(await textOf(said, 60_000)).toBe(words(50));
  expect(client.connection.get()).toMatchObject({ phase: 'online', via: 'poll' });
});

test('where event streams are refused the words come by long poll (scenario 23)', async () => {
  scene.fake.next({ reply: words(50) });
  await using gate = await startHttpGate(scene.server.port);
  gate.sockets = false;
  gate.sse = 'block';
  using client = createClient({ url: gate.url });
  const session = client.session('refused');

  expect(await textOf(session.say('hello'), 60_000)).toBe(words(50));
  expect(client.connection.get()).toMatchObject({ phase: 'online', via: 'poll' });
});

test('an event stream that is held back from the middle of a reply on costs no word (scenario 23)', async () => {
  scene.fake.next({ reply: words(50) });
  scene.fake.hold('piece', 10);
  await using gate = await startHttpGate(scene.server.port);
  using client = createClient({ url: gate.url, transports: ['stream', 'poll'] });
  const session = client.session('buffered later');
  const said = session.say('hello');
  await shows(session, words(10));

  gate.sse = 'buffer';
  gate.cut();
  scene.fake.release();

  expect(await textOf(said, 60_000)).toBe(words(50));
});

test.for(transports)(
  'over %s a network that drops idle connections costs no word (scenario 23)',
  async (via) => {
    const id = `idle ${via}`;
    scene.fake.next({ reply: words(30) });
    scene.fake.hold('piece', 10);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.dropIdle(400);
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(id);
    const said = session.say('hello');
    await shows(session, words(10));
    const { accepted } = proxy;

    await proxy.until(() => proxy.accepted >= accepted + 2, 'connections that were dropped');
    scene.fake.release();

    expect(await textOf(said, 60_000)).toBe(words(30));
  },
);

test.for(transports)(
  'over %s a proxy that hands on 4 KB at once costs no word (scenario 23)',
  async (via) => {
    const id = `blocks ${via}`;
    scene.fake.next({ reply: words(600), rate: 600 });
    scene.fake.hold('piece', 599);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(id);
    const said = session.say('hello');
    await reaches(session.state, ({ live }) => live !== null, 'a live turn');

    proxy.buffer(4_096, 'down');
    await scene.fake.until(() => scene.fake.of('chat').at(-1)?.piecesSent === 599, 'nearly all words');
    proxy.buffer(0, 'down');
    scene.fake.release();

    expect(await textOf(said, 60_000)).toBe(words(600));
  },
);

test.for(transports)('over %s text that ends lines elsewhere comes as it is (scenario 20)', async (via) => {
  const reply =
    'One\u2028two\u2029three\u0085four\r\nfive\n\ndata: six\nid: 7\n\n: seven \u0000 \ufeff 👩‍👩‍👧‍👦 e\u0301 end.';
  scene.fake.next({ reply, pieceSize: 3 });
  using client = createClient({ url: scene.url, transports: [via] });
  const said = client.session(`lines ${via}`).say('hello');

  expect(await textOf(said)).toBe(reply);
  expect((await said.response).therapist_response).toBe(reply);
});
