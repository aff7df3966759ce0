// Everything that may happen to the Redis of two nodes, in the middle of a reply.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import type { Behaviour } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, input, words } from '../support/scene.ts';
import type { SocketClient } from '../support/socket-client.ts';

const keyOf = (sessionId: string) => `stillpoint:{${sessionKey({ tenant: 'default', sessionId })}}`;

let redis: RedisProcess;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startRedis({ config: ['busy-reply-threshold 100'] });
  nodes = await openNodes({ redis, count: 2, proxied: true, env: { MODEL: 'ollama' } });
});
afterEach(async () => {
  nodes.fake.release();
  nodes.fake.always({});
  await nodes.fake.idle();
});
afterAll(() => nodes[Symbol.asyncDispose]());

/** A turn on node 0 that stops at each of these words until `release`, with a follower at each node. */
async function begin(id: string, reply: string, stops: readonly number[], behaviour: Behaviour = { reply }) {
  nodes.fake.always(behaviour);
  for (const stop of stops) nodes.fake.hold('piece', stop);
  const from = nodes.fake.requests.length;
  const { client, socket, admission } = await nodes.speak(0, id, 'I feel restless');
  const all = [client, nodes.follow('websocket', 1, client.copy()).client];
  const goTo = async (stop: number) => {
    await Promise.all(
      all.map((one) => one.until(() => one.text() === firstWords(reply, stop), `${stop} words`, 60_000)),
    );
  };
  if (stops[0] !== undefined) await goTo(stops[0]);
  return { from, client, socket, all, turnId: admission.turn_id, goTo };
}

const epochOf = ({ cursor }: Client) => cursor?.split('.')[0];

const allEnded = (clients: readonly Client[], turnId: string) =>
  Promise.all(clients.map((client) => client.ended(turnId, 60_000)));

/** What is refused while Redis does not do its work: nothing is half made, and a risk is helped all the same. */
async function refusesAll(socket: SocketClient, id: string): Promise<void> {
  const [plain, risk] = await Promise.all([
    socket.refused('session:input', { session_id: id, user_input: 'hello' }),
    socket.refused('session:input', {
      session_id: `${id}-at-risk`,
      user_input: 'I want to kill myself tonight',
    }),
  ]);
  expect(plain).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  expect(plain).not.toHaveProperty('safety');
  expect(risk).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  expect(risk).toHaveProperty('safety');
}

test('[P-9] where Redis comes back empty, sessions are deleted for all who follow, and an id begins anew (scenario 44)', async () => {
  const { all, turnId, from } = await begin('empty', words(20, 'lost'), [10]);
  const record = await nodes.fake.reached('piece', 10, from);
  await redis.restart();
  await Promise.all(all.map((one) => one.until(() => one.isDeleted, 'the end of the session')));
  await nodes.fake.until(() => record.ending === 'client', 'the end of its request to the model');
  nodes.fake.release();
  nodes.fake.always({ reply: words(20, 'fresh') });
  const again = await nodes.speak(1, 'empty', 'hello again');
  const { client: late } = nodes.follow('sse', 0, all[1] ?? again.client);
  const turns = await allEnded([again.client, late], again.admission.turn_id);

  expect(turns.map(({ n, text }) => ({ n, text }))).toEqual([
    { n: 1, text: words(20, 'fresh') },
    { n: 1, text: words(20, 'fresh') },
  ]);
  expect(again.admission.turn_id).not.toBe(turnId);
  expect(await nodes.agree([again.client, late])).toHaveLength(1);
});

