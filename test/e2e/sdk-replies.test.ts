// A reply in the hands of the SDK's user: its words, stopping it, running it again, and words that are taken back.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Reply } from '../../client/sdk/api.ts';
import { createClient, ReplyReset } from '../../client/sdk/client.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { failureOf, Listening, reaches, rests, shows, textOf, transports, wordsOf } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { deadline } from '../support/wait.ts';

const reply = words(30);
const ten = firstWords(reply, 10);
const other = words(25, 'other');
const coded = (code: string) => expect.objectContaining({ name: 'ChatError', code });

let scene: Scene;
beforeAll(async () => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000', OLLAMA_SLOTS: '8' };
  scene = await openScene({ env, fake: { behaviour: { reply } } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

const openClosed = sharedScene({
  env: { RAW_REPLIES: '1' },
  fake: { behaviour: { reply: other, render: 'closed' } },
});
/** A model that breaks off after ten words and then says something else. */
async function openForgetful(): Promise<Scene> {
  const own = await openClosed();
  own.fake.hold('piece', 10);
  own.fake.next({ reply, fault: { kind: 'close', after: 10 } });
  return own;
}

describe.for(transports)('over %s', (via) => {
  const open = (url = scene.url) => createClient({ url, transports: [via] });

  test('[P-3] every iteration begins at the first word, whenever it begins', async () => {
    scene.fake.hold('piece', 10);
    using client = open();
    const session = client.session(`iterations ${via}`);
    const said = session.say('hello');
    const early = wordsOf(said);
    await shows(session, ten);
    expect(said.text).toBe(ten);
    const middle = wordsOf(said);
    scene.fake.release();
    const { therapist_response: whole } = await said.response;
    const late = await wordsOf(said);

    expect(whole).toBe(reply);
    expect((await early).join('')).toBe(reply);
    expect((await middle).join('')).toBe(reply);
    expect(late.join('')).toBe(reply);
    expect((await early).length).toBeGreaterThan(1);
    expect((await early).every((word) => word !== '')).toBe(true);
  });

  test('an iteration that is left does not stop the reply', async () => {
    using client = open();
    const said = client.session(`left ${via}`).say('hello');

    for await (const word of said) {
      expect(reply.startsWith(word)).toBe(true);
      break;
    }

    expect((await said.response).therapist_response).toBe(reply);
  });

  test('words are handed out while the reply goes on', async () => {
    scene.fake.hold('piece', 10);
    using client = open();
    const said = client.session(`early ${via}`).say('hello');
    const iteration = said[Symbol.asyncIterator]();
    let heard = '';
    while (heard !== ten) {
      const { value } = await deadline(iteration.next(), `more than ${heard}`);
      heard += value;
    }
    scene.fake.release();

    expect(ten).toBe(heard);
    expect((await said.response).therapist_response).toBe(reply);
  });

  test('[P-7] cancel stops a live reply, and no word comes behind it', async () => {
    scene.fake.hold('piece', 10);
    const id = `cancel ${via}`;
    using client = open();
    const session = client.session(id);
    const said = session.say('hello');
    const heard = wordsOf(said);
    await shows(session, ten);

    await said.cancel();
    const then = said.text;
    scene.fake.release();
    await scene.fake.idle();

    expect(then).toBe(ten);
    expect((await heard).join('')).toBe(ten);
    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
    expect(await said.turnId).toBe(session.state.get().turns[0]?.turn_id);
    expect(session.state.get()).toMatchObject({ live: null, turns: [{ state: 'cancelled', text: ten }] });
    expect((await session.history()).turns).toMatchObject([{ state: 'cancelled', text: ten }]);
    await said.cancel();
  });

  test('a signal that aborts stops a live reply', async () => {
    scene.fake.hold('piece', 10);
    using client = open();
    const session = client.session(`signal ${via}`);
    const stop = new AbortController();
    const said = session.say('hello', { signal: stop.signal });
    await shows(session, ten);

    stop.abort();

    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
    expect(await textOf(said)).toBe(ten);
    expect((await rests(session, 1)).turns).toMatchObject([{ state: 'cancelled' }]);
  });

  test('a signal that has aborted before lets nothing out', async () => {
    using client = open();
    const session = client.session(`aborted ${via}`);
    const said = session.say('hello', { signal: AbortSignal.abort() });

    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
    expect(await failureOf(session.status())).toEqual(coded('SESSION_NOT_FOUND'));
    expect(session.state.get().pending).toEqual([]);
  });

  test('cancel before the input is stored takes it back', async () => {
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.refuse();
    using client = open(proxy.url);
    const session = client.session(`not stored ${via}`);
    const said = session.say('hello');
    const heard = wordsOf(said);
    await reaches(client.connection, ({ phase }) => phase === 'waiting', 'a failed try');

    await deadline(said.cancel(), 'the cancel');
    await proxy.accept();

    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
    expect(await failureOf(said.turnId)).toEqual(coded('TURN_CANCELLED'));
    expect(await heard).toEqual([]);
    expect(session.state.get().pending).toEqual([]);
    expect(await failureOf(session.status(), 30_000)).toEqual(coded('SESSION_NOT_FOUND'));
  });

  test('[P-7] cancel of an input whose answer got lost cancels its turn', async () => {
    scene.fake.hold('piece', 5);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = open(proxy.url);
    const session = await client.create({ session_id: `maybe stored ${via}` });
    await session.open();
    proxy.swallow('down');
    const said = session.say('cancel me');
    await scene.fake.until(
      () => scene.fake.of('chat').some((chat) => chat.ending === null && chat.piecesSent === 5),
      'the turn',
    );

    const cancelled = said.cancel();
    proxy.heal();
    proxy.reset();
    await deadline(cancelled, 'the cancel', 60_000);

    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
    expect((await session.history()).turns).toMatchObject([{ user_input: 'cancel me', state: 'cancelled' }]);
  });

  test('[P-7] cancel without a network is asked for until it is done', async () => {
    scene.fake.hold('piece', 10);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using client = open(proxy.url);
    const session = client.session(`stop offline ${via}`);
    const said = session.say('hello');
    await shows(session, ten);
    proxy.refuse();
    proxy.reset();
    await reaches(client.connection, ({ phase }) => phase !== 'online', 'the loss');

    const cancelled = session.cancel();
    await proxy.accept();

    expect(await deadline(cancelled, 'the cancel', 60_000)).toEqual({
      turn_id: await said.turnId,
      state: 'cancelled',
    });
    expect(await failureOf(said.response)).toEqual(coded('TURN_CANCELLED'));
  });

  test('cancel with nothing live says so', async () => {
    using client = open();
    const session = await client.create({ session_id: `nothing live ${via}` });

    expect(await failureOf(session.cancel())).toEqual(coded('TURN_NOT_FOUND'));
  });

  test('[P-6] interrupt ends the live turn and begins the new one', async () => {
    scene.fake.hold('piece', 10);
    using client = open();
    const session = client.session(`interrupt ${via}`);
    const first = session.say('the old input');
    const heard = wordsOf(first);
    await shows(session, ten);

    scene.fake.next({ reply: 'Nothing of that.' });
    const second = session.say('the new input', { interrupt: true });

    expect((await second.response).therapist_response).toBe('Nothing of that.');
    expect(await failureOf(first.response)).toEqual(coded('TURN_CANCELLED'));
    expect((await heard).join('')).toBe(ten);
    expect((await rests(session, 2)).turns).toMatchObject([
      { state: 'cancelled', text: ten },
      { state: 'done', text: 'Nothing of that.' },
    ]);
  });

  test('retry runs a cancelled turn again as a new one', async () => {
    scene.fake.hold('piece', 10);
    using client = open();
    const session = client.session(`retry ${via}`);
    const first = session.say('hello');
    await shows(session, ten);
    await first.cancel();
    scene.fake.release();

    const again = session.retry(await first.turnId);

    expect(await textOf(again)).toBe(reply);
    expect(await again.response).toMatchObject({ n: 2, therapist_response: reply });
    expect((await rests(session, 2)).turns).toMatchObject([
      { n: 1, state: 'cancelled', user_input: 'hello' },
      { n: 2, state: 'done', user_input: 'hello' },
    ]);
    expect(await failureOf(session.retry(await again.turnId).response)).toEqual(coded('TURN_NOT_FOUND'));
  });

  test('words that are taken back are told, and the rest goes on behind what was kept', async () => {
    const own = await openForgetful();
    using client = open(own.url);
    const session = client.session(`reset ${via}`);
    let said: Reply | undefined;
    const listening = new Listening((onReset) => (said = session.say('hello', { onReset })));
    await listening.hears(ten);
    own.fake.release();

    const response = await said?.response;
    await listening.over;

    expect(response?.therapist_response).toBe(other);
    expect(listening.kept).toHaveLength(1);
    expect(listening.text).toBe(other);
    expect(said && (await textOf(said))).toBe(other);
  });

  test('an iteration that cannot be told throws ReplyReset, and the next one has the whole text', async () => {
    const own = await openForgetful();
    using client = open(own.url);
    const session = client.session(`thrown ${via}`);
    const said = session.say('hello');
    const listening = new Listening(() => said);
    await listening.hears(ten);
    own.fake.release();

    const error = await failureOf(listening.over, 60_000);
    const { therapist_response: whole } = await said.response;

    expect(error).toBeInstanceOf(ReplyReset);
    expect(listening.text).toBe(ten);
    expect(whole).toBe(other);
    expect(await textOf(said)).toBe(other);
    expect((await rests(session, 1)).turns).toMatchObject([{ state: 'done', text: other }]);
  });
});

const openNarrow = sharedScene({ env: { OLLAMA_SLOTS: '1' }, fake: { behaviour: { reply } } });
// a long poll has the log only, and this is not in it
test.for(['socket', 'stream'] as const)(
  'a place in the queue, and what a turn does while no words come, is told over %s',
  async (via) => {
    const own = await openNarrow();
    own.fake.hold('piece', 10);
    using client = createClient({ url: own.url, transports: [via] });
    const first = client.session(`first ${via}`);
    const running = first.say('hello');
    await shows(first, ten);
    const second = client.session(`second ${via}`);
    const waiting = second.say('hello');

    const { activity } = await reaches(
      second.state,
      (state) => state.activity !== null,
      'a place in the queue',
    );
    own.fake.release();
    await Promise.all([running.response, waiting.response]);

    expect(activity).toMatchObject({ turnId: await waiting.turnId, phase: 'queued', position: 1 });
    expect(second.state.get().activity).toBeNull();
  },
);

test('[P-8] a turn that failed for good rejects with its code, keeps its words, and can be run again', async () => {
  const env = { RAW_REPLIES: '1', MODEL: 'ollama', OLLAMA_STALL_MS: '300', OLLAMA_FIRST_TOKEN_MS: '300' };
  await using own = await openScene({ env, fake: { behaviour: { reply } } });
  own.fake.next({ fault: { kind: 'error', after: 8 } });
  own.fake.always({ reply, fault: { kind: 'error', after: 0 } });
  using client = createClient({ url: own.url });
  const session = client.session('fails');
  const said = session.say('hello');
  const heard: string[] = [];

  const error = await failureOf(
    (async () => {
      for await (const word of said) heard.push(word);
    })(),
    40_000,
  );
  own.fake.always({ reply });
  const again = session.retry(await said.turnId);

  expect(error).toEqual(coded('MODEL_INTERRUPTED'));
  expect(await failureOf(said.response)).toEqual(coded('MODEL_INTERRUPTED'));
  expect(heard.join('')).toBe(firstWords(reply, 8));
  expect(await textOf(again)).toBe(reply);
  expect((await rests(session, 2)).turns).toMatchObject([
    { state: 'failed', text: firstWords(reply, 8), error: { code: 'MODEL_INTERRUPTED' } },
    { state: 'done', text: reply },
  ]);
});
