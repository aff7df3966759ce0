// Inputs, claims, cancels and the queue, with clients at three nodes at once.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { sessionKey } from '../../src/store/envelope.ts';
import type { RequestRecord } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, input, words } from '../support/scene.ts';
import type { Spoken } from '../support/scene.ts';
import type { SocketClient } from '../support/socket-client.ts';

const SLOTS = 3;
const reply = words(20);

let redis: RedisProcess;
let nodes: Nodes;
let sockets: readonly SocketClient[];
beforeAll(async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: String(SLOTS), LEASE_MS: '2000' };
  redis = await startRedis();
  nodes = await openNodes({ redis, env, fake: { behaviour: { reply } } });
  sockets = await Promise.all([0, 1, 2].map((i) => nodes.socket(i)));
});
afterEach(async () => {
  nodes.fake.release();
  nodes.fake.always({ reply });
  await nodes.fake.idle();
});
afterAll(() => nodes[Symbol.asyncDispose]());

/** To the nodes in turn. */
const socket = (i: number): SocketClient => {
  const found = sockets[i % sockets.length];
  if (!found) throw new Error('no socket');
  return found;
};

/** The chats that were asked this, among all that came so far. */
const chatsOf = (text: string): RequestRecord[] =>
  nodes.fake.of('chat').filter(({ body }) => JSON.stringify(body).includes(text));

test('[P-6] one input sent sixty times at once to three nodes is one turn, and all are told the same (scenario 50)', async () => {
  const body = { session_id: 'sixty', user_input: 'hello sixty', input_id: 'one' };
  const turnIds = Array.from({ length: 60 }, async (_, i) => {
    if (i % 2 === 0) return (await socket(i).must('session:input', body))['turn_id'];
    return (await nodes.rest(i % 3, 'POST /api/v1/input', { body })).body['turn_id'];
  });
  const told = new Set(await Promise.all(turnIds));
  const client = await socket(2).follow('sixty');
  await client.until(() => client.live === undefined, 'its end');

  const turns = await nodes.agree([client]);
  expect(turns).toMatchObject([{ userInput: 'hello sixty', text: reply, state: 'done' }]);
  expect([...told]).toEqual([turns[0]?.turnId]);
  expect(chatsOf('hello sixty')).toHaveLength(1);
});

test('[P-6] an input whose ack was lost is answered at another node, and its id stands for no other words (scenarios 51, 52)', async () => {
  nodes.fake.hold('piece', 5);
  const from = nodes.fake.requests.length;
  const lost = await nodes.socket(0);
  const body = { session_id: 'lost-ack', user_input: 'hello', input_id: 'once' };
  lost.socket.emit('session:input', body);
  await nodes.fake.reached('piece', 5, from);
  lost.close();
  const again = await nodes.socket(1);
  const client = again.feed(new Client('lost-ack'));
  const admission = await input(again, 'lost-ack', 'hello', { input_id: 'once' });
  await client.until(() => client.text() === firstWords(reply, 5), 'five words');
  const before = await nodes.rest(2, `GET ${pathOf('lost-ack', '/export')}`);
  const other = { ...body, user_input: 'other words', interrupt: true };
  const refusal = await socket(2).refused('session:input', other);
  const after = await nodes.rest(2, `GET ${pathOf('lost-ack', '/export')}`);
  nodes.fake.release();
  await client.ended(admission.turn_id);

  expect(admission).toMatchObject({ duplicate: true, n: 1 });
  expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  expect(after.text).toBe(before.text);
  expect(await nodes.agree([client])).toMatchObject([{ text: reply }]);
});