test('[P-9] where Redis comes back without what it wrote last, everybody gets a snapshot under a new epoch (scenario 45)', async () => {
  const reply = words(40);
  const replyTo: Behaviour['reply'] = (messages) =>
    messages.some(({ content }) => content === 'I feel restless') ? reply : words(3);
  nodes.fake.always({ reply: replyTo });
  const idle = await nodes.speak(1, 'idle', 'hello');
  await idle.client.ended(idle.admission.turn_id);
  const live = await begin('live', reply, [10, 20], { reply: replyTo });
  await redis.command('SAVE');
  nodes.fake.release('piece', 10);
  await live.goTo(20);
  const { turn_id: idleTurn } = await input(idle.socket, 'idle', 'hello?');
  await idle.client.ended(idleTurn);
  const born = await nodes.speak(1, 'born-after', 'hello');
  await born.client.ended(born.admission.turn_id);
  const epochs = [idle, live].map(({ client }) => epochOf(client));
  await redis.restart();
  nodes.fake.release();
  await born.client.until(() => born.client.isDeleted, 'the end of a session that is lost');
  for (const { client, socket } of [idle, live]) {
    await socket.until(() => !socket.socket.connected, 'a disconnection');
    nodes.follow('sse', 1, client);
  }
  const turns = await allEnded(live.all, live.turnId);
  await idle.client.until(() => idle.client.counts.snapshots > 0, 'a snapshot');

  expect(turns.map(({ text }) => text)).toEqual([reply, reply]);
  expect(await nodes.agree(live.all)).toHaveLength(1);
  expect(await nodes.agree([idle.client])).toHaveLength(1);
  expect(epochs).not.toContain(epochOf(idle.client));
  expect(epochs).not.toContain(epochOf(live.client));
});

interface Outage {
  what: string;
  begin: () => Promise<unknown>;
  end: () => Promise<unknown>;
}

const outages: readonly Outage[] = [
  {
    what: 'is silent',
    begin: async () => redis.signal('SIGSTOP'),
    end: async () => redis.signal('SIGCONT'),
  },
  {
    what: 'is killed, and comes back with all it had',
    begin: async () => {
      await redis.command('SAVE');
      await redis.kill();
    },
    end: () => redis.restart(),
  },
  {
    what: 'is full',
    begin: () => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: () => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    what: 'is a replica that takes no writes',
    begin: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: () => redis.command('REPLICAOF', 'NO', 'ONE'),
  },
  {
    what: 'is busy with a script',
    begin: async () => {
      void redis.command('EVAL', 'while true do end', '0').catch(() => undefined);
      for (;;) {
        const answer = await redis.command('PING').catch((error: unknown) => String(error));
        if (answer.includes('BUSY')) return;
      }
    },
    end: () => redis.command('SCRIPT', 'KILL'),
  },
];

test.for(outages)(
  '[P-1] [P-3] while Redis $what inputs are refused, nobody is disconnected, and then the reply goes on (scenarios 41, 42, 46)',
  async ({ what, begin: breakIt, end }) => {
    const reply = words(40);
    const id = `outage ${what}`;
    const { all, socket, turnId, goTo } = await begin(id, reply, [10]);
    await breakIt();
    nodes.fake.release();
    await refusesAll(socket, `refused ${id}`);
    expect(all.map((one) => one.text())).toEqual([firstWords(reply, 10), firstWords(reply, 10)]);
    await end();
    const turns = await allEnded(all, turnId);
    await goTo(40);

    expect(turns.map(({ text }) => text)).toEqual([reply, reply]);
    expect(await nodes.agree(all)).toMatchObject([{ state: 'done', text: reply }]);
    expect(all.map(({ counts }) => counts)).toMatchObject([
      { snapshots: 0, resets: 0 },
      { snapshots: 0, resets: 0 },
    ]);
    expect(socket.socket.connected).toBe(true);
    expect(await nodes.rest(1, `GET ${pathOf(`refused ${id}`, '/log')}`)).toMatchObject({ status: 404 });
    const next = await nodes.speak(1, id, 'and now?');
    expect(await next.client.ended(next.admission.turn_id)).toMatchObject({ state: 'done', n: 2 });
  },
);

test('[P-4] an append of which the answer is lost is sent again and changes nothing (scenario 43)', async () => {
  const reply = words(40);
  const { all, turnId } = await begin('unanswered', reply, [10]);
  const [, other] = all;
  const { toRedis } = nodes.node(0);
  toRedis.swallow('down');
  nodes.fake.release();
  await other?.until(() => other.text().length > firstWords(reply, 10).length, 'words that Redis has');
  await toRedis.until(() => toRedis.lost.down > 0, 'a lost answer');
  toRedis.heal();
  toRedis.cut();
  const turns = await allEnded(all, turnId);

  expect(turns.map(({ text }) => text)).toEqual([reply, reply]);
  expect(await nodes.agree(all)).toMatchObject([{ state: 'done', text: reply }]);
});

