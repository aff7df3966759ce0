// What integrators are told: each thing once, in order, signed, without a word; and what becomes of it when nobody listens.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import shortest from '../golden/shortest.json' with { type: 'json' };
import { openWebhooks } from '../../src/ops/open-outbox.ts';
import { Retention } from '../../src/ops/retention.ts';
import { createGuide } from '../../src/model/guide.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { silent } from '../support/app.ts';
import { pathOf, rest } from '../support/rest.ts';
import { tempDir } from '../support/server-process.ts';
import { connect } from '../support/socket-client.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { bodiesOf, entryOf, isSigned, openHooks, storyOf, writeWebhooks } from '../support/webhooks.ts';
import type { Hooks } from '../support/webhooks.ts';

const DAY_MS = 86_400_000;

async function make({ app }: Hooks, sessionId: string): Promise<void> {
  const made = await rest(app.url, 'POST /api/v1/session/create', { body: { session_id: sessionId } });
  expect(made.status).toBeLessThan(300);
}

async function remove({ app }: Hooks, sessionId: string): Promise<void> {
  expect((await rest(app.url, `DELETE ${pathOf(sessionId)}`)).status).toBeLessThan(300);
}

/** Somebody who talks until each reply is there. */
async function say(hooks: Hooks, sessionId: string, lines: readonly string[]): Promise<void> {
  using client = await connect(hooks.app.url);
  for (const [at, text] of lines.entries()) {
    const isOver = () => client.received.filter(({ event }) => event === 'therapist:done').length > at;
    const answer = await client.call('session:input', { session_id: sessionId, user_input: text });
    expect(answer.ok).toBe(true);
    await client.until(isOver, `reply ${at + 1}`);
  }
}

test('a whole session is told in order, signed and without a word, whoever asked and how', async () => {
  await using receiver = await WebhookReceiver.open();
  await using hooks = await openHooks([entryOf('crm', receiver)]);
  const lines = shortest.turns.map(({ says }) => says);

  await make(hooks, 'by rest');
  await say(hooks, 'by socket', lines);
  await receiver.received(lines.length + 3);
  await remove(hooks, 'by socket');
  const days = { days: 1, daysByTenant: new Map() };
  hooks.advance(2 * DAY_MS);
  await new Retention({ ...hooks, ...days, log: silent }).run();
  const calls = await receiver.received(lines.length + 5);

  expect(storyOf(receiver, 'by socket')).toEqual([
    'session.created',
    ...lines.map((_, at) => `turn.done ${at + 1}`),
    'session.completed',
    'session.deleted',
  ]);
  expect(storyOf(receiver, 'by rest')).toEqual(['session.created', 'session.deleted']);
  expect(calls.filter((call) => !isSigned(call))).toEqual([]);
  const bodies = bodiesOf(receiver);
  expect(calls.map(({ headers }) => headers['idempotency-key'])).toEqual(bodies.map(({ id }) => id));
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(bodies.length);
  expect(bodies.map(({ tenant }) => tenant)).toEqual(bodies.map(() => 'default'));
  expect(bodies.filter(({ type }) => type === 'session.deleted').map(({ data }) => data)).toMatchObject([
    { by: 'owner' },
    { by: 'retention' },
  ]);
  for (const word of ['calm', 'shoulders', 'therapist', 'level', 'safety'])
    expect(calls.map(({ body }) => body).join(), word).not.toContain(word);
});

test('what a turn is told with leads to it', async () => {
  await using receiver = await WebhookReceiver.open();
  await using hooks = await openHooks([entryOf('crm', receiver, { events: ['turn.done'] })]);

  await say(hooks, 's', ['I want to feel calm', 'I want to kill myself']);
  await receiver.received(2);

  const [first, second] = bodiesOf(receiver);
  if (first?.type !== 'turn.done' || second?.type !== 'turn.done') throw new Error('no turns');
  const { turn_id: turnId, cursor } = second.data;
  const path = `${pathOf('s', '/log')}?after=${cursor}`;
  const { body } = await rest(hooks.app.url, `GET ${path}`);
  expect(JSON.stringify(body)).toMatch(
    new RegExp(`"event":"turn:started","data":{[^{]*"turn_id":"${turnId}"`),
  );
  // that it was answered by the safety rules is told to nobody
  expect([first.data.source, second.data.source]).toEqual(['guide', 'guide']);
});

test('a turn that was cancelled, a repeat and a refusal are not told', async () => {
  await using receiver = await WebhookReceiver.open();
  const slow = { model: createGuide({ wordMs: 60_000 }), fallback: null };
  await using hooks = await openHooks([entryOf('crm', receiver)], { speakers: slow });
  using client = await connect(hooks.app.url);
  const input = { session_id: 's', user_input: 'hello', input_id: 'one' };

  await client.call('session:input', input);
  const refused = await client.call('session:input', { ...input, input_id: 'two' });
  await client.call('turn:cancel', { session_id: 's' });
  await client.call('session:input', input);
  const taken = await client.call('session:create', { session_id: 's' });
  await receiver.received(1);
  await remove(hooks, 's');
  await receiver.received(2);

  expect([refused.error?.code, taken.error?.code]).toEqual(['TURN_IN_PROGRESS', 'SESSION_CONFLICT']);
  expect(storyOf(receiver, 's')).toEqual(['session.created', 'session.deleted']);
});

