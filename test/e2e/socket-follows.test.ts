import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { pathOf, rest } from '../support/rest.ts';
import { input, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

const REPLY = words(20);
const LIMIT = 200;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply: REPLY } } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

/** Everything of a session that came, with the acks in their place. */
function record(socket: SocketClient): string[] {
  const seen: string[] = [];
  socket.socket.onAny((event: string) => seen.push(event));
  socket.socket.io.on('packet', ({ type }: { type: number }) => {
    if (type === 3) seen.push('ack');
  });
  return seen;
}

const speakByRest = (id: string) =>
  rest(scene.url, `POST ${pathOf(id, '/input')}`, { body: { user_input: 'hello' } });

describe('a socket', () => {
  test('that creates a session follows it from the cursor of the ack', async () => {
    using socket = await connect(scene.url);
    const client = socket.feed(new Client('created'));
    const { cursor } = await socket.must('session:create', 'created');
    await speakByRest('created');

    await client.until(({ turns }) => turns[0]?.state === 'done', 'the reply');

    expect(String(cursor).endsWith('.0')).toBe(true);
    expect(client.text()).toBe(REPLY);
    expect(client.counts.repeats).toBe(0);
  });

  test('whose input makes a session follows it from just before the first entry, with nothing of it before the ack', async () => {
    using socket = await connect(scene.url);
    const seen = record(socket);
    const client = socket.feed(new Client('made'));
    const { turn_id: turnId, cursor } = await input(socket, 'made', 'hello');
    await client.ended(turnId);

    expect(cursor.endsWith('.0')).toBe(true);
    expect(seen[0]).toBe('ack');
    expect(seen).toContain('turn:started');
  });

  test('whose input touches a session it does not follow gets nothing of the turns before', async () => {
    await speakByRest('touched');
    using socket = await connect(scene.url);
    const client = socket.feed(new Client('touched'));
    const { turn_id: turnId, n } = await input(socket, 'touched', 'again');
    await client.ended(turnId);

    expect(n).toBe(2);
    expect(client.turns).toMatchObject([{ n: 2, text: REPLY }]);
  });

  test('that follows already just goes on when it speaks', async () => {
    using socket = await connect(scene.url);
    const client = await followed(socket, 'goes on');
    for (const text of ['one', 'two', 'three']) {
      const { turn_id: turnId } = await input(socket, 'goes on', text);
      await client.ended(turnId);
    }

    expect(client.turns.map(({ userInput, text }) => [userInput, text])).toEqual(
      ['one', 'two', 'three'].map((text) => [text, REPLY]),
    );
    expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
  });

  test('that repeats an input follows that turn from its first entry', async () => {
    const first = await scene.speak('repeated', 'hello', { input_id: 'once' });
    await first.client.ended(first.admission.turn_id);
    using socket = await connect(scene.url);
    const client = socket.feed(new Client('repeated'));

    const again = await input(socket, 'repeated', 'hello', { input_id: 'once' });

    expect(again).toMatchObject({ turn_id: first.admission.turn_id, duplicate: true });
    expect(await client.ended(again.turn_id)).toMatchObject({ text: REPLY });
  });

  test('gets nothing of the log before the ack of its join', async () => {
    await speakByRest('ack first');
    using socket = await connect(scene.url);
    const seen = record(socket);
    const { session } = await socket.must('session:join', { session_id: 'ack first' });
    const epoch = String(JSON.parse(JSON.stringify(session)).epoch);
    await socket.must('session:leave', { session_id: 'ack first' });
    await socket.must('session:join', { session_id: 'ack first', after: `${epoch}.0` });
    await socket.until(() => socket.of('therapist:done').length > 0, 'the end of the turn');

    expect(seen.slice(0, 3)).toEqual(['ack', 'ack', 'ack']);
    expect(seen[3]).toBe('turn:started');
  });

  test('hears nothing more of a session behind the ack of session:leave', async () => {
    using socket = await connect(scene.url);
    await followed(socket, 'left');
    scene.fake.hold('piece', 10);
    const { turn_id: turnId } = await input(socket, 'left', 'hello');
    await socket.until(() => socket.of('therapist:token').length > 0, 'some words');
    await socket.must('session:leave', { session_id: 'left' });
    const heard = socket.received.length;
    scene.fake.release();
    using other = await connect(scene.url);
    await (await other.follow('left')).ended(turnId);
    await socket.must('session:status', { session_id: 'left' });

    expect(socket.received).toHaveLength(heard);
  });

  test('follows several sessions at once, each in its own order', async () => {
    using socket = await connect(scene.url);
    const ids = Array.from({ length: 20 }, (_, i) => `several ${i}`);
    const clients = ids.map((id) => socket.feed(new Client(id)));
    const turns = await Promise.all(ids.map((id) => input(socket, id, `hello ${id}`)));
    const ended = await Promise.all(clients.map((client, i) => client.ended(turns[i]?.turn_id ?? '')));

    expect(ended.map(({ text, userInput }) => [text, userInput])).toEqual(
      ids.map((id) => [REPLY, `hello ${id}`]),
    );
  });
});

async function followed(socket: SocketClient, id: string): Promise<Client> {
  const client = socket.feed(new Client(id));
  await socket.must('session:create', id);
  return client;
}

