// The crisis reply goes out when nothing else works. [US-09] [US-41] [P-1] [P-12] (SAFETY.md 1.11)
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AppParts } from '../../src/app.ts';
import { AppError } from '../../src/errors.ts';
import { openWebhook } from '../../src/ops/webhook.ts';
import { repliesFor } from '../../src/safety/replies.ts';
import { stages } from '../../src/safety/screen.ts';
import type { Stages } from '../../src/safety/screen.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { silent, startApp } from '../support/app.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { Behaviour, FakeOllama } from '../support/fake-ollama.ts';
import { faultyStore, refused, unheard } from '../support/faulty-store.ts';
import type { Way } from '../support/faulty-store.ts';
import { openOllama } from '../support/ollama-model.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { connect } from '../support/socket-client.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

const risk = 'I want to kill myself tonight';
const calm = 'my day was long';
const { listen } = repliesFor('en').later;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function start(parts: Partial<AppParts> = {}): Promise<string> {
  return stack.use(await startApp(parts)).url;
}

const say = (url: string, words: string, session = 's'): Promise<Answer> =>
  rest(url, `POST ${pathOf(session, '/input')}`, { body: { user_input: words } });

/** What was seen of help in the session, by level. */
async function helpIn(url: string, session = 's'): Promise<unknown[]> {
  const { body } = await rest(url, `GET ${pathOf(session, '/export')}`);
  const log = Array.isArray(body['log']) ? body['log'] : [];
  return log.flatMap(({ event, data }) => (event === 'safety:resources' ? [data] : []));
}

const withHelp = (level: string) =>
  expect.objectContaining({ level, resources: expect.arrayContaining([expect.anything()]) });
const fails = (): never => {
  throw new Error('out of order');
};

describe.each(['fold', 'wordsOf', 'sceneOf', 'findFrames', 'judge', 'otherTongues', 'languageOf'] as const)(
  'while the stage %s of the detector throws',
  (stage) => {
    const whole: Stages = { ...stages };
    beforeEach(() => {
      stages[stage] = fails;
    });
    afterEach(() => {
      Object.assign(stages, whole);
    });

    test('a risk gets its reply, and the log says that the detector failed', async () => {
      const said: string[] = [];
      const url = await start({ log: { ...silent, error: (_, message) => said.push(message) } });
      const { body } = await say(url, risk);

      expect(body).toMatchObject({ source: 'safety' });
      expect(Object(body['safety']).reason_codes).toContain('detector:degraded');
      expect(await helpIn(url)).toHaveLength(1);
      expect(said).toContain('a stage of the screening failed');
    });

    test('an input without a sign is answered, with help beside it', async () => {
      const url = await start();
      const { body } = await say(url, 'I could kill for a cup of tea');

      expect(body).toMatchObject({ source: 'guide', safety: { level: 'none', mode: 'normal' } });
      expect(await helpIn(url)).toEqual([withHelp('none')]);
    });
  },
);

const faults: { what: string; behaviour?: Behaviour; prepare?: (fake: FakeOllama) => unknown }[] = [
  { what: 'is stopped', prepare: (fake) => fake.stop() },
  { what: 'takes a request and says nothing', behaviour: { fault: { kind: 'silence', headers: true } } },
  { what: 'takes a request and never answers', prepare: (fake) => fake.hold('request') },
  { what: 'sends garbage', behaviour: { fault: { kind: 'line', after: 1, line: '<oops>\n' } } },
  { what: 'sends a page', behaviour: { fault: { kind: 'html' } } },
  { what: 'breaks off', behaviour: { reply: 'I am with you today.', fault: { kind: 'reset', after: 2 } } },
  { what: 'answers 500', behaviour: { refuse: { status: 500, error: 'out of memory' } } },
  { what: 'does not have the model', prepare: (fake) => fake.uninstall('llama3.1') },
];