test('a receiver that refuses or is away has everything later, in order, with the ids it was sent with', async () => {
  await using receiver = await WebhookReceiver.open();
  receiver.habit = 500;
  await using hooks = await openHooks([entryOf('crm', receiver)]);
  await say(hooks, 's', ['hello']);
  await hooks.until(() => hooks.outcomes.length === 1, 'refused');
  receiver.habit = 'redirect';
  hooks.advance(1_000);
  await hooks.until(() => hooks.outcomes.length === 2, 'refused again');
  receiver.habit = 204;
  hooks.advance(1_000);
  const early = hooks.outcomes.length;
  hooks.advance(1_000);
  await hooks.until(() => hooks.outcomes.length === 4, 'delivered');

  const ids = receiver.calls.map(({ headers }) => headers['idempotency-key']);
  expect(early).toBe(2);
  expect(storyOf(receiver, 's')).toEqual([
    'session.created',
    'session.created',
    'session.created',
    'turn.done 1',
  ]);
  expect(new Set(ids.slice(0, 3)).size).toBe(1);
  expect(hooks.outcomes).toEqual([
    ['session.created', 'retried'],
    ['session.created', 'retried'],
    ['session.created', 'sent'],
    ['turn.done', 'sent'],
  ]);
  expect(hooks.said.filter((line) => line.includes('was not delivered'))).toHaveLength(1);
});

test('a receiver that hangs holds up no other, and no reply', async () => {
  await using hanging = await WebhookReceiver.open();
  await using receiver = await WebhookReceiver.open();
  hanging.habit = 'hang';
  await using hooks = await openHooks([entryOf('hangs', hanging), entryOf('takes', receiver)]);
  for (let n = 1; n <= 10; n += 1) await make(hooks, `${n}`);

  await receiver.received(10);
  await say(hooks, 's', ['hello']);
  await receiver.received(12);

  expect(hanging.calls.length).toBeLessThanOrEqual(8);
});

test('nothing is stored for a tenant, or an event, that nobody wants to know of', async () => {
  await using receiver = await WebhookReceiver.open();
  await using hooks = await openHooks([
    entryOf('of another', receiver, { tenant: 'another' }),
    entryOf('of all', receiver, { tenant: '*', events: ['session.completed'] }),
  ]);

  await say(hooks, 's', ['hello']);

  expect(await hooks.store.outbox.waitingReceivers()).toEqual([]);
  expect(receiver.calls).toEqual([]);
});

test('a message is given up after a day, and that is said', async () => {
  await using receiver = await WebhookReceiver.open();
  receiver.habit = 500;
  await using hooks = await openHooks([entryOf('crm', receiver)]);
  await make(hooks, 's');
  await hooks.until(() => hooks.outcomes.length === 1, 'refused');

  hooks.advance(DAY_MS);
  await hooks.until(() => hooks.outcomes.length === 2, 'given up');

  expect(hooks.outcomes[1]).toEqual(['session.created', 'given_up']);
  expect(hooks.said.at(-1)).toMatch(/^a webhook was given up .*"receiver":"crm"/);
  expect(await hooks.store.outbox.waitingReceivers()).toEqual([]);
});

test('a removed session takes what was not delivered of it along, but for that it is gone', async () => {
  await using receiver = await WebhookReceiver.open();
  receiver.habit = 500;
  await using hooks = await openHooks([entryOf('crm', receiver)]);
  await say(hooks, 's', ['hello']);
  await hooks.until(() => hooks.outcomes.length === 1, 'refused');

  await remove(hooks, 's');
  receiver.habit = 204;
  hooks.advance(1_000);
  await hooks.until(() => hooks.outcomes.some(([, outcome]) => outcome === 'sent'), 'told');

  expect(storyOf(receiver, 's').filter((type) => type !== 'session.created')).toEqual(['session.deleted']);
  expect(await hooks.store.outbox.waitingReceivers()).toEqual([]);
});

test('the file is read again when it changes; one that is bad changes nothing', async () => {
  await using before = await WebhookReceiver.open();
  await using after = await WebhookReceiver.open();
  await using hooks = await openHooks([entryOf('crm', before)]);
  await make(hooks, 'one');
  await before.received(1);

  await writeWebhooks(hooks.path, [{ ...entryOf('crm', after), secret: 'short' }]);
  await hooks.until(() => hooks.said.some((line) => line.includes('is bad')), 'the fault');
  await make(hooks, 'two');
  await before.received(2);
  await writeWebhooks(hooks.path, [entryOf('crm', after)]);
  await hooks.until(() => hooks.said.some((line) => line.includes('was read again')), 'the change');
  await make(hooks, 'three');
  await after.received(1);

  expect(hooks.said[0]).toMatch(/^a file of webhooks is bad: .*entry 1: secret must be at least 32/);
  expect(storyOf(after, 'three')).toEqual(['session.created']);
  expect(before.calls).toHaveLength(2);
});

test('a file that is bad, missing or open to others stops the start with one line', async () => {
  await using directory = await tempDir();
  await using store = await openSqlite({ directory: ':memory:' });
  const path = join(directory.path, 'webhooks.json');
  const open = async () => {
    await using resources = new AsyncDisposableStack();
    await openWebhooks({ WEBHOOKS_FILE: path }, { store, now: Date.now, log: silent }, resources);
  };

  await expect(open()).rejects.toThrow(`There is no file of webhooks at ${path}`);
  await writeWebhooks(path, [{ name: 'crm', url: 'http://crm.example', secret: 'x'.repeat(32) }]);
  await expect(open()).rejects.toThrow(/^The file of webhooks cannot be used: entry 1: url must be https/);
  await writeWebhooks(path, []);
  await open();
  await chmod(path, 0o666);
  await expect(open()).rejects.toThrow(/chmod 600 helps$/);
});
