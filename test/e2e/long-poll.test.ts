import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { rest } from '../support/rest.ts';

const REPLY = words(20);

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ fake: { behaviour: { reply: REPLY } } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

const poll = (id: string, after: string | undefined, wait: number, of = scene) =>
  of.rest(`GET ${pathOf(id, `/log?wait=${wait}${after === undefined ? '' : `&after=${after}`}`)}`);

describe('a long poll', () => {
  test('with no cursor is answered by a snapshot at once', async () => {
    const { client, admission } = await scene.speak('first', 'hello');
    await client.ended(admission.turn_id);
    const { status, body, headers } = await poll('first', undefined, 30);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      mode: 'snapshot',
      cursor: client.cursor,
      turns: [{ text: REPLY }],
      live: null,
    });
    expect(headers['x-cursor']).toBe(client.cursor);
  });

  test('waits over an append and brings it (scenario 14)', async () => {
    scene.fake.hold('piece', 5);
    const { client, admission } = await scene.speak('append', 'hello');
    await client.until(() => client.text() === words(5), 'five words');
    const folded = client.copy();
    const answer = poll('append', client.cursor, 30);
    await scene.rest('GET /livez');
    scene.fake.release();
    folded.joined((await answer).body);
    await client.ended(admission.turn_id);

    expect((await answer).status).toBe(200);
    expect(folded.text().length).toBeGreaterThan(words(5).length);
    expect((await answer).headers['x-cursor']).toBe(folded.cursor);
  });

  test('that comes to its time says so with the same cursor (scenario 14)', async () => {
    const { client, admission } = await scene.speak('time', 'hello');
    await client.ended(admission.turn_id);
    const answer = await poll('time', client.cursor, 0.2);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers['x-cursor']).toBe(client.cursor);
  });

  test('again and again brings the whole turn, each entry once', async () => {
    scene.fake.next({ reply: words(200), rate: 400 });
    const { client: steady, admission } = await scene.speak('loop', 'hello');
    const folded = new Client('loop');
    folded.acked(admission.cursor);
    while (folded.turns[0]?.state !== 'done') {
      folded.joined((await poll('loop', folded.cursor, 10)).body);
    }

    expect(folded.text()).toBe(words(200));
    expect(folded.counts).toMatchObject({ repeats: 0, snapshots: 0 });
    expect(folded.cursor).toBe((await steady.ended(admission.turn_id)) && steady.cursor);
  });

  test.for([-1, 31, 'soon', ''])('with wait=%s is refused by name', async (wait) => {
    const { status, body } = await scene.rest(`GET ${pathOf('append', `/log?wait=${wait}`)}`);

    expect(status).toBe(422);
    expect(body['detail']).toMatchObject([{ loc: ['query', 'wait'] }]);
  });

  test('is answered by a server that goes down, with the cursor to go on from (scenario 14)', async () => {
    await using own = await openScene({ env: { MODEL: 'guide', GUIDE_WORD_MS: '0' } });
    const { client, admission } = await own.speak('drain', 'hello');
    await client.ended(admission.turn_id);
    const answers = Array.from({ length: 20 }, () => poll('drain', client.cursor, 30, own));
    await own.rest('GET /livez');
    const exit = await own.kill('SIGTERM');

    expect(exit).toEqual({ code: 0, signal: null });
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(204);
      expect(answer.headers['x-cursor']).toBe(client.cursor);
    }
  });

  test('gets through a proxy that holds back what is not ended (scenario 23)', async () => {
    const { client, admission } = await scene.speak('held back', 'hello');
    await client.ended(admission.turn_id);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.buffer(1_000_000, 'down');
    const line = `GET ${pathOf('held back', `/log?wait=30&after=${admission.cursor}`)}`;
    const folded = new Client('held back');
    folded.acked(admission.cursor);
    folded.joined((await rest(proxy.url, line, { headers: { Connection: 'close' } })).body);

    expect(folded.text()).toBe(REPLY);
  });
});