describe.each(faults)('while Ollama $what', ({ behaviour, prepare }) => {
  let fake: FakeOllama;
  let url: string;
  beforeEach(async () => {
    fake = stack.use(await startFakeOllama({ ...(behaviour && { behaviour }) }));
    await prepare?.(fake);
    const model = stack.use(openOllama(fake.url, { firstTokenMs: 100, stallMs: 100, connectMs: 100 }));
    url = await start({ speakers: { model, fallback: null }, helpMs: 200 });
  });
  afterEach(() => fake.release());

  test('a risk gets its reply, and Ollama is not asked', async () => {
    const { body } = await say(url, risk);

    expect(body).toMatchObject({ source: 'safety', safety: { level: 'plan' } });
    expect(await helpIn(url)).toEqual([withHelp('plan')]);
    expect(fake.of('chat')).toEqual([]);
  });

  test('in a crisis the fixed line goes on with the talk, with help beside it', async () => {
    await say(url, risk);
    const { status, body } = await say(url, calm);

    expect(status).toBe(200);
    expect(listen).toContain(body['therapist_response']);
    expect(body).toMatchObject({ source: 'safety', safety: { mode: 'crisis' } });
    expect(await helpIn(url)).toEqual([withHelp('plan'), withHelp('plan')]);
  });
});

describe('in a crisis', () => {
  test('nothing of an answer of the model is shown before its end', async () => {
    const model = new ScriptedModel({ always: ['I hear how long it was. ', HOLD, 'What was it like?'] });
    const url = await start({ speakers: { model, fallback: null } });
    await say(url, risk);
    using socket = await connect(url);
    await socket.must('session:join', { session_id: 's' });
    const { turn_id: turnId } = await socket.must('session:input', { session_id: 's', user_input: calm });
    await model.until(({ held }) => held === 1, 'a pause');
    const tokens = () => socket.of('therapist:token').filter((data) => Object(data).turn_id === turnId);
    const live = await rest(url, `GET ${pathOf('s')}/turns/${String(turnId)}`);
    const early = tokens();
    model.release();
    await socket.until(() => socket.of('therapist:done').length > 0, 'the end');

    expect(early).toEqual([]);
    expect(live.body).toMatchObject({ state: 'running', text: '' });
    expect(
      tokens()
        .map((data) => Object(data).text)
        .join(''),
    ).toBe('I hear how long it was. What was it like?');
  });

  test('a full queue for the model is no reason to refuse: the fixed line comes', async () => {
    const model = new ScriptedModel({ always: [HOLD] });
    const slots = new LocalSlots({ size: 1, maxWaiting: 0 });
    const url = await start({ speakers: { model, fallback: null }, slots, helpMs: 50 });
    await say(url, risk);
    await rest(url, `POST ${pathOf('other', '/input')}`, {
      body: { user_input: 'hello' },
      headers: { Prefer: 'respond-async' },
    });
    await model.until(({ held }) => held === 1, 'the only slot taken');
    const { status, body } = await say(url, calm);

    expect(status).toBe(200);
    expect(listen).toContain(body['therapist_response']);
  });

  test('a fault on our own side while the model is asked leaves the fixed line', async () => {
    const model = new ScriptedModel({ always: ['I hear you.'] });
    // the prompt looks back further than the screening
    const turns: Way = (run, count) => (count > 1 ? Promise.reject(new TypeError('a bug')) : run());
    const store = faultyStore(await openSqlite({ directory: ':memory:' }), { turns });
    const url = await start({ store, speakers: { model, fallback: null } });
    await say(url, risk);
    const { body } = await say(url, calm);

    expect(body).toMatchObject({ source: 'safety', safety: { mode: 'crisis' } });
  });
});

const whileStoring: (keyof Store)[] = ['session', 'turns', 'admit', 'turnOfInput'];

