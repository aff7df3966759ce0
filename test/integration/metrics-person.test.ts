// A turn that waits for a person waits neither for the model nor in its queue.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createMetrics } from '../../src/ops/metrics.ts';
import { startApp } from '../support/app.ts';
import { rest } from '../support/rest.ts';
import { scrape } from '../support/scrape.ts';

const KEY = 'a-key-for-operators-and-nobody-else';
const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string() })).min(1) });

test('a turn that waits for a person is not counted as one that waits for the model', async () => {
  const metrics = createMetrics();
  await using app = await startApp({
    operatorKey: KEY,
    meter: metrics,
    metrics: { shown: metrics, key: null },
  });
  const operator = { headers: { Authorization: `Bearer ${KEY}` } };
  const say = (user_input: string, headers: Record<string, string> = {}) =>
    rest(app.url, 'POST /api/v1/session/s/input', { body: { user_input }, headers });
  await say('I want to kill myself tonight');
  const listed = await rest(app.url, 'GET /api/v1/operator/alerts', operator);
  const path = `/api/v1/operator/alerts/${Alerts.parse(listed.body).alerts[0]?.alert_id}`;
  const step = (name: string) =>
    rest(app.url, `POST ${path}/${name}`, { ...operator, body: { actor: 'ann' } });
  await step('take_over');
  await say('are you there', { Prefer: 'respond-async' });

  const within = await scrape(app.url);
  await step('release');
  await expect.poll(async () => (await scrape(app.url)).get('turns_live{state="running"}')).toBe(0);
  const after = await scrape(app.url);

  expect(within.get('turns_live{state="queued"}')).toBe(0);
  expect(within.get('turns_live{state="running"}')).toBe(1);
  expect(after.get('first_word_wait_seconds_count{cause="person"}')).toBe(1);
  expect(after.get('first_word_wait_seconds_count{cause="prompt"}') ?? 0).toBe(0);
});
