// Session ids are any string on every transport: [S-1] to [S-3] against the running server.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

const made = /^session_\d{8}_\d{6}_[0-9a-f]{8}$/;
const emoji = '👩🏽‍🚀';

const odd: [name: string, id: string][] = [
  ['a slash', 'a/b'],
  ['only a slash', '/'],
  ['two slashes', '//evil.example/x'],
  ['a question mark', 'a?b=c'],
  ['a hash', 'a#b'],
  ['a percent', '100%'],
  ['an encoded slash', 'a%2Fb'],
  ['one dot', '.'],
  ['two dots', '..'],
  ['a way out of a directory', '../../etc/passwd'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['toString', 'toString'],
  ['one space', ' '],
  ['spaces around', '  id  '],
  ['a NUL', 'a\0b'],
  ['a newline', 'a\r\nb'],
  ['an emoji', emoji],
  ['right-to-left text', 'שלום‮abc‬'],
  ['U+2028', 'a\u2028b'],
  ['a plus and an ampersand', 'a+b&c=d'],
  ['quotes', `"'\``],
  ['SQL', "'; DROP TABLE sessions; --"],
  ['braces, as hash tags have', '{a}b{c}'],
  ['a byte order mark', '\uFEFFid'],
  ['the last code point', '\u{10FFFF}'],
  ['a noncharacter', 'a\uFFFFb'],
  ['the route word create', 'create'],
  ['the route word input', 'input'],
  ['the route word sessions', 'sessions'],
  ['a number', '9223372036854775808'],
  ['the word null', 'null'],
  ['10,000 characters', 'x'.repeat(10_000)],
  ['10,000 emoji', '😀'.repeat(10_000)],
];

const create = async (body: unknown) => await rest(server.url, 'POST /api/v1/session/create', { body });

describe.each(odd)('[S-1] an id with %s', (name, id) => {
  test('is created, spoken to, read, followed and deleted over REST', async () => {
    const created = await create({ session_id: id });
    const input = await rest(server.url, `POST ${pathOf(id, '/input')}`, {
      body: { user_input: `over REST, ${name}` },
    });
    const turnId = String(input.body['turn_id']);
    const status = await rest(server.url, `GET ${pathOf(id, '/status')}`);
    const history = await rest(server.url, `GET ${pathOf(id, '/history')}`);
    const turn = await rest(server.url, `GET ${pathOf(id, `/turns/${turnId}`)}`);
    const log = await rest(server.url, `GET ${pathOf(id, '/log')}`);
    const client = new Client(id);
    using events = await openEvents(server.url, pathOf(id, '/events'), { client });
    await events.until(() => events.events.length > 0, 'the snapshot');
    const read = client.text(turnId);
    const gone = await rest(server.url, `DELETE ${pathOf(id)}`);

    expect(created).toMatchObject({ status: 200, body: { session_id: id, created: true } });
    expect(input).toMatchObject({ status: 200, body: { session_id: id, n: 1 } });
    expect(status).toMatchObject({ status: 200, body: { session_id: id, turn_count: 1 } });
    expect(history.body).toMatchObject({ turns: [{ turn_id: turnId, user_input: `over REST, ${name}` }] });
    expect(turn).toMatchObject({ status: 200, body: { turn_id: turnId, state: 'done' } });
    expect(log.body).toMatchObject({ mode: 'snapshot', session: { session_id: id } });
    expect(read).toBe(input.body['therapist_response']);
    expect(gone.status).toBe(200);
  });

  test('is created, joined, spoken to and deleted over a socket', async () => {
    using socket = await connect(server.url);
    const client = socket.feed(new Client(id));

    const session = await socket.must('session:create', id);
    const input = await socket.must('session:input', {
      session_id: id,
      user_input: `over a socket, ${name}`,
    });
    const turn = await client.ended(String(input['turn_id']));
    const status = await socket.must('session:status', { session_id: id });
    const history = await socket.must('session:history', { session_id: id });
    await socket.must('session:leave', { session_id: id });
    const joined = await socket.must('session:join', { session_id: id });
    await socket.must('session:delete', { session_id: id });
    await client.until(({ isDeleted }) => isDeleted, 'session:deleted');

    expect(session).toMatchObject({ session_id: id, created: true });
    expect(turn).toMatchObject({ state: 'done', userInput: `over a socket, ${name}` });
    expect(status).toMatchObject({ session_id: id, turn_count: 1 });
    expect(history).toMatchObject({ turns: [{ text: turn.text }] });
    expect(joined).toMatchObject({ mode: 'snapshot', session: { session_id: id } });
    expect(await socket.refused('session:status', { session_id: id })).toMatchObject({
      code: 'SESSION_NOT_FOUND',
    });
  });
});

const pairs: [name: string, one: string, other: string][] = [
  ['case', 'Session_001', 'session_001'],
  ['Unicode normal forms', 'caf\u00e9', 'cafe\u0301'],
  ['look-alikes', 'pаypal', 'paypal'],
  ['spaces at the end', 'id', 'id '],
  ['percent-encoding', 'p/q', 'p%2Fq'],
  ['plus and space', 'p q', 'p+q'],
  ['full-width digits', 'n1', 'n１'],
  ['a NUL at the end', 'nul', 'nul\0'],
  ['what comes behind 10,000 equal characters', `${'y'.repeat(10_000)}1`, `${'y'.repeat(10_000)}2`],
  ['a variation selector', '❤', '❤\uFE0F'],
];

test.each(pairs)('[S-1] ids that differ by %s are two sessions (scenario 56)', async (_, one, other) => {
  using socket = await connect(server.url);
  const ours = socket.feed(new Client(one));
  const theirs = socket.feed(new Client(other));
  await socket.must('session:create', one);
  await socket.must('session:create', other);

  const first = await socket.must('session:input', { session_id: one, user_input: 'from one' });
  await ours.ended(String(first['turn_id']));
  const second = await socket.must('session:input', { session_id: other, user_input: 'from the other' });
  await theirs.ended(String(second['turn_id']));

  expect(ours.turns.map(({ userInput }) => userInput)).toEqual(['from one']);
  expect(theirs.turns.map(({ userInput }) => userInput)).toEqual(['from the other']);
});

test("[S-1] a socket's own id as a session id reaches its followers and nobody else (scenario 56)", async () => {
  using socket = await connect(server.url);
  using other = await connect(server.url);
  const id = String(other.socket.id);
  const client = socket.feed(new Client(id));

  const input = await socket.must('session:input', { session_id: id, user_input: 'to a room of that name?' });
  await client.ended(String(input['turn_id']));
  await other.must('session:status', { session_id: id });

  expect(other.received).toEqual([]);
});

test('[S-1] followers of odd ids get the events of their own session only (scenario 56)', async () => {
  const ids = [
    '../x',
    '{a}',
    '{a}1',
    'a'.repeat(20),
    'a'.repeat(64),
    'a'.repeat(65),
    'x\0',
    'x',
    '__proto__',
    '*',
    '%',
  ];
  using speaker = await connect(server.url);
  using follower = await connect(server.url);
  const clients = new Map<string, Client>();
  for (const id of ids) {
    await speaker.must('session:create', id);
    clients.set(id, await follower.follow(id));
  }

  const said = await Promise.all(
    ids.map(async (id) => await speaker.must('session:input', { session_id: id, user_input: `for ${id}` })),
  );

  for (const [i, id] of ids.entries()) {
    const client = clients.get(id);
    await client?.ended(String(said[i]?.['turn_id']));
    expect(client?.turns.map(({ userInput }) => userInput)).toEqual([`for ${id}`]);
  }
});

describe('[S-2] not provided', () => {
  const nothing: [name: string, body: unknown][] = [
    ['absent', {}],
    ['null', { session_id: null }],
    ['empty', { session_id: '' }],
    ['an empty body', undefined],
  ];
  test.each(nothing)('%s gives a made id over REST', async (_, body) => {
    const { status, body: session } = await create(body);

    expect(status).toBe(200);
    expect(session['session_id']).toMatch(made);
  });

  test.each([...nothing, ['an empty string', ''], ['null itself', null]])(
    '%s gives a made id over a socket',
    async (_, payload) => {
      using socket = await connect(server.url);

      const session =
        payload === undefined
          ? await socket.must('session:create')
          : await socket.must('session:create', payload);

      expect(session['session_id']).toMatch(made);
    },
  );

  test('200 made ids at once are all different', async () => {
    using socket = await connect(server.url);

    const sessions = await Promise.all(
      Array.from({ length: 200 }, async () => await socket.must('session:create')),
    );

    expect(new Set(sessions.map((session) => session['session_id'])).size).toBe(200);
  });

  test('the time in a made id is UTC', async () => {
    const { body } = await create({});

    const time = String(body['created_at']).slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
    expect(String(body['session_id'])).toContain(`session_${time.slice(0, 8)}_`);
  });

  test.each(['', null, undefined])('an input to %j is refused: it needs an id', async (id) => {
    using socket = await connect(server.url);

    const overSocket = await socket.refused('session:input', { session_id: id, user_input: 'hello' });
    const overRest = await rest(server.url, 'POST /api/v1/input', {
      body: { session_id: id, user_input: 'hello' },
    });

    expect(overSocket).toMatchObject({
      code: 'VALIDATION_FAILED',
      detail: [{ loc: ['body', 'session_id'] }],
    });
    expect(overRest).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'session_id'] }] } });
  });
});