/** Once node 0 has sent these words to Redis, no answer reaches it; then its connections are cut. */
async function loseAnswerTo(words: string): Promise<void> {
  const { toRedis } = nodes.node(0);
  const lost = toRedis.lost.down;
  using _ = toRedis.onBytes((direction, chunk) => {
    if (direction === 'up' && chunk.includes(words)) toRedis.swallow('down');
  });
  await toRedis.until(() => toRedis.lost.down > lost, `a lost answer to ${words}`);
  toRedis.heal();
  toRedis.cut();
}

test('[P-6] an input that was stored though its answer was lost is found by its id at another node, and runs once (scenarios 43, 51)', async () => {
  nodes.fake.always({ reply: words(10) });
  const socket = await nodes.socket(0);
  const said = { user_input: 'is this stored?', input_id: 'one' };
  const lost = loseAnswerTo(said.user_input);
  const refusal = await socket.refused('session:input', { session_id: 'stored', ...said });
  await lost;
  const { client, admission } = await nodes.speak(1, 'stored', said.user_input, { input_id: 'one' });
  await client.ended(admission.turn_id);

  expect(refusal).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  expect(admission).toMatchObject({ duplicate: true, n: 1 });
  expect(await nodes.agree([client])).toMatchObject([{ state: 'done', text: words(10) }]);
});

test('[P-8] an end that was stored though its answer was lost stays the only one (scenario 43)', async () => {
  const reply = words(20);
  const { all, turnId } = await begin('ended', reply, [10]);
  const lost = loseAnswerTo('therapist:done');
  nodes.fake.release();
  await lost;
  const turns = await allEnded(all, turnId);
  const next = await nodes.speak(0, 'ended', 'and now?');
  await next.client.ended(next.admission.turn_id);
  await Promise.all(all.map((one) => one.ended(next.admission.turn_id)));

  expect(turns.map(({ text, state }) => [text, state])).toEqual([
    [reply, 'done'],
    [reply, 'done'],
  ]);
  expect(await nodes.agree(all)).toHaveLength(2);
});

test('[P-7] a cancel that was stored though its answer was lost is told when it is asked for again (scenarios 43, 58)', async () => {
  const { all, socket, turnId } = await begin('cancelled', words(20), [10]);
  const payload = { session_id: 'cancelled', turn_id: turnId };
  const lost = loseAnswerTo('turn:cancelled');
  const refusal = await socket.refused('turn:cancel', payload);
  await lost;
  const again = await nodes.socket(1);
  const answer = await again.must('turn:cancel', payload);
  nodes.fake.release();
  const turns = await allEnded(all, turnId);

  expect(refusal).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(answer['state']).toBe('cancelled');
  expect(turns.map(({ text }) => text)).toEqual(all.map(() => firstWords(words(20), 10)));
  expect(await nodes.agree(all)).toHaveLength(1);
});

test('[P-3] scripts that Redis forgets, and wake-ups that nobody sent, change nothing (scenarios 9, 46)', async () => {
  const reply = words(60);
  const { all, turnId } = await begin('forgetful', reply, []);
  nodes.fake.always({ reply, rate: 100 });
  const next = await nodes.speak(1, 'forgetful too', 'hello');
  for (let i = 0; next.client.text() !== reply; i++) {
    await redis.command('SCRIPT', 'FLUSH');
    await redis.command('SPUBLISH', keyOf('forgetful too'), ['', '1', '999999', 'x'][i % 4] ?? '');
  }
  await next.client.ended(next.admission.turn_id);
  await allEnded(all, turnId);

  expect(await nodes.agree([next.client])).toMatchObject([{ state: 'done', text: reply }]);
  expect(next.client.counts).toMatchObject({ repeats: 0, snapshots: 0, resets: 0 });
});

/** Lets no wake-up reach any node, as long as the connections for them last. */
function deafen(subscribers: readonly number[]): void {
  expect(subscribers).not.toContain(-1);
  nodes.all.forEach(({ toRedis }, i) => toRedis.mute(subscribers[i] ?? 0, 'down'));
}

