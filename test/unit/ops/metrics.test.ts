import { expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { createMetrics } from '../../../src/ops/metrics.ts';
import type { Metrics } from '../../../src/ops/metrics.ts';
import { meterStore } from '../../../src/ops/metered-store.ts';
import type { Store } from '../../../src/store/store.ts';

/** Values by name and labels, as Prometheus reads them. */
async function values(metrics: Metrics): Promise<Map<string, number>> {
  const { text } = await metrics.exposition();
  const lines = text.split('\n').filter((line) => line.startsWith('stillpoint_'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice('stillpoint_'.length, at), Number(line.slice(at))];
    }),
  );
}

const begun = { turnId: 't', generation: 1, startedAt: 0, now: 0, takenOver: null };

test('says what a first word was waited for, part by part', async () => {
  const metrics = createMetrics();
  const turn = metrics.turn(begun);
  for (const phase of ['person', 'queued', 'loading', 'prompt', 'streaming']) turn.phase(phase);
  turn.began('ollama', 'llama3.1');
  turn.firstWord();
  turn.phase('streaming');
  turn.ended('done', 12);

  const all = await values(metrics);

  for (const cause of ['server', 'person', 'queue', 'load', 'prompt', 'model']) {
    expect(all.get(`first_word_wait_seconds_count{cause="${cause}"}`), cause).toBe(1);
  }
  expect(all.get('first_word_seconds_count{source="ollama"}')).toBe(1);
  expect(all.get('queue_wait_seconds_count')).toBe(1);
  expect(all.get('turns_total{outcome="done",source="ollama"}')).toBe(1);
});

test('the time before a takeover is a part of its own', async () => {
  const metrics = createMetrics();
  const turn = metrics.turn({ ...begun, generation: 2, startedAt: 1_000, now: 9_000, takenOver: 'expired' });
  turn.began('guide', 'guide');
  turn.firstWord();
  turn.ended('done', 12);

  const all = await values(metrics);

  expect(all.get('first_word_wait_seconds_sum{cause="takeover"}')).toBe(8);
  expect(all.get('first_word_seconds_sum{source="guide"}')).toBeGreaterThanOrEqual(8);
  expect(all.get('takeovers_total{cause="expired",result="done"}')).toBe(1);
});

test('counts frames, and the gap between two with words of one turn', async () => {
  const metrics = createMetrics();
  const follower = metrics.follower('socket');
  follower.is('live');
  for (const turn of ['a', 'a', 'b', null, 'b']) follower.sent(10, 1, turn);

  const all = await values(metrics);

  expect(all.get('frames_total{transport="socket"}')).toBe(5);
  expect(all.get('frame_bytes_total{transport="socket"}')).toBe(50);
  expect(all.get('frame_gap_seconds_count{transport="socket"}')).toBe(2);
  expect(all.get('followers{transport="socket",state="live"}')).toBe(1);
});

test('a follower is in one state at a time, and in none once it left', async () => {
  const metrics = createMetrics();
  {
    using follower = metrics.follower('sse');
    for (const state of ['live', 'behind', 'paused', 'paused'] as const) follower.is(state);
    const within = await values(metrics);
    expect(within.get('followers{transport="sse",state="paused"}')).toBe(1);
    expect(within.get('followers{transport="sse",state="live"}')).toBe(0);
  }

  const all = await values(metrics);

  expect(all.get('followers{transport="sse",state="paused"}')).toBe(0);
});

test('what must stay 0 is told as 0 before anything happened', async () => {
  const all = await values(createMetrics());

  expect(all.get('gaps_total')).toBe(0);
});

test('two servers in one process count apart', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.gap();

  expect((await values(other)).get('gaps_total')).toBe(0);
});

/** A store with these steps only. */
const storeOf = (steps: object) => steps as unknown as Store;

test('measures every step of a store, and hands on what it answers and raises', async () => {
  const metrics = createMetrics();
  const [away, refused, bug] = [
    new AppError('STORE_UNAVAILABLE'),
    new AppError('SESSION_CONFLICT'),
    new Error('x'),
  ];
  const store = meterStore(
    storeOf({
      name: 'own',
      append: async () => 'fenced',
      session: () => Promise.reject(away),
      clientCare: () => Promise.reject(refused),
      heads: () => Promise.reject(bug),
      watch: () => 'no promise',
    }),
    metrics,
  );
  const ref = { tenant: 't', sessionId: 's' };
  const lease = { ...ref, epoch: 'e', turnId: 't', generation: 1 };

  expect(store.name).toBe('own');
  expect(store.watch(ref, () => {})).toBe('no promise');
  expect(await store.append(lease, [], 1)).toBe('fenced');
  await expect(store.session(ref)).rejects.toBe(away);
  await expect(store.clientCare('t', 'c')).rejects.toBe(refused);
  await expect(store.heads([])).rejects.toBe(bug);
  const all = await values(metrics);
  expect(all.get('fenced_total{step="append"}')).toBe(1);
  expect(all.get('store_seconds_count{step="append"}')).toBe(1);
  expect(all.get('store_seconds_count{step="clientCare"}')).toBe(1);
  expect(all.get('store_errors_total{step="session"}')).toBe(1);
  expect(all.get('store_errors_total{step="heads"}')).toBe(1);
  expect(all.get('store_errors_total{step="clientCare"}')).toBe(0);
});

test('a store that says it cannot store anything has failed', async () => {
  const metrics = createMetrics();
  const answers = [true, false];
  const store = meterStore(storeOf({ healthy: async () => answers.shift() }), metrics);

  await store.healthy();
  const before = await values(metrics);
  await store.healthy();
  const after = await values(metrics);

  expect(before.get('store_errors_total{step="healthy"}')).toBe(0);
  expect(after.get('store_errors_total{step="healthy"}')).toBe(1);
});

test('durations of frames and steps are told as any histogram is', async () => {
  const metrics = createMetrics();
  for (const ms of [1, 3, 60_000]) metrics.stored('append', ms, 'ok');

  const all = await values(metrics);

  const told = ['0.001', '0.0025', '0.005', '10', '+Inf'].map((le) =>
    all.get(`store_seconds_bucket{le="${le}",step="append"}`),
  );
  expect(told).toEqual([1, 1, 2, 2, 3]);
  expect(all.get('store_seconds_count{step="append"}')).toBe(3);
  expect(all.get('store_seconds_sum{step="append"}')).toBeCloseTo(60.004);
});
