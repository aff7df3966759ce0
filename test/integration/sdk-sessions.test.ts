// What the SDK does with sessions as a whole: made, taken, paged, exported, deleted.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SessionEvents } from '../../client/sdk/api.ts';
import { ChatError, createClient } from '../../client/sdk/client.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { pathOf, rest } from '../support/rest.ts';
import { failureOf, reaches, rests, TabStorage, textOf, transports } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let app: TestApp;
beforeAll(async () => void (app = await startApp()));
afterAll(() => app[Symbol.asyncDispose]());

const refusal = (code: string) => expect.objectContaining({ name: 'ChatError', code });

describe.for(transports)('over %s', (via) => {
  const open = (storage = new TabStorage()) => createClient({ url: app.url, transports: [via], storage });

  test('say hands out the words of the reply, whose sum is the response', async () => {
    using client = open();
    const reply = client.session(`words ${via}`).say('I want to feel calm');

    const text = await textOf(reply);

    const response = await reply.response;
    expect(text).toBe(response.therapist_response);
    expect(reply.text).toBe(text);
    expect(response).toMatchObject({ turn_id: await reply.turnId, source: 'guide', n: 1 });
    expect(await textOf(reply)).toBe(text);
  });

  test('[S-2] a handle without an id gets one with its first words', async () => {
    using client = open();
    const session = client.session();
    expect([session.id, session.state.get().id]).toEqual([null, null]);

    const [one, two] = [session.say('hello'), session.say('I want to feel calm')];
    await Promise.all([one.response, two.response]);

    expect(session.id).toMatch(/^session_\d{8}_\d{6}_[0-9a-f]{8}$/);
    expect(session.state.get().id).toBe(session.id);
    expect((await session.history()).turns.map((turn) => turn.user_input)).toEqual([
      'hello',
      'I want to feel calm',
    ]);
    expect(client.session(String(session.id))).toBe(session);
  });

  test('two handles without an id are two sessions', async () => {
    using client = open();
    const [one, two] = [client.session(), client.session()];

    const infos = await Promise.all([one.open(), two.open()]);

    expect(new Set(infos.map((info) => info.session_id)).size).toBe(2);
    expect([one.id, two.id]).toEqual(infos.map((info) => info.session_id));
  });

  test('a session that is not there cannot be opened, and is made by the first words', async () => {
    using client = open();
    const session = client.session(`absent ${via}`);

    const error = await failureOf(session.open());
    const { phase } = await reaches(session.state, (state) => state.phase !== 'new', 'an answer');
    await session.say('hello').response;

    expect(error).toEqual(refusal('SESSION_NOT_FOUND'));
    expect(phase).toBe('absent');
    expect(session.state.get()).toMatchObject({ phase: 'following', turns: [{ n: 1, state: 'done' }] });
    expect(await session.open()).toMatchObject({ session_id: `absent ${via}`, turn_count: 1 });
  });

  test('[S-4] create refuses a taken id and says so', async () => {
    using client = open();
    const session = await client.create({ session_id: `taken ${via}`, client_id: 'first' });

    const error = await failureOf(client.create({ session_id: `taken ${via}` }));

    expect(session.id).toBe(`taken ${via}`);
    expect(error).toBeInstanceOf(ChatError);
    expect(error).toMatchObject({ code: 'SESSION_CONFLICT', status: 409, retryable: false });
    expect(await session.status()).toMatchObject({ client_id: 'first' });
  });

  test('create hands on locale and country and follows the session', async () => {
    using client = open();
    const session = await client.create({ locale: 'de-AT', country: 'AT', metadata: { from: 'crm' } });
    await reaches(session.state, ({ phase }) => phase === 'following', 'the session');
    await rest(app.url, `POST ${pathOf(String(session.id), '/input')}`, { body: { user_input: 'hallo' } });

    const state = await rests(session, 1);

    expect(state.info).toMatchObject({ locale: 'de-AT', country: 'AT', metadata: { from: 'crm' } });
    expect(state.turns).toMatchObject([{ n: 1, user_input: 'hallo', state: 'done' }]);
  });

  test('create called twice at once makes two sessions', async () => {
    using client = open();

    const [one, two] = await Promise.all([client.create(), client.create()]);

    expect(one.id).not.toBe(two.id);
    expect(one).not.toBe(two);
  });

  test('[S-5] create whose answer got lost makes one session', async () => {
    await using proxy = await startTcpProxy({ target: Number(new URL(app.url).port) });
    using client = createClient({ url: proxy.url, transports: [via] });
    await client.request('session:status', { session_id: 'nobody' }).catch(() => undefined);
    const list = async () => {
      const { sessions } = await client.request('session:list', { limit: 1_000 });
      return sessions.filter((session) => session.client_id === `lost ${via}`);
    };
    proxy.swallow('down');

    const created = client.create({ client_id: `lost ${via}` });
    created.catch(() => undefined);
    await proxy.until(() => proxy.lost.down > 0, 'a lost answer');
    proxy.heal();
    proxy.reset();
    const session = await created;

    expect((await list()).map((entry) => entry.session_id)).toEqual([session.id]);
  });

  test('[S-1] odd ids are used as they are', async () => {
    using client = open();
    const ids = [`crm/42 ?#é% ${via}`, `..${via}`, `__proto__${via}`, ` ${via}\u0000😀`, `constructor${via}`];

    const texts = await Promise.all(
      ids.map(async (id) => {
        const session = client.session(id);
        const { response } = session.say(`hello ${id}`);
        await response;
        return (await session.history()).turns[0]?.user_input;
      }),
    );

    expect(texts).toEqual(ids.map((id) => `hello ${id}`));
  });

  test('earlier puts older turns before those of the state, up to the first', async () => {
    const id = `pages ${via}`;
    for (let n = 1; n <= 120; n++)
      await rest(app.url, `POST ${pathOf(id, '/input')}`, { body: { user_input: `words ${n}` } });
    using client = open();
    const session = client.session(id);
    await session.open();
    const first = await rests(session, 50);

    const pages: number[] = [];
    while (session.state.get().hasEarlier) {
      await session.earlier();
      pages.push(session.state.get().turns.length);
    }
    await session.earlier();

    const { turns } = session.state.get();
    expect(first.hasEarlier).toBe(true);
    expect(pages.at(-1)).toBe(120);
    expect(turns.map((turn) => turn.n)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    expect(turns[7]?.user_input).toBe('words 8');
    expect(session.state.get().turns.at(-1)).toBe(first.turns.at(-1));
  });

  test('earlier called twice at once brings each turn once', async () => {
    const id = `twice ${via}`;
    for (let n = 1; n <= 60; n++)
      await rest(app.url, `POST ${pathOf(id, '/input')}`, { body: { user_input: `words ${n}` } });
    using client = open();
    const session = client.session(id);
    await session.open();
    await rests(session, 50);

    await Promise.all([session.earlier(), session.earlier()]);

    expect(session.state.get().turns.map((turn) => turn.n)).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
  });

  test('history, status and export answer what the server has', async () => {
    using client = open();
    const session = client.session(`all ${via}`);
    for (const text of ['one', 'two', 'three']) await session.say(text).response;

    const [page, status, all] = await Promise.all([
      session.history({ limit: 2 }),
      session.status(),
      session.export(),
    ]);
    const before = await session.history({ before: Number(page.next_before) });

    expect(page.turns.map((turn) => turn.n)).toEqual([2, 3]);
    expect(before.turns.map((turn) => turn.n)).toEqual([1]);
    expect(status.turn_count).toBe(3);
    expect(all).toEqual((await rest(app.url, `GET ${pathOf(`all ${via}`, '/export')}`)).body);
    expect(all.turns.map((turn) => turn.user_input)).toEqual(['one', 'two', 'three']);
  });

  test('a delete is seen by another client, and nothing is left on either side', async () => {
    const storage = new TabStorage();
    using client = open(storage);
    using watcher = open();
    const session = client.session(`gone ${via}`);
    const other = watcher.session(`gone ${via}`);
    await session.say('my secret').response;
    await other.open();
    await rests(other, 1);
    session.keepDraft('another secret');
    const told: SessionEvents['session:deleted'][] = [];
    other.on('session:deleted', (payload) => told.push(payload));

    await session.delete();
    const state = await reaches(other.state, ({ phase }) => phase === 'deleted', 'the delete');

    for (const { turns, live, pending, remarks, help, info } of [state, session.state.get()])
      expect({ turns, live, pending, remarks, help, info }).toEqual({
        turns: [],
        live: null,
        pending: [],
        remarks: [],
        help: null,
        info: null,
      });
    expect(session.state.get().phase).toBe('deleted');
    expect(session.draft).toBe('');
    expect(storage.text).not.toContain('secret');
    expect(told).toHaveLength(1);
    expect(await failureOf(other.status())).toEqual(refusal('SESSION_NOT_FOUND'));
  });

  test('[S-6] words said after a delete begin a new session under the id, with nothing of the old one', async () => {
    using client = open();
    using watcher = open();
    const session = client.session(`anew ${via}`);
    const other = watcher.session(`anew ${via}`);
    await session.say('the old words').response;
    await other.open();
    await session.delete();
    await reaches(other.state, ({ phase }) => phase === 'deleted', 'the delete');

    await session.say('the new words').response;
    await other.say('and newer ones').response;

    const expected = [
      { n: 1, user_input: 'the new words' },
      { n: 2, user_input: 'and newer ones' },
    ];
    expect((await rests(session, 2)).turns).toMatchObject(expected);
    expect((await rests(other, 2)).turns).toMatchObject(expected);
  });
});
