// What people do at the servers of the canary run: every operation once with success, every refusal, and what no client sends.
import { z } from 'zod';
import { operations } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { BREAKOUT, foundIn, phrase } from './canary.ts';
import { tokenFor } from './canary-cast.ts';
import type { Cast } from './canary-cast.ts';
import type { Stage } from './canary-stage.ts';
import { exchange } from './raw-socket.ts';
import { pathOf } from './rest.ts';
import { deadline } from './wait.ts';

type Fields = Record<string, unknown>;

const RISK = 'I am going to kill myself tonight';
/** Over what an input may have (docs/protocol.md section 7). */
const TOO_LONG = 16_001;
const TOO_LARGE = 256 * 1024 + 1;
/** More than the servers of the run take in one session. */
const FLOOD = 12;
const AS_WHOLE = 1;
const ASYNC = 3;

const say = (...names: string[]) => phrase('owner', ...names) + BREAKOUT;
const wish = (name: string) => `I want to feel calm about my ${say(name)}`;
const inputOf = (name: string) => ({ user_input: wish(name), input_id: say('id of', name) });
const Turn = z.looseObject({ turn_id: z.string() });
const Granted = z.looseObject({ capability_id: z.string(), token: z.string() });
const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string(), session_id: z.string() })) });

export const names = Object.keys(operations) as OperationName[];
/** What a model says that is shown, and what is not let through. */
export const shownReply = phrase('model', 'reply');
const reply = `And what is this ${shownReply} like for you now?`;
export const heldBack = phrase('held', 'back');
const unsafe = `Calm down, it's nothing. And then the ${heldBack} goes on for a while.`;

/** A session with all there is of one: replies, a failed and a cancelled turn, somebody who was let in. */
export async function speak(cast: Cast, { fake }: Stage): Promise<string> {
  const id = say('session');
  const created = { session_id: id, create_key: say('create key') };
  await cast.must('owner', 'session:create', created);
  await cast.must('owner', 'session:create', created);
  const speaks = (name: string, door = AS_WHOLE) =>
    cast.must('owner', 'session:input', { session_id: id, ...inputOf(name) }, door);
  fake.always({ reply });
  await speaks('first input');
  fake.next({ reply: unsafe });
  await speaks('second input');
  fake.next({ fault: { kind: 'error', after: 2, message: phrase('model', 'error') } });
  await speaks('third input');
  fake.next({ fault: { kind: 'line', line: `${phrase('model', 'line')}\n` } });
  await speaks('fourth input');
  fake.next({ refuse: { status: 400, error: phrase('model', 'refusal') } });
  const said = { session_id: id, ...inputOf('fifth input') };
  await cast.ask('owner', 'session:input', said, AS_WHOLE);
  fake.hold('piece', 1);
  const begun = fake.requests.length;
  const { turn_id: turnId } = Turn.parse(await speaks('sixth input', 0));
  await deadline(fake.reached('piece', 1, begun), 'a reply that is under way');
  await cast.must('owner', 'turn:cancel', { session_id: id, turn_id: turnId });
  fake.release();
  const again = Turn.parse(await cast.must('owner', 'turn:retry', { session_id: id, turn_id: turnId }));
  await cast.must('owner', 'turn:get', { session_id: id, turn_id: again.turn_id });
  await letIn(cast, id);
  await readAll(cast, id);
  return id;
}

async function letIn(cast: Cast, id: string): Promise<void> {
  const granted = Granted.parse(await cast.must('owner', 'session:grant', { session_id: id }));
  cast.enter('holder', granted.token);
  await cast.ask('holder', 'session:status', { session_id: id });
  await cast.ask('holder', 'session:export', { session_id: id });
  await cast.must('owner', 'session:grants', { session_id: id });
  await cast.must('owner', 'session:ticket', { session_id: id });
  const other = Granted.parse(await cast.must('owner', 'session:grant', { session_id: id }));
  const revoked = { session_id: id, capability_id: other.capability_id };
  await cast.must('owner', 'session:revoke', revoked);
  await cast.must('owner', 'auth:refresh', { token: tokenFor('owner') });
}

