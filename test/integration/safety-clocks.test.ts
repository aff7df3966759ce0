// What depends on the hour: telling that this is an AI, and the way out of a crisis. The clock is turned, the files are real.
// [US-30] [US-32] [US-04] (SAFETY.md 1.9)
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { newFolder } from '../support/store-folder.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const key = 'operator-key-for-tests-0123456789abcdef';
const active = 'I want to kill myself';
const plan = 'I am going to kill myself tonight';

let stack: AsyncDisposableStack;
let directory: string;
let clock: number;
let app: TestApp;

async function open(): Promise<void> {
  const now = () => clock;
  app = await startApp({ store: await openSqlite({ directory, now, elapsed: now }), now, operatorKey: key });
}
async function restart(): Promise<void> {
  await app[Symbol.asyncDispose]();
  await open();
}
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  directory = stack.use(await newFolder()).path;
  clock = Date.UTC(2026, 0, 1);
  await open();
});
afterEach(async () => {
  await app[Symbol.asyncDispose]();
  await stack.disposeAsync();
});

const say = (words: string, session = 's'): Promise<Answer> =>
  rest(app.url, `POST ${pathOf(session, '/input')}`, { body: { user_input: words } });

interface Entry {
  event: string;
  data: Record<string, unknown>;
}

/** The log of the session so far. */
async function log(session = 's'): Promise<Entry[]> {
  const { body } = await rest(app.url, `GET ${pathOf(session, '/export')}`);
  return Array.isArray(body['log']) ? body['log'] : [];
}

/** What was told so far, in order. */
async function told(session = 's'): Promise<unknown[]> {
  const entries = await log(session);
  return entries.flatMap(({ event, data }) => (event === 'disclosure' ? data['kind'] : []));
}

async function create(more: Record<string, unknown>): Promise<void> {
  await rest(app.url, 'POST /api/v1/session/create', { body: { session_id: 's', ...more } });
}

async function reconnect(): Promise<void> {
  for (let times = 0; times < 2; times += 1) {
    using socket = await connect(app.url);
    await socket.must('session:join', { session_id: 's' });
  }
}

/** The mode of the session after the input. */
async function modeAfter(words: string, session = 's'): Promise<unknown> {
  const { body } = await say(words, session);
  return Object(body['safety']).mode;
}

describe('that this is an AI is told', () => {
  test('with the first input, before the first word of the reply, aloud', async () => {
    await say('hello');
    const entries = await log();
    const names = entries.map(({ event }) => event);

    expect(await told()).toEqual(['start']);
    expect(entries[names.indexOf('disclosure')]?.data).toMatchObject({ prominence: 'high' });
    expect(names.indexOf('disclosure')).toBeLessThan(names.indexOf('therapist:token'));
  });

  test.each([
    ['while it stays open', async () => {}],
    ['across a reconnect', reconnect],
    ['across a restart', restart],
  ])('not at 2:59:59 and again at 3:00:00, %s', async (_, meanwhile) => {
    await say('hello');
    await meanwhile();
    clock += 3 * HOUR_MS - SECOND_MS;
    await say('I feel a bit better');
    const early = await told();
    await meanwhile();
    clock += SECOND_MS;
    await say('it is calmer now');

    expect(early).toEqual(['start']);
    expect(await told()).toEqual(['start', 'again']);
  });

  test('three hours after the last time, not after the first', async () => {
    await say('hello');
    clock += 3 * HOUR_MS;
    await say('I feel a bit better');
    clock += 3 * HOUR_MS - SECOND_MS;
    await say('it is calmer now');
    clock += SECOND_MS;
    await say('yes it is');

    expect(await told()).toEqual(['start', 'again', 'again']);
  });

  test('in a long talk at the same time as in a short one', async () => {
    for (let minute = 0; minute <= 180; minute += 20) {
      await say('I breathe slowly');
      clock += 20 * 60 * SECOND_MS;
    }

    expect(await told()).toEqual(['start', 'again']);
  });

  test.each([
    ['of an age band', { age_band: '13-17' }, 'hello'],
    ['who says so', {}, 'hi, im 14'],
  ])('to a minor, %s, not at 0:59:59 and again at 1:00:00, across a restart', async (_, more, words) => {
    await create(more);
    await say(words);
    await restart();
    clock += HOUR_MS - SECOND_MS;
    await say('I feel a bit better');
    const early = await told();
    clock += SECOND_MS;
    await say('it is calmer now');

    expect(early).toEqual(['start']);
    expect(await told()).toEqual(['start', 'minor']);
  });

  test('after seven days away', async () => {
    await say('hello');
    clock += 7 * DAY_MS;
    await restart();
    await say('I am back');

    expect(await told()).toEqual(['start', 'away']);
  });

  test('when somebody asks', async () => {
    await say('hello');
    await say('are you human?');

    expect(await told()).toEqual(['start', 'asked']);
  });

  test('in every session anew', async () => {
    await say('hello');
    await say('hello', 'another');

    expect(await told('another')).toEqual(['start']);
  });

  test('before the fixed reply to a risk', async () => {
    await say(plan);
    const names = (await log()).map(({ event }) => event);

    expect(names.indexOf('disclosure')).toBeLessThan(names.indexOf('therapist:token'));
    expect(names).toContain('disclosure');
  });

  test('to who comes later: it is in the snapshot', async () => {
    await say('hello');
    clock += 3 * HOUR_MS;
    await say('I feel a bit better');
    await restart();
    using socket = await connect(app.url);
    const { notices } = await socket.must('session:join', { session_id: 's' });

    expect(notices).toMatchObject([{ event: 'disclosure', data: { kind: 'again', prominence: 'high' } }]);
  });
});