test('[P-6] of inputs at the same instant at three nodes one is taken; with interrupt each ends the one before, and nothing lies between (scenario 54)', async () => {
  nodes.fake.hold('prompt');
  const answers = await Promise.all(
    [0, 1, 2].map((i) => socket(i).call('session:input', { session_id: 'reject', user_input: `from ${i}` })),
  );
  const codes = answers.map(({ error }) => error?.code ?? 'ok');
  expect(codes.toSorted()).toEqual(['TURN_IN_PROGRESS', 'TURN_IN_PROGRESS', 'ok']);

  const inputs = Array.from({ length: 12 }, (_, i) =>
    input(socket(i), 'reject', `again from ${i}`, { interrupt: true }),
  );
  const admissions = await Promise.all(inputs);
  nodes.fake.release();
  const last = admissions.toSorted((a, b) => a.n - b.n).at(-1);
  const client = new Client('reject');
  nodes.follow('sse', 1, client);
  await client.until(() => client.seq > 0, 'a snapshot');
  await client.ended(last?.turn_id ?? '');

  const turns = await nodes.agree([client]);
  expect(turns.map(({ n }) => n)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1));
  expect(turns.map(({ state }) => state)).toEqual([...turns.slice(1).map(() => 'cancelled'), 'done']);
  expect(turns.at(-1)).toMatchObject({ turnId: last?.turn_id, text: reply });
});

test('[P-11] of thirty who claim a session id at once at three nodes one has it (scenario 55)', async () => {
  const tries = Array.from({ length: 30 }, async (_, i) => {
    const body = { session_id: 'claimed', client_id: `client ${i}` };
    if (i % 2 === 0) return (await socket(i).call('session:create', body)).error?.code ?? body.client_id;
    const answer = await nodes.rest(i % 3, 'POST /api/v1/session/create', { body });
    return String(answer.status === 200 ? body.client_id : answer.body['code']);
  });
  const outcomes = await Promise.all(tries);

  const [winner, ...more] = outcomes.filter((outcome) => outcome !== 'SESSION_CONFLICT');
  expect(more).toEqual([]);
  for (const i of [0, 1, 2]) {
    const { body } = await nodes.rest(i, `GET ${pathOf('claimed', '/status')}`);
    expect(body['client_id']).toBe(winner);
  }
});

test('[S-5] one create key at three nodes at once makes one session (scenario 55)', async () => {
  const tries = Array.from({ length: 12 }, (_, i) =>
    socket(i).must('session:create', { create_key: 'same' }),
  );
  const made = await Promise.all(tries);

  expect(new Set(made.map((session) => session['session_id'])).size).toBe(1);
  expect(new Set(made.map((session) => session['epoch'])).size).toBe(1);
  const { body } = await nodes.rest(0, 'GET /api/v1/sessions');
  expect(JSON.stringify(body).split(String(made[0]?.['session_id'])).length).toBe(2);
});

test('[S-1] session ids that look like keys, channels or rooms mix nothing up (scenario 56)', async () => {
  const roomLike = String(socket(1).socket.id);
  const ids = [
    '{a}',
    'a',
    '{a}:s',
    'a}:l',
    '../a',
    '__proto__',
    '*',
    'index 0',
    roomLike,
    'é',
    'e\u0301',
    'x'.repeat(20),
  ];
  nodes.fake.always({ reply: (messages) => words(8, `w${ids.indexOf(messages.at(-1)?.content ?? '') + 1}`) });
  const spoken = await Promise.all(ids.map((id, i) => nodes.speak(i % 3, id, id)));
  for (const [i, { client, admission }] of spoken.entries()) {
    const other = await nodes.socket((i + 1) % 3);
    const copy = await other.follow(client.sessionId);
    await Promise.all([client, copy].map((one) => one.ended(admission.turn_id)));
    const turns = await nodes.agree([client, copy]);
    expect(turns.map(({ userInput }) => userInput)).toEqual([ids[i]]);
    expect(turns[0]?.text).toBe(words(8, `w${i + 1}`));
  }
});

test('[S-6] a session deleted at another node in the middle of a turn begins anew, without a word of the old one (scenario 57)', async () => {
  nodes.fake.hold('piece', 5);
  const from = nodes.fake.requests.length;
  const old = await nodes.speak(0, 'deleted', 'hello');
  const record = await nodes.fake.reached('piece', 5, from);
  await old.client.until(() => old.client.text() === firstWords(reply, 5), 'five words');
  const cursor = old.client.cursor ?? '';
  await socket(1).must('session:delete', { session_id: 'deleted' });
  await old.client.until(() => old.client.isDeleted, 'to be told');
  nodes.fake.release();
  nodes.fake.always({ reply: words(10, 'fresh') });
  const { client, admission } = await nodes.speak(2, 'deleted', 'hello again');
  await client.ended(admission.turn_id);
  await nodes.fake.until(() => record.ending === 'client', 'the end of the old request');
  const joined = await socket(0).must('session:join', { session_id: 'deleted', after: cursor });

  expect(joined).toMatchObject({ mode: 'snapshot', turns: [{ n: 1, text: words(10, 'fresh') }] });
  expect(await nodes.agree([client])).toMatchObject([{ n: 1, userInput: 'hello again' }]);
});