/** All that tells of a session. */
async function readAll(cast: Cast, id: string): Promise<void> {
  const of = { session_id: id };
  for (const name of ['session:status', 'session:history', 'session:export'] as const) {
    await cast.must('owner', name, of);
  }
  await cast.must('owner', 'session:join', of);
  await cast.must('owner', 'received', { ...of, seq: 1 });
  await cast.must('owner', 'session:leave', of);
  await cast.must('owner', 'session:log', { ...of, wait: 0 });
  await cast.must('owner', 'session:list', { after: undefined });
  for (const door of [0, 1]) await cast.must('owner', 'session:events', { ...of, ticket: undefined }, door);
}

/** A session that people behind the server see to. */
async function alarm(cast: Cast, { receiver }: Stage): Promise<void> {
  const id = say('alarmed');
  await cast.must('owner', 'session:create', {
    session_id: id,
    locale: say('locale'),
    country: say('country'),
  });
  const risk = { session_id: id, user_input: `${RISK}, ${say('risk')}` };
  await cast.must('owner', 'session:input', risk, AS_WHOLE);
  const { alerts } = Alerts.parse(await cast.must('operator', 'operator:alerts'));
  const alertId = alerts.find(({ session_id: of }) => of === id)?.alert_id;
  if (alertId === undefined) throw new Error('nobody was called');
  const of = { alert_id: alertId };
  const act = (name: OperationName, more: Fields = {}) => cast.must('operator', name, { ...of, ...more });
  await act('operator:alert');
  await act('operator:log', { wait: 0 });
  await act('operator:acknowledge');
  await act('operator:take_over', { minutes: 5 });
  await cast.must('owner', 'session:input', { session_id: id, ...inputOf('waiting') }, ASYNC);
  await act('operator:message');
  await act('operator:release');
  await act('operator:clear');
  await cast.must('operator', 'operator:announce');
  // the first try is refused
  await receiver.received(2);
}

/** Deletes a session while a reply to it is under way, by a model that goes on; `look` is asked just before. */
export async function erase(
  cast: Cast,
  { fake }: Stage,
  session: { who: string; id: string },
  look: () => Promise<void>,
): Promise<void> {
  const { who, id } = session;
  fake.always({ reply });
  fake.hold('piece', 1);
  const begun = fake.requests.length;
  await cast.must(who, 'session:input', { session_id: id, ...inputOf('last input') }, ASYNC);
  await deadline(fake.reached('piece', 1, begun), 'a reply that is under way');
  await look();
  await cast.must(who, 'session:delete', { session_id: id });
  fake.release();
  await fake.idle();
}

/** What others are told of a session, and what is refused over the limits. */
async function refuse(cast: Cast, id: string): Promise<void> {
  const flooded = say('flooded');
  for (const at of Array.from({ length: FLOOD }).keys()) {
    const user_input = at % 3 === 2 ? `${RISK}, ${say(`flood ${at}`)}` : wish(`flood ${at}`);
    await cast.ask('owner', 'session:input', { session_id: flooded, user_input, input_id: say(`id ${at}`) });
  }
  for (const who of ['stranger', 'foreigner', 'nobody']) {
    for (const name of names)
      await cast.ask(who, name, { session_id: id, user_input: phrase(who, 'first', 'input') });
    await cast.ask(who, 'session:list', {});
    await cast.ask(who, 'session:export', { session_id: phrase(who, 'session', 'input') });
  }
  for (const who of ['owner', 'nobody']) {
    const bodies = [
      `{"user_input": "${phrase(who, 'malformed')}`,
      { user_input: phrase(who, 'long').padEnd(TOO_LONG, '.') },
      phrase(who, 'large').padEnd(TOO_LARGE, '.'),
      [phrase(who, 'list')],
      { a: { b: { c: { d: { e: { f: { g: { h: { i: phrase(who, 'deep') } } } } } } } } },
    ];
    for (const body of bodies) await cast.send(who, 'POST /api/v1/input', { body });
  }
}