describe('while the store is out of order', () => {
  /** Goes wrong for the first three calls. */
  const forAWhile =
    (way: Way): Way =>
    (run, count) =>
      count <= 3 ? way(run, count) : run();

  async function open(ways: Parameters<typeof faultyStore>[1]): Promise<string> {
    return start({ store: faultyStore(await openSqlite({ directory: ':memory:' }), ways) });
  }

  test.each(whileStoring)('(%s) the refusal of a risk carries the help', async (method) => {
    const url = await open({ [method]: refused });
    using socket = await connect(url);
    await socket.must('session:create', 's');
    const input = { session_id: 's', user_input: risk, input_id: 'first' };

    expect(await socket.refused('session:input', input)).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      safety: withHelp('plan'),
    });
  });

  test('a bug in it is no other: the refusal carries the help', async () => {
    const url = await open({ admit: () => Promise.reject(new TypeError('a bug')) });
    const { status, body } = await say(url, risk);

    expect(status).toBe(500);
    expect(body).toMatchObject({ code: 'INTERNAL', safety: withHelp('plan') });
  });

  test.each(['start', 'append', 'finish', 'mark'] as const)(
    '(%s) for a while, the reply is whole in the end',
    async (method) => {
      const url = await open({ [method]: forAWhile(refused) });
      const whole = await start();
      const { body } = await say(url, risk);

      expect(body).toMatchObject({ source: 'safety' });
      expect(body['therapist_response']).toBe((await say(whole, risk)).body['therapist_response']);
    },
  );

  test.each(['start', 'append', 'finish'] as const)(
    '(%s) and nobody learns that it was done',
    async (method) => {
      const url = await open({ [method]: forAWhile(unheard) });
      const { body } = await rest(url, `POST ${pathOf('s', '/input')}`, {
        body: { user_input: risk },
        headers: { Prefer: 'respond-async' },
      });
      using socket = await connect(url);
      await socket.must('session:join', { session_id: 's', after: body['cursor'] });
      await socket.until(() => socket.of('therapist:done').length > 0, 'the end');

      expect(socket.of('therapist:done')).toMatchObject([{ source: 'safety' }]);
    },
  );

  test('the words of a reply cannot be stored: where help is was seen with the input', async () => {
    const url = await open({ append: refused, start: refused, finish: refused });
    using socket = await connect(url);
    await socket.must('session:input', { session_id: 's', user_input: risk });
    await socket.until(() => socket.of('safety:resources').length > 0, 'the help');

    expect(socket.of('safety:resources')).toEqual([withHelp('plan')]);
  });
});

test.each(['VALIDATION_FAILED', 'PAYLOAD_TOO_LARGE'])(
  'a refusal with %s carries the help for a risk',
  async (code) => {
    const url = await start();
    const words = code === 'PAYLOAD_TOO_LARGE' ? `${risk}. ${'a'.repeat(16_000)}` : risk;
    const body = { user_input: words, session_id: 's', ...(code === 'VALIDATION_FAILED' && { input_id: 7 }) };
    const answer = await rest(url, 'POST /api/v1/input', { body });

    expect(answer.body).toMatchObject({ code, safety: withHelp('plan') });
  },
);

test('thirty risks are answered while the receiver of alerts hangs', async () => {
  const receiver = stack.use(await WebhookReceiver.open());
  receiver.habit = 'hang';
  const secret = 'secret-for-tests-0123456789abcdefghijkl';
  const target = { url: receiver.url, secret, privateHosts: ['127.0.0.1'] };
  const url = await start({ webhook: stack.use(openWebhook(target, Date.now)) });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => say(url, risk, `s${i}`)));
  await receiver.received(1);

  expect(answers.map(({ body }) => body['source'])).toEqual(Array(30).fill('safety'));
});

test('an unclear error of the store is told as what it is, with the help', async () => {
  const admit: Way = () =>
    Promise.reject(new AppError('STORE_UNAVAILABLE', { cause: new Error('disk full') }));
  const url = await start({ store: faultyStore(await openSqlite({ directory: ':memory:' }), { admit }) });
  const { status, headers, text, body } = await say(url, risk);

  expect(status).toBe(503);
  expect(headers['retry-after']).toBeDefined();
  expect(body['safety']).toEqual(withHelp('plan'));
  expect(text).not.toContain('disk full');
});