/** Cancels at another node than the one that runs it; then nothing more comes of that turn. */
async function cancels({ client, admission }: Spoken, node: number): Promise<string> {
  const { turn_id: turnId } = admission;
  const session_id = client.sessionId;
  const answer = await socket(node).must('turn:cancel', { session_id, turn_id: turnId });
  const { cursor } = await socket(node).must('session:join', { session_id });
  const again = await socket(node + 1).must('turn:cancel', { session_id, turn_id: turnId });
  const turn = await client.ended(turnId);
  nodes.fake.release();
  await nodes.fake.idle();
  const status = await nodes.rest(node % 3, `GET ${pathOf(session_id, '/status')}`);

  expect([answer['state'], again['state'], turn.state]).toEqual(['cancelled', 'cancelled', 'cancelled']);
  expect(status.body['cursor']).toBe(cursor);
  await nodes.agree([client]);
  return turn.text;
}

const phases = [
  { when: 'in prompt evaluation', hold: 'prompt', n: 0, text: '' },
  { when: 'while it streams', hold: 'piece', n: 5, text: firstWords(reply, 5) },
  { when: 'behind its last word', hold: 'done', n: 0, text: reply },
] as const;

test.for(phases)(
  '[P-7] a turn is cancelled at another node $when, and its request is closed (scenario 58)',
  async ({ when, hold, n, text }) => {
    nodes.fake.hold(hold, n);
    const from = nodes.fake.requests.length;
    const spoken = await nodes.speak(0, `cancelled ${when}`, 'hello');
    const record = await nodes.fake.reached(hold, n, from);
    await spoken.client.until(() => spoken.client.text() === text, 'its words');

    expect(await cancels(spoken, 1)).toBe(text);
    expect(record.ending).toBe('client');
    const wrong = { session_id: 'claimed', turn_id: spoken.admission.turn_id };
    expect(await socket(2).refused('turn:cancel', wrong)).toMatchObject({ code: 'TURN_NOT_FOUND' });
  },
);

test('[P-7] a turn is cancelled at another node while it waits for a slot that is taken at a third (scenario 58)', async () => {
  nodes.fake.hold('prompt');
  const running = await Promise.all([0, 1, 2].map((i) => nodes.speak(2, `runs ${i}`, 'hello')));
  const queued = await nodes.speak(0, 'never asked', 'never asked');

  expect(queued.admission.position).toBe(1);
  expect(await cancels(queued, 1)).toBe('');
  expect(chatsOf('never asked')).toEqual([]);
  for (const { client, admission } of running) await client.ended(admission.turn_id);
});

test('[P-7] a turn whose owner does not stir is cancelled at another node, and the owner says no more when it does (scenario 58)', async () => {
  nodes.fake.hold('piece', 5);
  const from = nodes.fake.requests.length;
  const { client, admission } = await nodes.speak(0, 'does not stir', 'hello');
  const other = await socket(1).follow('does not stir', client.copy());
  const record = await nodes.fake.reached('piece', 5, from);
  await other.until(() => other.text() === firstWords(reply, 5), 'five words');
  nodes.node(0).freeze();
  nodes.fake.release();
  const payload = { session_id: 'does not stir', turn_id: admission.turn_id };
  const answer = await socket(2).must('turn:cancel', payload);
  const next = await nodes.speak(1, 'does not stir', 'and now?');
  await next.client.ended(next.admission.turn_id);
  nodes.node(0).thaw();
  await nodes.fake.until(() => record.endedAt !== null, 'the end of its request');
  await Promise.all([client, other].map((one) => one.ended(next.admission.turn_id)));

  expect(answer['state']).toBe('cancelled');
  expect(await nodes.agree([client, other])).toMatchObject([
    { state: 'cancelled', text: firstWords(reply, 5) },
    { state: 'done', text: reply },
  ]);
});

