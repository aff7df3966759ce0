// What an operator sees of a conversation: in /metrics, and in traces.
import { expect, test } from 'vitest';
import { Collector } from '../support/collector.ts';
import { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import { scrape } from '../support/scrape.ts';
import { openEvents } from '../support/sse.ts';

const METRICS_KEY = 'a-key-for-prometheus-and-nobody-else';
const reply = words(20, 'kiwi');

test('counts a conversation over every transport, and tells nobody who it was with', async () => {
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  const { client, socket, admission } = await scene.speak('crm_user_41', 'a canary sings');
  await client.ended(admission.turn_id);
  using stream = await openEvents(scene.url, pathOf('crm_user_41', '/events'), {
    client: new Client('crm_user_41'),
  });
  const whole = await scene.rest(`POST ${pathOf('crm_user_41', '/input')}`, {
    body: { user_input: 'the canary again' },
  });
  const { body } = await scene.rest(`GET ${pathOf('crm_user_41', '/status')}`);
  const epoch = String(body['epoch']);
  await scene.rest(`GET ${pathOf('crm_user_41', `/log?after=${epoch}.0`)}`);
  await scene.rest(`GET ${pathOf('crm_user_41', '/log?after=elsewhere.3')}`);
  await socket.must('session:status', { session_id: 'crm_user_41' });

  const all = await scrape(scene.url);

  expect(whole.status).toBe(200);
  expect(stream.status).toBe(200);
  for (const transport of ['socket', 'sse', 'poll']) {
    expect(all.sum('frames_total', { transport }), transport).toBeGreaterThan(0);
    expect(all.sum('frame_bytes_total', { transport }), transport).toBeGreaterThan(reply.length);
  }
  expect(all.get('followers{transport="socket",state="live"}')).toBe(1);
  expect(all.get('connections{transport="sse"}')).toBe(1);
  expect(all.get('turns_total{outcome="done",source="ollama"}')).toBe(2);
  expect(all.get('first_word_seconds_count{source="ollama"}')).toBe(2);
  expect(all.sum('first_word_wait_seconds_count', { cause: 'prompt' })).toBe(2);
  expect(all.get('inputs_total{level="none"}')).toBe(2);
  expect(all.sum('request_seconds_count', { operation: 'session:input', code: 'OK' })).toBe(2);
  expect(all.sum('store_seconds_count', { step: 'append' })).toBeGreaterThan(0);
  expect(all.get('resyncs_total')).toBe(1);
  expect(all.get('gaps_total')).toBe(0);
  expect(all.get('model_up')).toBe(1);
  expect(all.text).toContain('nodejs_eventloop_lag_p99_seconds');
  expect(all.text).not.toMatch(new RegExp(`crm_user|canary|kiwi|${epoch}|${admission.turn_id}`));
});

test('only this machine may ask, or whoever has the key', async () => {
  await using open = await openScene();
  const ask = (scene: typeof open, headers: Record<string, string> = {}, method = 'GET') =>
    scene.rest(`${method} /metrics`, { headers });
  const handedOn = await ask(open, { 'X-Forwarded-For': '203.0.113.7' });
  const posted = await ask(open, {}, 'POST');
  const head = await ask(open, {}, 'HEAD');
  await open.kill('SIGTERM');
  await open.start({ METRICS_KEY });

  const nothing = await ask(open);
  const wrong = await ask(open, { Authorization: `Bearer ${METRICS_KEY}.` });
  const right = await ask(open, { Authorization: `Bearer ${METRICS_KEY}`, 'X-Forwarded-For': '203.0.113.7' });

  expect([handedOn.status, handedOn.body['code']]).toEqual([404, 'NOT_FOUND']);
  expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
  expect([head.status, head.text]).toEqual([200, '']);
  expect([nothing.status, wrong.status]).toEqual([401, 401]);
  expect(right.status).toBe(200);
  expect(right.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
});

test('a turn that a second process finishes is one trace, and a takeover in the metrics', async () => {
  await using collector = new Collector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${await collector.listen()}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=quiet%20room',
    OTEL_SERVICE_NAME: 'guide',
    DRAIN_MS: '0',
  };
  await using scene = await openScene({ env, fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 5);
  const { client, admission } = await scene.speak('crm_user_41', 'a canary sings');
  await client.until(() => client.text() !== '', 'the first words');
  await scene.kill('SIGTERM');
  scene.fake.release();
  await scene.start();
  const socket = await scene.socket();
  await socket.follow('crm_user_41', client);
  await client.ended(admission.turn_id);

  const over = await collector.span('turn taken over');
  const all = await scrape(scene.url);

  const [root, run] = [await collector.span('turn'), await collector.span('turn run')];
  const mine = collector.spans.filter(({ traceId }) => traceId === root.traceId);
  expect(root.traceId).toBe(admission.turn_id.replaceAll('-', ''));
  expect(mine).toHaveLength(collector.spans.length);
  expect(root.parent ?? '').toBe('');
  expect([run.parent, over.parent]).toEqual([root.spanId, root.spanId]);
  expect(run.attributes).toMatchObject({ 'stillpoint.generation': 1, 'stillpoint.outcome': 'left' });
  expect(over.attributes).toMatchObject({
    'stillpoint.generation': 2,
    'stillpoint.outcome': 'done',
    'stillpoint.takeover': 'released',
    'gen_ai.provider.name': 'ollama',
  });
  expect(new Set(mine.map(({ resource }) => resource['service.instance.id'])).size).toBe(2);
  expect(over.resource).toMatchObject({ 'service.name': 'guide' });
  expect(mine.some(({ name, parent }) => name === 'streaming' && parent === over.spanId)).toBe(true);
  expect(collector.raw.every((text) => text.startsWith('/v1/traces ') && text.includes('quiet room'))).toBe(
    true,
  );
  expect(collector.raw.join()).not.toMatch(/crm_user|canary|kiwi/);
  expect(all.get('takeovers_total{cause="released",result="done"}')).toBe(1);
  expect(all.get('gaps_total')).toBe(0);
});

test('a collector that is away holds nothing up', async () => {
  await using scene = await openScene({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    fake: { behaviour: { reply } },
  });
  const { client, admission } = await scene.speak('s', 'hello');

  const turn = await client.ended(admission.turn_id);
  await scene.server.logged('traces cannot be sent');
  const exit = await scene.kill('SIGTERM');

  expect(turn).toMatchObject({ state: 'done', text: reply });
  expect(exit).toEqual({ code: 0, signal: null });
});
