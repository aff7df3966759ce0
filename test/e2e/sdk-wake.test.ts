// A phone that wakes up: what the page is told, and that everything is caught up soon after (scenario 74).
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../client/sdk/client.ts';
import { openFakeWindow } from '../support/fake-window.ts';
import type { FakeWindow } from '../support/fake-window.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { reaches, rests, shows, transports } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let scene: Scene;
let window: FakeWindow;
beforeAll(async () => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000', OLLAMA_SLOTS: '8' };
  scene = await openScene({ env });
});
beforeEach(() => void (window = openFakeWindow()));
afterEach(() => {
  window[Symbol.dispose]();
  scene.fake.release();
});
afterAll(() => scene[Symbol.asyncDispose]());

const signs = ['visible', 'pageshow', 'online'] as const;

describe.for(transports)('over %s', (via) => {
  test.for(signs)('%s finds out a half-open connection and catches up (scenario 74)', async (sign) => {
    const id = `wakes ${via} ${sign}`;
    const reply = words(40);
    scene.fake.next({ reply });
    for (const n of [10, 20, 30]) scene.fake.hold('piece', n);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const { client: steady } = await scene.speak(id, 'hello');
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(id);
    await session.open();
    await shows(session, words(10));
    // a connection that has brought something is lost, whichever way its next bytes go
    scene.fake.release('piece', 10);
    await shows(session, words(20));

    if (sign === 'visible') window.tell('hidden');
    proxy.swallow();
    scene.fake.release('piece', 20);
    await steady.until(() => steady.text() === words(30), 'thirty words');
    await proxy.until(() => proxy.lost.down + proxy.lost.up > 100, 'words that got lost');
    proxy.heal();
    window.tell(sign);
    // 3 s for the dead connection to answer, and a round trip of a new one
    await shows(session, words(30), 6_000);
    scene.fake.release();

    expect((await rests(session, 1)).turns).toMatchObject([{ state: 'done', text: reply }]);
  });

  test('a wake-up ends a wait for the next try at once', async () => {
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    await client.create({ session_id: `waits ${via}` });
    await client.session(`waits ${via}`).open();
    proxy.refuse();
    proxy.reset();
    await reaches(
      client.connection,
      (state) => state.phase === 'waiting' && state.delayMs > 1_500,
      'a long wait',
      60_000,
    );
    await proxy.accept();

    const online = reaches(client.connection, ({ phase }) => phase === 'online', 'a connection', 1_400);
    window.tell('visible');

    await online;
  });

  test('without a network nothing is tried until the device says that there is one', async () => {
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(`offline ${via}`);
    await session.say('hello').response;
    window.tell('offline');
    proxy.refuse();
    proxy.reset();
    await reaches(client.connection, ({ phase }) => phase === 'offline', 'offline');
    const said = session.say('while offline');
    expect(session.state.get().pending).toMatchObject([{ text: 'while offline', state: 'waiting' }]);
    await proxy.accept();
    const { accepted } = proxy;

    window.tell('online');
    await said.response;

    expect(proxy.accepted).toBeGreaterThan(accepted);
    expect((await session.history()).turns).toMatchObject([
      { user_input: 'hello' },
      { user_input: 'while offline' },
    ]);
  });
});

test('many signs at once are one resync, and no text is doubled (scenario 74)', async () => {
  const id = 'many signs';
  scene.fake.next({ reply: words(20) });
  scene.fake.hold('piece', 10);
  using client = createClient({ url: scene.url });
  const session = client.session(id);
  const said = session.say('hello');
  await shows(session, words(10));

  for (let i = 0; i < 20; i++) for (const sign of ['hidden', ...signs, 'focus'] as const) window.tell(sign);
  scene.fake.release();

  expect((await said.response).therapist_response).toBe(words(20));
  expect((await rests(session, 1)).turns).toMatchObject([{ text: words(20) }]);
});

test('close takes every listener off the page', async () => {
  const before = window.listeners;
  const client = createClient({ url: scene.url });
  await client.session('listens').say('hello').response;
  expect(window.listeners).toBeGreaterThan(before);

  client.close();

  expect(window.listeners).toBe(before);
});