/** Requests with phrases in their lines and headers. */
async function knock(cast: Cast): Promise<void> {
  const here = pathOf(say('path'), '/status');
  const odd = phrase('header', 'value');
  const lines = [
    `GET /${phrase('path')}?${phrase('query')}=${phrase('query', 'value')}`,
    `GET /api/v1/${phrase('api', 'path')}`,
    `DELETE ${here}`,
    `PATCH /api/v1/sessions?after=${phrase('patch')}`,
    `GET /%zz${phrase('percent')}`,
    `GET /socket.io/?EIO=4&transport=${phrase('transport')}&sid=${phrase('sid')}`,
    `GET /socket.io/?EIO=4&transport=polling&sid=${phrase('sid')}&token=${phrase('token')}`,
    `GET ${here}?ticket=${phrase('ticket')}&token=${phrase('token')}`,
    `GET /health?${phrase('health')}`,
    'POST /api/v1/input',
  ];
  const named = Object.fromEntries(
    [
      'user-agent',
      'x-request-id',
      'last-event-id',
      'cookie',
      'referer',
      'x-forwarded-for',
      'forwarded',
      'via',
    ]
      .concat([
        'accept',
        'accept-language',
        'prefer',
        'traceparent',
        'idempotency-key',
        phrase('header', 'name'),
      ])
      .map((name) => [name, phrase('header', name)]),
  );
  const headers: Record<string, string>[] = [
    named,
    { ...named, authorization: `Basic ${odd}` },
    { ...named, authorization: `Bearer ${odd} ${odd}` },
    { origin: `https://${phrase('origin')}.example` },
    { host: `${phrase('host')}.example` },
    { 'content-type': `application/json; charset=${phrase('charset')}` },
    { 'content-type': `${phrase('type')}/x`, 'content-encoding': phrase('encoding') },
  ];
  for (const line of lines) {
    const answers = headers.map((each) => {
      const body = line.startsWith('POST')
        ? { user_input: wish('header'), session_id: say('headed') }
        : undefined;
      return cast.send('owner', line, { headers: each, ...(body && { body }) });
    });
    await Promise.all(answers);
  }
}

/** Bytes that no client sends. */
async function hammer(cast: Cast, { servers }: Stage): Promise<void> {
  const end = 'Host: localhost\r\nConnection: close\r\n';
  const texts = [
    `${phrase('raw')} ${phrase('raw', 'path')} ${phrase('raw', 'version')}\r\n\r\n`,
    `GET /${phrase('raw', 'line')}\u0001 HTTP/1.1\r\n${end}\r\n`,
    `GET / HTTP/1.1\r\n${end}X: ${phrase('raw', 'header')}\u0000\r\n\r\n`,
    `GET /${phrase('raw', 'expect')} HTTP/1.1\r\n${end}Expect: ${phrase('raw', 'expectation')}\r\n\r\n`,
    `GET /socket.io/?EIO=4&transport=websocket&x=${phrase('raw', 'upgrade')} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${phrase('raw', 'key')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    `POST /api/v1/input HTTP/1.1\r\n${end}Transfer-Encoding: chunked\r\n\r\n${phrase('raw', 'chunk')}\r\n\r\n`,
  ];
  for (const { port } of servers) await Promise.all(texts.map((text) => exchange(port, text)));
  const socket = await cast.guest('owner').socket();
  const event = phrase('event', 'name') + BREAKOUT;
  await socket.call(event, { [phrase('event', 'key')]: phrase('event', 'value') + BREAKOUT });
  await socket.call(event, Buffer.from(phrase('event', 'bytes')));
  await socket.call('session:create', phrase('event', 'first'), phrase('event', 'second'));
  await socket.call('error', new Error(phrase('event', 'error')));
  await socket.call('session:input', Buffer.from(phrase('event', 'binary')));
  socket.socket.emit(event, phrase('event', 'without', 'ack'));
  const unheard = `${event.slice(0, 100)}:result`;
  await socket.until(() => socket.of(unheard).length > 0, 'the answer to an event without an ack');
  cast.told.set('owner socket', JSON.stringify(socket.received));
}

/** All of it. */
export async function playAll(cast: Cast, stage: Stage): Promise<void> {
  const id = await speak(cast, stage);
  await alarm(cast, stage);
  await refuse(cast, id);
  await knock(cast);
  await hammer(cast, stage);
  await Promise.all(cast.everybody.map((who) => cast.tryAll(who, names)));
}

/** What everybody may read, as one text. */
export async function publicPages(cast: Cast): Promise<string> {
  const paths = [
    '/health',
    '/livez',
    '/readyz',
    '/metrics',
    '/safety',
    '/openapi.json',
    '/asyncapi.json',
    '/docs',
  ];
  const answers = await Promise.all(paths.map((path) => cast.send('nobody', `GET ${path}`)));
  return answers.map(({ text, headers }) => JSON.stringify(headers) + text).join('\n');
}

/** What the model was asked. */
export const askedOf = ({ fake }: Stage): string[] =>
  foundIn(JSON.stringify(fake.requests.map(({ route, body }) => [route, body])));
