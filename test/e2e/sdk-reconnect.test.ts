// The SDK through lost connections: half-open ones, cuts at random, a server that is killed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../client/sdk/client.ts';
import { Client } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { feeds, reaches, rests, shows, textOf, transports, wordsOf } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { deadline } from '../support/wait.ts';

const patience = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000', OLLAMA_NUM_PREDICT: '5000' };

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { ...patience, OLLAMA_SLOTS: '8' } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

describe.for(transports)('over %s', (via) => {
  test('[P-4] nothing is lost that went into a half-open connection (scenario 3)', async () => {
    const reply = words(60);
    const id = `half-open ${via}`;
    scene.fake.next({ reply });
    scene.fake.hold('piece', 20);
    scene.fake.hold('piece', 40);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const { client: steady } = await scene.speak(id, 'hello');
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(id);
    await session.open();
    await shows(session, words(20));

    proxy.swallow();
    scene.fake.release('piece', 20);
    await steady.until(() => steady.text() === words(40), 'forty words');
    // a poll may be on its way up just then
    await proxy.until(() => proxy.lost.down + proxy.lost.up > 100, 'words that got lost');
    proxy.heal();
    proxy.reset();
    await shows(session, words(40));
    scene.fake.release();
    const { turns } = await rests(session, 1, 60_000);

    expect(turns).toMatchObject([{ state: 'done', text: reply }]);
  });

  test(`[P-2] [P-3] every logged event comes once and in order through random cuts (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const id = `fuzz ${via}`;
    scene.fake.next({ words: 250, hardText: true, rate: 200 }, 2);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = await client.create({ session_id: id });
    const heard = new Client(id);
    heard.acked((await session.open()).cursor);
    using _events = feeds(session, heard);
    const cuts = proxy.onBytes(() => {
      if (random.chance(0.04)) proxy.cutAfter('down', random.between(1, 4_000));
      else if (random.chance(0.01)) proxy.reset();
    });

    const replies = [session.say('the first'), session.say('the second')] as const;
    const iterated = Promise.all(replies.map((reply) => wordsOf(reply)));
    await deadline(replies[1].turnId, 'the second turn', 60_000);
    cuts[Symbol.dispose]();
    proxy.cutAfter('down', Number.MAX_SAFE_INTEGER);
    const responses = await deadline(
      Promise.all(replies.map(({ response }) => response)),
      'both responses',
      60_000,
    );
    await heard.until(
      ({ turns }) => turns.length === 2 && turns.every(({ state }) => state === 'done'),
      'the end of both in the events',
    );

    expect(proxy.accepted).toBeGreaterThan(1);
    expect(heard.counts).toMatchObject({ repeats: 0 });
    expect(heard.turns.map(({ text }) => text)).toEqual(responses.map((one) => one.therapist_response));
    expect((await iterated).map((all) => all.join(''))).toEqual(heard.turns.map(({ text }) => text));
  });

  test('[P-8] an iteration goes on over a kill -9 of the server, and its words are exactly the reply (scenario 32)', async () => {
    const reply = words(40);
    await using own = await openScene({ env: patience, fake: { behaviour: { reply } } });
    own.fake.hold('piece', 12);
    await using proxy = await startTcpProxy({ target: own.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session('killed');
    const said = session.say('hello');
    const iterated = wordsOf(said);
    await shows(session, firstWords(reply, 12));

    await own.kill();
    own.fake.release();
    await own.start();
    proxy.retarget(own.server.port);

    expect((await said.response).therapist_response).toBe(reply);
    expect((await iterated).join('')).toBe(reply);
    expect(await textOf(said)).toBe(reply);
    expect(session.state.get().turns).toHaveLength(1);
  });

  test('[P-6] an input whose server died before it could answer is one turn after the restart (scenario 53)', async () => {
    const reply = words(10);
    await using own = await openScene({ env: patience, fake: { behaviour: { reply } } });
    await using proxy = await startTcpProxy({ target: own.server.port });
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = await client.create({ session_id: 'died' });
    proxy.swallow('down');
    own.fake.hold('prompt');
    const said = session.say('hello');
    await own.fake.reached('prompt');

    await own.kill();
    proxy.heal();
    proxy.reset();
    own.fake.release();
    await own.start();
    proxy.retarget(own.server.port);
    const response = await said.response;

    expect(response).toMatchObject({ therapist_response: reply, n: 1 });
    expect((await session.history()).turns).toHaveLength(1);
  });
});

test('connection states are new objects that tell what happened', async () => {
  await using proxy = await startTcpProxy({ target: scene.server.port });
  using client = createClient({ url: proxy.url, transports: ['socket'] });
  const seen = [client.connection.get()];
  client.connection.subscribe(() => seen.push(client.connection.get()));
  const session = await client.create({});
  proxy.refuse();
  proxy.reset();
  await reaches(
    client.connection,
    (state) => state.phase === 'waiting' && state.reason === 'unreachable',
    'a second try',
  );
  await proxy.accept();
  await reaches(client.connection, ({ phase }) => phase === 'online', 'a connection', 60_000);

  session.close();
  client.close();
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.slice(0, 4).map(({ phase }) => phase)).toEqual(['idle', 'connecting', 'online', 'waiting']);
  expect(seen[3]).toMatchObject({ phase: 'waiting', reason: 'lost', attempt: 1 });
  expect(seen.at(-1)).toEqual({ phase: 'closed', error: null });
});
