// The SDK follows a session whose words a test appends itself: reconnects, double joins, and who still listens afterwards.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChatSession } from '../../client/sdk/api.ts';
import { createClient } from '../../client/sdk/client.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import type { CountedStore } from '../support/count-store.ts';
import { openFakeWindow } from '../support/fake-window.ts';
import { feeds, reaches, rests, shows, transports } from '../support/sdk.ts';
import { speaker } from '../support/speaker.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

let real: Store;
let counted: CountedStore;
let app: TestApp;
let proxy: TcpProxy;

beforeEach(async () => {
  real = await openSqlite({ directory: ':memory:' });
  counted = countStore(real);
  app = await startApp({ store: counted.store });
  proxy = await startTcpProxy({ target: Number(new URL(app.url).port) });
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

const followers = (count: number) =>
  counted.until(() => counted.watchers === count, `${count} followers, there are ${counted.watchers}`);

/** What was folded of a session is what the server has. */
async function expectDone(session: ChatSession, text: string): Promise<void> {
  const { turns } = await rests(session, 1);
  expect(turns).toMatchObject([{ state: 'done', text }]);
}

describe.for(transports)('over %s', (via) => {
  test('[P-3] ten reconnects in a row leave one text and one follower (scenario 4)', async () => {
    using window = openFakeWindow();
    const talk = await speaker(real);
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session('s');
    await session.open();
    const heard = talk.client();
    using _events = feeds(session, heard);

    for (let i = 0; i < 10; i++) {
      const [lost] = [reaches(client.connection, ({ phase }) => phase !== 'online', 'a loss')];
      proxy.reset();
      await Promise.all([lost, talk.say(`${i} `)]);
      window.tell('online');
      await reaches(client.connection, ({ phase }) => phase === 'online', 'a connection');
      await shows(session, talk.text);
    }
    await talk.end();

    await expectDone(session, '0 1 2 3 4 5 6 7 8 9 ');
    expect(heard.counts).toMatchObject({ repeats: 0, snapshots: 0 });
    session.close();
    await followers(0);
  });

  test('[P-3] a second reconnect during the catch-up of the first leaves one text and one follower (scenario 5)', async () => {
    using window = openFakeWindow();
    const talk = await speaker(real);
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session('s');
    await session.open();
    const heard = talk.client();
    using _events = feeds(session, heard);
    const lost = reaches(client.connection, ({ phase }) => phase !== 'online', 'a loss');
    proxy.reset();
    await lost;
    for (let i = 0; i < 400; i++) await talk.say(`word ${i} `);

    proxy.cutAfter('down', 3_000);
    window.tell('online');
    await proxy.until(() => proxy.bytes.down > 0, 'a first catch-up');
    await reaches(client.connection, ({ phase }) => phase !== 'online', 'a second loss');
    window.tell('online');
    await talk.say('the last one');
    await talk.end();

    await expectDone(session, talk.text);
    expect(heard.counts).toMatchObject({ repeats: 0, snapshots: 0 });
    session.close();
    await followers(0);
  });

  test('a session that is opened twice, and joined by hand, has one follower and every event once (scenario 17)', async () => {
    const talk = await speaker(real);
    await talk.say('one ');
    using client = createClient({ url: app.url, transports: [via] });
    const session = client.session('s');
    const heard = talk.client();
    using _events = feeds(session, heard);

    await Promise.all([session.open(), client.session('s').open(), session.open()]);
    if (via === 'socket') await client.request('session:join', { session_id: 's' });
    await shows(session, 'one ');
    await talk.say('two ');
    await shows(session, 'one two ');
    if (via !== 'poll') await followers(1);
    await talk.end();

    expect(client.session('s')).toBe(session);
    await expectDone(session, 'one two ');
    session.close();
    await followers(0);
  });

  test('a session that is closed is not followed any more, and can be opened anew', async () => {
    const talk = await speaker(real);
    using client = createClient({ url: app.url, transports: [via] });
    const first = client.session('s');
    await first.open();
    await talk.say('one ');
    await shows(first, 'one ');

    first.close();
    await followers(0);
    await talk.say('two ');
    const second = client.session('s');
    await second.open();

    expect(second).not.toBe(first);
    await shows(second, 'one two ');
    expect(first.state.get().live?.text).not.toBe('one two ');
  });

  test('closing the client leaves every session', async () => {
    const talk = await speaker(real);
    await speaker(real, 'other');
    const client = createClient({ url: app.url, transports: [via] });
    await Promise.all([client.session('s').open(), client.session('other').open()]);
    await talk.say('one ');

    client.close();

    await followers(0);
    expect(client.connection.get()).toEqual({ phase: 'closed', error: null });
  });

  test('[P-9] words that were dropped while nobody listened are in the text (scenario 15)', async () => {
    const talk = await speaker(real);
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session('s');
    await session.open();
    await talk.say('one ');
    await shows(session, 'one ');
    proxy.refuse();
    proxy.cut();
    for (let i = 0; i < 20; i++) await talk.say(`word ${i} `);
    await talk.end();
    expect(await real.compact(Date.now() + 1)).toBe(1);

    await proxy.accept();

    await expectDone(session, talk.text);
  });
});