describe('session:deleted', () => {
  test('[S-6] reaches every follower, and the follow ends', async () => {
    scene.fake.hold('piece', 5);
    const { client, socket } = await scene.speak('deleted', 'hello');
    const polled = await connect(scene.url, { transports: ['polling'] });
    const other = await polled.follow('deleted');
    const streamed = new Client('deleted');
    using stream = await openEvents(scene.url, pathOf('deleted', '/events'), { client: streamed });
    await streamed.until((one) => one.text().length > 0, 'some words');
    const poll = rest(scene.url, `GET ${pathOf('deleted', `/log?wait=20&after=${streamed.cursor}`)}`);
    const waiting = rest(scene.url, `POST ${pathOf('deleted', '/input')}`, {
      body: { user_input: 'instead', interrupt: true },
    });
    await client.until(({ turns }) => turns.length === 2, 'the turn that is waited for');

    await socket.must('session:delete', { session_id: 'deleted' });
    for (const one of [client, other, streamed]) await one.until(({ isDeleted }) => isDeleted, 'the end');

    expect(await stream.ended()).toBe('whole');
    expect(stream.events.at(-1)?.event).toBe('session:deleted');
    expect(['tail', 'SESSION_NOT_FOUND']).toContain((await poll).body['mode'] ?? (await poll).body['code']);
    expect((await waiting).body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
    polled.close();
  });

  test('[S-6] tells those who wait in a long poll', async () => {
    const { client, admission } = await scene.speak('polled', 'hello');
    await client.ended(admission.turn_id);
    const poll = rest(scene.url, `GET ${pathOf('polled', `/log?wait=20&after=${client.cursor}`)}`);
    await rest(scene.url, `DELETE ${pathOf('polled')}`);

    expect(await poll).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
  });

  test('[S-6] ends the follow: a session made anew under the id is not heard of without a join', async () => {
    const { client, socket, admission } = await scene.speak('anew', 'hello');
    await client.ended(admission.turn_id);
    await rest(scene.url, `DELETE ${pathOf('anew')}`);
    await client.until(({ isDeleted }) => isDeleted, 'session:deleted');
    const heard = socket.received.length;
    await speakByRest('anew');
    await socket.must('session:status', { session_id: 'anew' });

    expect(socket.received).toHaveLength(heard);
  });

  test('[S-6] then the old cursor gets a snapshot of the new session and no old text', async () => {
    scene.fake.next({ reply: 'The old words.' });
    const { client, admission } = await scene.speak('reborn', 'hello');
    await client.ended(admission.turn_id);
    await rest(scene.url, `DELETE ${pathOf('reborn')}`);
    await speakByRest('reborn');
    using socket = await connect(scene.url);
    const answer = await socket.must('session:join', { session_id: 'reborn', after: client.cursor });

    expect(answer).toMatchObject({ mode: 'snapshot', turns: [{ text: REPLY, n: 1 }] });
    expect(JSON.stringify(answer)).not.toContain('old words');
  });
});

describe('a socket may follow 200 sessions', () => {
  test('and is refused one more, until it leaves one (scenario 19)', async () => {
    using socket = await connect(scene.url);
    for (let i = 0; i < LIMIT; i++) await socket.must('session:create', `limit ${i}`);

    const refusals = [
      await socket.refused('session:create', 'limit 200'),
      await socket.refused('session:join', { session_id: 'anew' }),
    ];
    await input(socket, 'limit 7', 'still served');
    await socket.must('session:leave', { session_id: 'limit 0' });
    const after = await socket.call('session:create', 'limit 200');

    expect(refusals.map(({ code, retryable }) => [code, retryable])).toEqual(
      refusals.map(() => ['RATE_LIMITED', true]),
    );
    expect(after).toMatchObject({ ok: true, created: true });
  });

  test('[P-12] and no input is refused for that: its session is followed too (scenario 19)', async () => {
    using socket = await connect(scene.url);
    for (let i = 0; i < LIMIT; i++) await socket.must('session:create', `taken ${i}`);
    const client = socket.feed(new Client('one more'));
    const { turn_id: turnId } = await input(socket, 'one more', 'hello');

    expect(await client.ended(turnId)).toMatchObject({ state: 'done', text: REPLY });
  });

  test('also when it asks for all of them at once (scenario 19)', async () => {
    const ids = Array.from({ length: LIMIT + 50 }, (_, i) => `burst ${i}`);
    using maker = await connect(scene.url);
    for (const id of ids.slice(0, LIMIT)) await maker.must('session:create', id);
    using second = await connect(scene.url);
    for (const id of ids.slice(LIMIT)) await second.must('session:create', id);
    using socket = await connect(scene.url);

    const answers = await Promise.all(ids.map((id) => socket.call('session:join', { session_id: id })));

    expect(answers.filter(({ ok }) => ok)).toHaveLength(LIMIT);
    expect(new Set(answers.filter(({ ok }) => !ok).map(({ error }) => error?.code))).toEqual(
      new Set(['RATE_LIMITED']),
    );
  });

  test('also when it creates more of them at once, and what is refused is not made (scenario 19)', async () => {
    using socket = await connect(scene.url);
    const ids = Array.from({ length: LIMIT + 5 }, (_, i) => `spoken ${i}`);
    const answers = await Promise.all(ids.map((id) => socket.call('session:create', id)));
    const refused = ids.filter((_, i) => !answers[i]?.ok);
    const { body } = await rest(scene.url, 'GET /api/v1/sessions');

    expect(refused).toHaveLength(5);
    for (const id of refused) expect(JSON.stringify(body)).not.toContain(`"${id}"`);
  });
});
