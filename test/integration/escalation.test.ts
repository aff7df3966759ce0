// Calling a person: the signed alert, what becomes of it, and what a person can do. [US-40] [US-41] [US-42] [US-43]
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWebhook } from '../../src/ops/webhook.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { AlertRecord } from '../../src/store/escalation.ts';
import type { Store } from '../../src/store/store.ts';
import { silent, startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { connect } from '../support/socket-client.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { createChanges, until } from '../support/wait.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

const key = 'operator-key-for-tests-0123456789abcdef';
const secret = 'secret-for-tests-0123456789abcdefghijkl';
const plan = 'I am going to kill myself tonight';
const canary = 'plumtree';

let receiver: WebhookReceiver;
let app: TestApp;
let store: Store;
let clock: number;
const errors = createChanges();
const said: string[] = [];

async function start(parts: Parameters<typeof startApp>[0] = {}): Promise<void> {
  store = parts.store ?? (await openSqlite({ directory: ':memory:', now: () => clock }));
  const target = { url: receiver.url, secret, privateHosts: ['127.0.0.1'] };
  const error = (_: object, message: string) => {
    said.push(message);
    errors.notify();
  };
  app = await startApp({
    webhook: openWebhook(target, () => clock),
    operatorKey: key,
    now: () => clock,
    log: { ...silent, error },
    ...parts,
    store,
  });
}

beforeEach(async () => {
  clock = Date.UTC(2026, 0, 1);
  said.length = 0;
  receiver = await WebhookReceiver.open();
  await start();
});
afterEach(async () => {
  await app[Symbol.asyncDispose]();
  await app.parts.webhook?.[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const say = (words: string, session = 's', headers: Record<string, string> = {}): Promise<Answer> =>
  rest(app.url, `POST ${pathOf(session, '/input')}`, { body: { user_input: words }, headers });
const asOperator = (line: string, body?: object, bearer = key): Promise<Answer> =>
  rest(app.url, line.replace(' /', ' /api/v1/operator/'), {
    headers: { Authorization: `Bearer ${bearer}` },
    ...(body && { body }),
  });
const status = (): Promise<Answer> => rest(app.url, `GET ${pathOf('s', '/status')}`);

/** The alert of the session after this input. */
async function alarmed(words = plan): Promise<string> {
  await say(words);
  const [call] = await receiver.received(1);
  return String(JSON.parse(call?.body ?? '{}').id);
}

/** The alert once it is as wanted. */
async function settled(alertId: string, look: (alert: AlertRecord) => boolean): Promise<AlertRecord> {
  for (;;) {
    const alert = await store.alert(alertId);
    if (alert && look(alert)) return alert;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('an alert', () => {
  test('is sent signed, with its id as the key, and without a word of the session', async () => {
    await say(`my ${canary} and I: ${plan}`, `name of ${canary}`);
    const [call] = await receiver.received(1);
    const body = JSON.parse(call?.body ?? '{}');
    const seconds = clock / 1000;
    const v1 = createHmac('sha256', secret).update(`${seconds}.${call?.body}`).digest('hex');

    expect(call?.headers['x-stillpoint-signature']).toBe(`t=${seconds},v1=${v1}`);
    expect(call?.headers['idempotency-key']).toBe(body.id);
    expect(body).toMatchObject({
      type: 'safety.alert',
      level: 'plan',
      urgency: 'immediate',
      requires_ack: true,
    });
    expect(call?.body).not.toContain(canary);
  });

  test.each([
    ['I want to kill myself', 'urgent'],
    [plan, 'immediate'],
    ['I just swallowed all my pills', 'immediate'],
  ])('to "%s" is %s', async (words, urgency) => {
    await alarmed(words);

    expect(JSON.parse(receiver.calls[0]?.body ?? '{}')).toMatchObject({ urgency });
  });

  test('is not made for an ordinary input', async () => {
    await say('I want to feel calm');

    expect((await asOperator('GET /alerts')).body).toEqual({ alerts: [] });
  });

  test('comes with the second passive wish', async () => {
    await say('I wish I was dead');
    expect((await asOperator('GET /alerts')).body).toEqual({ alerts: [] });

    await say('I wish I would not wake up');
    expect((await asOperator('GET /alerts')).body).toMatchObject({ alerts: [{ urgency: 'notice' }] });
  });

  test('that is refused is sent again, and is delivered once', async () => {
    receiver.habit = 503;
    const alertId = await alarmed();
    await settled(alertId, ({ tries }) => tries === 1);
    receiver.habit = 204;
    clock += 2_000;
    const alert = await settled(alertId, ({ delivery }) => delivery === 'sent');

    expect(alert.tries).toBe(2);
    expect(receiver.calls.map(({ headers }) => headers['idempotency-key'])).toEqual([alertId, alertId]);
  });

  test('is not carried on by a redirect', async () => {
    receiver.habit = 'redirect';
    const alertId = await alarmed();
    const alert = await settled(alertId, ({ tries }) => tries === 1);

    expect(alert.delivery).toBe('pending');
    expect(receiver.calls).toHaveLength(1);
  });

  test('is given up after a day, and that is said aloud', async () => {
    receiver.habit = 500;
    const alertId = await alarmed();
    await settled(alertId, ({ tries }) => tries === 1);
    clock += 24 * 3_600_000;
    const alert = await settled(alertId, ({ delivery }) => delivery !== 'pending');

    expect(alert.delivery).toBe('dead');
    expect(said).toContain('an alert was given up');
  });

  test('that nobody acknowledges in time is said aloud, once', async () => {
    const alertId = await alarmed();
    clock += 120_000;
    await until(
      () => said.includes('nobody has acknowledged an alert in time'),
      errors.subscribe,
      'the alarm',
    );
    const alert = await settled(alertId, ({ alarmedAt }) => alarmedAt !== null);

    expect(alert.alarmedAt).toBe(clock);
    expect((await asOperator(`GET /alerts/${alertId}`)).body).toMatchObject({ alert: { unanswered: true } });
  });

  test('does not hold up the reply while its receiver hangs', async () => {
    receiver.habit = 'hang';
    const answer = await say(plan);

    expect(answer.body).toMatchObject({ source: 'safety' });
  });

  test('outlives a restart and is delivered then', async () => {
    receiver.habit = 503;
    const alertId = await alarmed();
    await settled(alertId, ({ tries }) => tries === 1);
    const { parts } = app;
    receiver.habit = 204;
    clock += 2_000;
    const second = await startApp({ ...parts, store });
    const alert = await settled(alertId, ({ delivery }) => delivery === 'sent');
    await second.drain(0);

    expect(alert.tries).toBeGreaterThanOrEqual(2);
  });

  test('is gone with its session', async () => {
    const alertId = await alarmed();
    await rest(app.url, `DELETE ${pathOf('s')}`);

    expect((await asOperator(`GET /alerts/${alertId}`)).status).toBe(404);
  });
});

describe('the operator key', () => {
  test.each(['GET /alerts', 'GET /alerts/x', 'GET /alerts/x/log', 'POST /alerts/x/clear'])(
    'guards %s',
    async (line) => {
      const body = line.startsWith('POST') ? { actor: 'ann' } : undefined;

      expect((await asOperator(line, body, 'another')).status).toBe(401);
      expect(
        (await rest(app.url, line.replace(' /', ' /api/v1/operator/'), body ? { body } : {})).status,
      ).toBe(401);
    },
  );

  test('is not set: there are no such routes', async () => {
    await app[Symbol.asyncDispose]();
    await start({ operatorKey: null });

    expect((await asOperator('GET /alerts')).status).toBe(404);
  });
});

describe('a person', () => {
  const ann = { actor: 'ann' };

  test('sees the alert with the session as it is', async () => {
    const alertId = await alarmed();
    const { body } = await asOperator(`GET /alerts/${alertId}`);

    expect(body).toMatchObject({
      alert: { alert_id: alertId, session_id: 's', status: 'open', level: 'plan' },
      snapshot: { turns: [{ user_input: plan }] },
    });
  });

  test('acknowledges it', async () => {
    const alertId = await alarmed();

    expect((await asOperator(`POST /alerts/${alertId}/acknowledge`, ann)).body).toMatchObject({
      status: 'acknowledged',
      actor: 'ann',
    });
    expect((await asOperator('GET /alerts?status=open')).body).toEqual({ alerts: [] });
  });

  test('takes the session over: an input waits and is answered by the person', async () => {
    const alertId = await alarmed();
    await asOperator(`POST /alerts/${alertId}/take_over`, { ...ann, name: 'Ann' });
    expect((await status()).body).toMatchObject({ human: { name: 'Ann' } });
    using socket = await connect(app.url);
    await socket.must('session:join', { session_id: 's' });
    const admission = await socket.must('session:input', { session_id: 's', user_input: 'are you there?' });
    const seen = await asOperator(`GET /alerts/${alertId}`);
    expect(seen.body).toMatchObject({ snapshot: { live: { user_input: 'are you there?' } } });

    const told = await asOperator(`POST /alerts/${alertId}/message`, { ...ann, text: 'Yes, I am here.' });
    const ended = () =>
      socket.of('therapist:done').find((data) => Object(data).turn_id === admission['turn_id']);
    await socket.until(() => ended() !== undefined, 'the end of the turn');

    expect(told.body).toMatchObject({ turn_id: admission['turn_id'] });
    expect(ended()).toMatchObject({ source: 'human', therapist_response: 'Yes, I am here.' });
    expect(socket.of('human:message')).toMatchObject([{ name: 'Ann', turn_id: admission['turn_id'] }]);
  });

  test('says something while nobody waits', async () => {
    const alertId = await alarmed();
    await asOperator(`POST /alerts/${alertId}/take_over`, ann);
    const told = await asOperator(`POST /alerts/${alertId}/message`, { ...ann, text: 'I am here.' });

    expect(told.body).toMatchObject({ turn_id: null });
  });

  test('cannot speak without taking over', async () => {
    const alertId = await alarmed();

    expect((await asOperator(`POST /alerts/${alertId}/message`, { ...ann, text: 'hi' })).status).toBe(403);
  });

  test('who has taken over does not stand before the fixed reply to a new sign', async () => {
    const alertId = await alarmed();
    await asOperator(`POST /alerts/${alertId}/take_over`, ann);

    expect((await say(plan)).body).toMatchObject({ source: 'safety' });
  });

  test.each(['release', 'clear'])(
    'gives the session back (%s): who waits is answered by a fixed line',
    async (way) => {
      const alertId = await alarmed();
      await asOperator(`POST /alerts/${alertId}/take_over`, ann);
      const answer = say('hello?');
      await settled(alertId, () => true);
      for (let live = null; live === null;) {
        const { body } = await asOperator(`GET /alerts/${alertId}`);
        live = Object(body['snapshot']).live;
      }
      await asOperator(`POST /alerts/${alertId}/${way}`, ann);

      expect((await answer).body).toMatchObject({ source: 'safety' });
      expect((await status()).body).toMatchObject({
        human: null,
        safety: { mode: way === 'clear' ? 'support' : 'crisis' },
      });
    },
  );

  test('clears the crisis: a check-in, and the process by consent', async () => {
    const alertId = await alarmed();
    await asOperator(`POST /alerts/${alertId}/clear`, ann);

    expect((await say('hello')).body).toMatchObject({ source: 'safety', safety: { mode: 'support' } });
    expect((await say('yes')).body).toMatchObject({ safety: { mode: 'normal', level: 'none' } });
  });

  test('leaves a mark in the audit with each step', async () => {
    const alertId = await alarmed();
    await settled(alertId, ({ delivery }) => delivery === 'sent');
    for (const step of ['acknowledge', 'take_over', 'release', 'clear']) {
      await asOperator(`POST /alerts/${alertId}/${step}`, ann);
    }
    const kinds = (await store.audit(0, 100)).map(({ body }) => String(JSON.parse(body).kind));

    expect(kinds.sort()).toEqual(
      ['acknowledged', 'cleared', 'decided', 'delivered', 'disclosed', 'released', 'taken_over'].sort(),
    );
  });
});

test('a turn that waits for a person can be cancelled', async () => {
  await app[Symbol.asyncDispose]();
  await start({ speakers: { model: new ScriptedModel({ always: [HOLD] }), fallback: null } });
  const alertId = await alarmed();
  await asOperator(`POST /alerts/${alertId}/take_over`, { actor: 'ann' });
  const { body } = await say('hello?', 's', { Prefer: 'respond-async' });
  const turn = `${pathOf('s')}/turns/${String(body['turn_id'])}`;

  expect((await rest(app.url, `POST ${turn}/cancel`)).body).toMatchObject({ state: 'cancelled' });
});

test('/safety tells the protocol and counts, and nothing about anybody', async () => {
  await say(plan, canary);
  const { body, text } = await rest(app.url, 'GET /safety');

  expect(body).toMatchObject({
    counts: expect.arrayContaining([{ year: 2026, kind: 'decided', level: 'plan', count: 1 }]),
  });
  expect(Object(body).levels).toHaveLength(9);
  expect(text).not.toContain(canary);
});