/** Makes the lease of the live turn run out, and every node see it. */
async function endLease(sessionId: string): Promise<void> {
  const key = sessionKey({ tenant: 'default', sessionId });
  const shard = (Buffer.from(key, 'base64url')[0] ?? 0) % 8;
  const end = `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'until', 0) end`;
  await redis.command('EVAL', end, '1', `stillpoint:{${key}}:v`);
  await redis.command('ZADD', `stillpoint:{index ${shard}}:leases`, '0', key);
}

test('[P-7] cancel, natural end and takeover at once make one end, and all are told the same (scenario 40)', async () => {
  nodes.fake.always({ reply, rate: 50 });
  const rounds = Array.from({ length: 15 }, async (_, i) => {
    const { client, admission } = await nodes.speak(i % 3, `race ${i}`, 'hello');
    const { turn_id } = admission;
    const isSaid = (count: number) => client.text().length >= firstWords(reply, count).length;
    await client.until(() => isSaid(1) || client.live === undefined, 'a word', 60_000);
    await endLease(`race ${i}`);
    await client.until(() => isSaid(i + 5) || client.live === undefined, 'words', 60_000);
    const payload = { session_id: `race ${i}`, turn_id };
    const cancelled = await Promise.all([1, 2].map((k) => socket(i + k).must('turn:cancel', payload)));
    const turn = await client.ended(turn_id);
    expect(cancelled.map(({ state }) => state)).toEqual([turn.state, turn.state]);
    await nodes.agree([client]);
  });
  await Promise.all(rounds);

  expect(nodes.all.flatMap((node) => node.logged('turns taken over'))).not.toEqual([]);
});

const Queued = z.looseObject({ turn_id: z.string(), position: z.number() });

test('over all nodes the model gets no more than its slots, places fall, and who sends much delays nobody, also where a node is killed (scenarios 61, 62)', async () => {
  nodes.fake.always({ reply, promptMs: 20 });
  nodes.fake.hold('prompt');
  const speakAs = async (clientId: string, node: number, id: string) => {
    await socket(node).must('session:create', { session_id: id, client_id: clientId });
    return await nodes.speak(node, id, `hello from ${id}`);
  };
  const from = nodes.fake.requests.length;
  const greedy: Spoken[] = [];
  for (let i = 0; i < 10; i++) greedy.push(await speakAs('greedy', i % 3, `greedy ${i}`));
  const users: Spoken[] = [];
  for (let i = 0; i < 8; i++) users.push(await speakAs(`user ${i}`, i % 3, `user ${i}`));
  const all = [...greedy, ...users];
  const followed = all.map(({ client }) => nodes.follow('sse', 2, client.copy()).client);
  await nodes.node(1).kill();
  nodes.fake.release();
  const turns = await Promise.all(
    followed.map((client, i) => client.ended(all[i]?.admission.turn_id ?? '', 30_000)),
  );
  await nodes.node(1).start();

  const odd = turns.filter(({ text, state }) => text !== reply || state !== 'done');
  expect(odd).toEqual([]);
  expect(nodes.fake.maxGenerating).toBeLessThanOrEqual(SLOTS);
  for (const { socket: one, admission } of users) {
    const places = one.of('turn:queued').map((data) => Queued.parse(data).position);
    const told = [...(admission.position === undefined ? [] : [admission.position]), ...places];
    const distinct = told.filter((place, i) => place !== told[i - 1]);
    expect(distinct).toEqual(distinct.toSorted((a, b) => b - a));
  }
  const asked = nodes.fake.requests
    .slice(from)
    .filter(({ kind }) => kind === 'chat')
    .map(({ body }) => /hello from (\w+ \d+)/.exec(JSON.stringify(body))?.[1] ?? '');
  // those of the dead node had to wait for its lease
  const stayed = users.filter((_, i) => i % 3 !== 1).map(({ client }) => client.sessionId);
  const last = asked.findLastIndex((who) => stayed.includes(who));
  expect(asked.slice(last).filter((who) => who.startsWith('greedy')).length).toBeGreaterThan(2);
});