test('[P-3] [P-7] without one wake-up the text comes all the same, and a cancelled turn leaves the model (scenarios 8, 47, 58)', async () => {
  const reply = words(40);
  const subscribers = nodes.all.map(() => -1);
  using listening = new DisposableStack();
  for (const [i, { toRedis }] of nodes.all.entries()) {
    const note = (direction: string, chunk: Buffer, connection: number) => {
      if (direction === 'up' && /ssubscribe/i.test(chunk.toString())) subscribers[i] = connection;
    };
    listening.use(toRedis.onBytes(note));
  }
  const cancelled = await begin('deaf and cancelled', reply, [10]);
  const record = await nodes.fake.reached('piece', 10, cancelled.from);
  const { all, turnId } = await begin('deaf', reply, [10]);
  deafen(subscribers);
  const before = nodes.all.map(({ toRedis }) => toRedis.accepted);
  const line = `POST ${pathOf('deaf and cancelled', `/turns/${cancelled.turnId}/cancel`)}`;
  expect(await nodes.rest(1, line)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  await nodes.fake.until(() => record.ending === 'client', 'the end of its request');
  nodes.fake.release();
  await allEnded(all, turnId);
  const ends = await allEnded(cancelled.all, cancelled.turnId);

  expect(nodes.all.map(({ toRedis }) => toRedis.accepted)).toEqual(before);
  expect(nodes.node(1).toRedis.lost.down).toBeGreaterThan(0);
  expect(ends.map(({ state, text }) => [state, text])).toEqual([
    ['cancelled', firstWords(reply, 10)],
    ['cancelled', firstWords(reply, 10)],
  ]);
  expect(await nodes.agree(all)).toMatchObject([{ state: 'done', text: reply }]);
  await nodes.agree(cancelled.all);
});

test('[P-3] connections to Redis that are dead without a sign are replaced, and the text comes (scenarios 29, 47)', async () => {
  const reply = words(40);
  const { all, turnId } = await begin('half-open', reply, [10]);
  const { toRedis } = nodes.node(1);
  const before = toRedis.accepted;
  toRedis.swallow();
  await toRedis.until(() => toRedis.lost.up > 0, 'a lost command');
  nodes.fake.release();
  await all[0]?.ended(turnId);
  // one for commands and one for wake-ups; those to come are sound
  toRedis.heal();
  await toRedis.until(() => toRedis.accepted >= before + 2, 'new connections');
  const turns = await allEnded(all, turnId);

  expect(turns.map(({ text }) => text)).toEqual([reply, reply]);
  await nodes.agree(all);
});

test('where Redis is slow, words gather, and all of them come (scenario 48)', async () => {
  const reply = words(80);
  for (const { toRedis } of nodes.all) toRedis.delay(200, 'down');
  nodes.fake.always({ reply, rate: 200 });
  const { client, admission } = await nodes.speak(0, 'slow', 'hello');
  const all = [client, nodes.follow('long-poll', 1, client.copy()).client];
  const turns = await allEnded(all, admission.turn_id);
  for (const { toRedis } of nodes.all) toRedis.delay(0, 'down');

  expect(turns.map(({ text }) => text)).toEqual([reply, reply]);
  await nodes.agree(all);
  expect(client.seq).toBeLessThan(40);
});

test('[P-2] entries that only a later version knows are passed over, and cursors go on behind them (scenario 77)', async () => {
  const reply = words(30);
  const { client, all, turnId } = await begin('later', reply, [10]);
  const key = keyOf('later');
  for (const entry of [
    ['e', 'future:thing', 'd', '1{"new":true}'],
    ['e', 'session:updated', 'd', '9 of a format to come'],
  ]) {
    const seq = await redis.command('HINCRBY', `${key}:s`, 'seq', '1');
    await redis.command('XADD', `${key}:l`, `0-${seq}`, ...entry);
    await redis.command('SPUBLISH', key, seq);
  }
  // begins behind them, while the others stand before them
  const { client: late } = nodes.follow('sse', 1, new Client('later'));
  await late.until(() => late.seq === client.seq + 2, 'a snapshot');
  await redis.command('SPUBLISH', key, '');
  const line = `GET ${pathOf('later', `/log?after=${client.cursor}`)}`;
  expect(await nodes.rest(1, line)).toMatchObject({ status: 204, headers: { 'x-cursor': client.cursor } });
  nodes.fake.release();
  const turns = await allEnded([...all, late], turnId);

  expect(turns.map(({ text }) => text)).toEqual([reply, reply, reply]);
  expect(await nodes.agree([...all, late])).toMatchObject([{ state: 'done', text: reply }]);
  expect(all.every(({ counts }) => counts.snapshots === 0)).toBe(true);
});