describe('[S-3] refused, and the field is named', () => {
  const bad: [name: string, json: string][] = [
    ['a number', '7'],
    ['a boolean', 'true'],
    ['an array', '["a"]'],
    ['an object', '{"a":1}'],
    ['a lone high surrogate', String.raw`"\ud800"`],
    ['a lone low surrogate', String.raw`"a\udc00b"`],
    ['surrogates in the wrong order', String.raw`"\udc00\ud800"`],
  ];
  const refusal = { code: 'VALIDATION_FAILED', detail: [{ loc: ['body', 'session_id'] }] };

  test.each(bad)('%s as an id', async (_, json) => {
    using socket = await connect(server.url);
    const body = `{"session_id":${json},"user_input":"hello"}`;

    const created = await rest(server.url, 'POST /api/v1/session/create', { body });
    const spoken = await rest(server.url, 'POST /api/v1/input', { body });
    const payload: unknown = JSON.parse(body);
    const overSocket = await Promise.all(
      [
        'session:create',
        'session:join',
        'session:input',
        'session:status',
        'session:delete',
        'turn:cancel',
      ].map(async (event) => await socket.refused(event, payload)),
    );

    expect(created).toMatchObject({ status: 422, body: refusal });
    expect(spoken).toMatchObject({ status: 422, body: refusal });
    for (const failure of overSocket) expect(failure).toMatchObject(refusal);
  });

  test('a lone surrogate in a path is not even UTF-8', async () => {
    const { status, body } = await rest(server.url, 'GET /api/v1/session/%ED%A0%80/status');

    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'MALFORMED_JSON' });
  });

  test('a refused id leaves the list of sessions readable', async () => {
    await create('{"session_id":"\\ud800"}');

    const { status, text } = await rest(server.url, 'GET /api/v1/sessions');

    expect(status).toBe(200);
    expect(text.isWellFormed()).toBe(true);
  });
});