const smalltalk = [
  'it rained today',
  'I cooked some rice',
  'the cat sleeps',
  'I read a book',
  'the tea is warm',
];

/** A talk without a sign in which the direct question is answered no, whenever it is asked, until there were so many noes. */
async function talkOn(noes: number): Promise<unknown> {
  let mode: unknown;
  let said = 0;
  for (const words of [...smalltalk, ...smalltalk, ...smalltalk]) {
    const { body } = await say(words);
    const asks = String(body['therapist_response']).includes('?');
    mode = Object(body['safety']).mode;
    if (!asks || said === noes) continue;
    said += 1;
    mode = await modeAfter('no');
  }
  return mode;
}

const held = ['crisis', 'crisis_hold'];

describe('a crisis', () => {
  test.each([
    ['active', active, DAY_MS],
    ['plan', plan, 3 * DAY_MS],
  ])('after %s ends with two noes and five calm inputs once its time is over', async (_, words, holdMs) => {
    await say(words);
    await say('no');
    for (const talk of smalltalk) await say(talk);
    clock += holdMs - SECOND_MS;
    await restart();
    const early = await talkOn(0);
    clock += SECOND_MS;
    await restart();
    const after = await talkOn(1);

    expect(held).toContain(early);
    expect(after).toBe('support');
  });

  test('does not end by time alone', async () => {
    await say(active);
    clock += 30 * DAY_MS;
    await restart();

    expect(held).toContain(await modeAfter('it rained today'));
  });

  test('does not end by noes and calm alone', async () => {
    await say(plan);

    expect(held).toContain(await talkOn(4));
  });

  test('does not end by one no', async () => {
    await say(active);
    await say('no');
    clock += 2 * DAY_MS;

    expect(held).toContain(await talkOn(0));
  });

  test.each(['jk', 'just kidding', 'you misunderstood me', 'let us talk about football', 'I am fine now'])(
    'does not end by "%s"',
    async (words) => {
      await say(active);

      expect(held).toContain(await modeAfter(words));
    },
  );

  test('does not end with a reconnect, a restart or the end of another session', async () => {
    await say(active);
    await say('hello', 'another');
    await reconnect();
    await restart();
    await rest(app.url, `DELETE ${pathOf('another')}`);

    expect(held).toContain(await modeAfter('it rained today'));
  });

  test('begins anew with a new sign', async () => {
    await say(active);
    await say('no');
    for (const talk of smalltalk) await say(talk);
    clock += DAY_MS;
    await say(active);
    await say('no');

    expect(held).toContain(await talkOn(1));
  });

  test('goes with the client: a new session of it begins in hold, also after a restart', async () => {
    await create({ client_id: 'mia' });
    await say(active);
    await restart();
    await rest(app.url, 'POST /api/v1/session/create', { body: { session_id: 'new', client_id: 'mia' } });
    const { body } = await say('hello', 'new');

    expect(body).toMatchObject({ source: 'safety', safety: { mode: 'crisis_hold' } });
    expect((await log('new')).map(({ event }) => event)).toContain('safety:resources');
  });

  test('of a client outlives the end of its other sessions', async () => {
    const make = (session_id: string) =>
      rest(app.url, 'POST /api/v1/session/create', { body: { session_id, client_id: 'mia' } });
    await make('s');
    await say(active);
    await make('second');
    await say('hello', 'second');
    await rest(app.url, `DELETE ${pathOf('second')}`);
    await make('third');
    const third = await modeAfter('hello', 'third');
    await rest(app.url, `DELETE ${pathOf('s')}`);

    expect(third).toBe('crisis_hold');
    expect(await modeAfter('it rained today', 'third')).toBe('crisis_hold');
  });

  test('of one client is none of another', async () => {
    await create({ client_id: 'mia' });
    await say(active);
    await rest(app.url, 'POST /api/v1/session/create', { body: { session_id: 'new', client_id: 'leo' } });

    expect(await modeAfter('hello', 'new')).toBe('normal');
  });

  test('ends when a person clears it, across a restart', async () => {
    await say(plan);
    const headers = { Authorization: `Bearer ${key}` };
    const { body } = await rest(app.url, 'GET /api/v1/operator/alerts', { headers });
    const [alert] = Array.isArray(body['alerts']) ? body['alerts'] : [];
    const line = `POST /api/v1/operator/alerts/${String(alert?.alert_id)}/clear`;
    await rest(app.url, line, { headers, body: { actor: 'ann' } });
    await restart();

    expect(await modeAfter('it rained today')).toBe('support');
    expect(await modeAfter('yes')).toBe('normal');
  });

  test('and what follows it end by consent only', async () => {
    await say(active);
    await say('no');
    for (const talk of smalltalk) await say(talk);
    clock += DAY_MS;
    const support = await talkOn(1);
    const without = await modeAfter('it rained today');
    const offer = await say('can we go on with the exercise?');

    expect([support, without]).toEqual(['support', 'support']);
    expect(Object(offer.body['safety']).mode).toBe('normal');
  });
});
