import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { openRaw } from '../support/raw-socket.ts';
import { pathOf } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { openEvents } from '../support/sse.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const REPLY = words(20);
const ends = ['therapist:done', 'therapist:error', 'turn:cancelled'];

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply: REPLY } } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

describe('an event stream of a session', () => {
  test('begins with a snapshot that has an id, and never closes while the session lives', async () => {
    const { client, admission } = await scene.speak('snapshot', 'hello');
    await client.ended(admission.turn_id);
    const { cursor } = client;
    const folded = new Client('snapshot');
    using stream = await openEvents(scene.url, pathOf('snapshot', '/events'), { client: folded });
    await folded.until(({ counts }) => counts.snapshots === 1, 'the snapshot');
    await scene.rest(`POST ${pathOf('snapshot', '/input')}`, { body: { user_input: 'again' } });
    await folded.until(({ turns }) => turns[1]?.state === 'done', 'the next turn');

    expect(stream.events[0]).toMatchObject({ event: 'session:snapshot', id: cursor });
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(stream.headers['content-encoding']).toBeUndefined();
    expect(stream.comments).toBeGreaterThan(0);
    expect(stream.end).toBe('open');
  });

  test('gives no id to what is not logged, so that it does not move where a client resumes (scenario 12)', async () => {
    scene.fake.hold('prompt');
    scene.fake.hold('piece', 10);
    const { client: steady, admission } = await scene.speak('resume', 'hello');
    await scene.fake.reached('prompt', 0, scene.fake.requests.length - 1);
    const folded = new Client('resume');
    folded.acked(admission.cursor);
    const path = pathOf('resume', `/events?after=${admission.cursor}`);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    using stream = await openEvents(proxy.url, path, { client: folded });
    await stream.until(
      () => stream.of('turn:status').some(({ data }) => data['phase'] === 'prompt'),
      'a status',
    );
    scene.fake.release('prompt');
    await stream.until(
      () => stream.of('turn:status').some(({ data }) => data['phase'] === 'streaming'),
      'words',
    );
    await folded.until(() => folded.text() === words(10), 'ten words');
    proxy.reset();
    await stream.ended();
    const { lastId } = stream;
    scene.fake.release();
    await steady.ended(admission.turn_id);
    using again = await openEvents(scene.url, path, {
      headers: { 'Last-Event-ID': lastId ?? '' },
      client: folded,
    });
    const { text } = await folded.ended(admission.turn_id);

    expect(stream.of('turn:status').every(({ id }) => id === undefined)).toBe(true);
    expect(lastId).toBe(stream.events.findLast(({ event }) => event.startsWith('therapist:'))?.id);
    expect(again.of('turn:started')).toEqual([]);
    expect(text).toBe(REPLY);
    expect(folded.counts.repeats).toBe(0);
  });

  test('comes back after an idle connection was dropped, with all that was said meanwhile (scenario 23)', async () => {
    const { client: steady, admission } = await scene.speak('idle', 'hello');
    await steady.ended(admission.turn_id);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.dropIdle(100);
    const folded = new Client('idle');
    using stream = await openEvents(proxy.url, pathOf('idle', '/events'), { client: folded });
    expect(await stream.ended()).toBe('broken');
    await scene.rest(`POST ${pathOf('idle', '/input')}`, { body: { user_input: 'again' } });
    const headers = { 'Last-Event-ID': stream.lastId ?? '' };
    using _again = await openEvents(proxy.url, pathOf('idle', '/events'), { headers, client: folded });
    await folded.until(({ turns }) => turns[1]?.state === 'done', 'the turn meanwhile');

    expect(folded.text()).toBe(REPLY);
    expect(folded.counts).toMatchObject({ repeats: 0, snapshots: 1 });
  });

  test('is exact behind a proxy that hands on 4 KB at a time (scenario 23)', async () => {
    const reply = words(300);
    scene.fake.next({ reply });
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.buffer(4_096, 'down');
    using stream = await openEvents(proxy.url, pathOf('lumps', '/input'), {
      method: 'POST',
      body: { user_input: 'hello' },
    });
    await stream.ended();

    expect(
      stream
        .of('therapist:token')
        .map(({ data }) => data['text'])
        .join(''),
    ).toBe(reply);
    expect(ends).toContain(stream.events.at(-1)?.event);
  });
});

describe('an input that asks for its turn as an event stream', () => {
  const say = (id: string, client?: Client) =>
    openEvents(scene.url, pathOf(id, '/input'), {
      method: 'POST',
      body: { user_input: 'hello' },
      ...(client && { client }),
    });

  test('gets a comment before any word', async () => {
    scene.fake.hold('prompt');
    using stream = await say('comment');
    await stream.until(() => stream.comments > 0, 'a comment');

    expect(stream.of('therapist:token')).toEqual([]);
  });

  test('gets the turn from its first entry, one end entry, and the end of the stream (scenario 13)', async () => {
    using stream = await say('turn');

    expect(await stream.ended()).toBe('whole');
    const logged = stream.events.filter(({ id }) => id !== undefined).map(({ event }) => event);
    expect(logged[0]).toBe('turn:started');
    expect(logged.filter((event) => ends.includes(event))).toEqual(['therapist:done']);
    expect(stream.events.at(-1)).toMatchObject({
      event: 'therapist:done',
      data: { therapist_response: REPLY },
    });
  });

  test('gets nothing of the turn that another input begins in its place (scenario 13)', async () => {
    scene.fake.hold('piece', 5);
    using stream = await say('interrupted');
    await stream.until(() => stream.of('therapist:token').length > 0, 'some words');
    const body = { user_input: 'instead', interrupt: true };
    const other = scene.rest(`POST ${pathOf('interrupted', '/input')}`, { body });

    expect(await stream.ended()).toBe('whole');
    expect(stream.events.at(-1)).toMatchObject({ event: 'turn:cancelled', data: { text: words(5) } });
    expect(stream.of('turn:started')).toHaveLength(1);
    scene.fake.release();
    expect((await other).body['therapist_response']).toBe(REPLY);
  });

  test('gets the same turn again from its first entry when it is repeated after the end (scenario 13)', async () => {
    const options = {
      method: 'POST',
      body: { user_input: 'hello' },
      headers: { 'Idempotency-Key': 'once' },
    } as const;
    const streams = [];
    for (let i = 0; i < 2; i++) {
      using stream = await openEvents(scene.url, pathOf('again', '/input'), options);
      expect(await stream.ended()).toBe('whole');
      streams.push(stream.events.filter(({ id }) => id !== undefined));
    }

    const [first, second] = streams.map((events) => ({
      started: events[0],
      text: events.flatMap(({ event, data }) => (event === 'therapist:token' ? [data['text']] : [])).join(''),
      end: events.at(-1),
    }));
    expect(second).toEqual(first);
    expect(first?.text).toBe(REPLY);
  });
});

describe('a client that speaks HTTP/1.0 (scenario 23)', () => {
  const ask = async (request: string[], body = '') => {
    using raw = await openRaw(scene.server.port);
    raw.write(`${request.join('\r\n')}\r\n\r\n${body}`);
    await raw.closed();
    const [head = '', ...rest] = raw.text.split('\r\n\r\n');
    return { head: head.toLowerCase(), body: rest.join('\r\n\r\n') };
  };
  const body = JSON.stringify({ user_input: 'hello' });
  const post = (id: string, accept: string) => [
    `POST ${pathOf(id, '/input')} HTTP/1.0`,
    `Accept: ${accept}`,
    `Content-Length: ${body.length}`,
  ];

  test('gets the turn as an event stream without chunks, and the end of the connection', async () => {
    const answer = await ask(post('old stream', 'text/event-stream'), body);

    expect(answer.head).not.toContain('transfer-encoding');
    const lines = answer.body.split('\n').filter((line) => line.startsWith('event: '));
    expect(lines.at(0)).toBe('event: turn:started');
    expect(lines.at(-1)).toBe('event: therapist:done');
    expect(answer.body).toContain(JSON.stringify(REPLY).slice(1, -1));
  });

  test('gets the whole response as JSON', async () => {
    const answer = await ask(post('old json', 'application/json'), body);

    expect(JSON.parse(answer.body)).toMatchObject({ therapist_response: REPLY });
  });

  test('gets its first events while the turn goes on', async () => {
    scene.fake.hold('piece', 3);
    using raw = await openRaw(scene.server.port);
    raw.write(`${post('old live', 'text/event-stream').join('\r\n')}\r\n\r\n${body}`);
    await raw.until(() => raw.text.includes('therapist:token'), 'some words');

    expect(raw.isClosed).toBe(false);
    scene.fake.release();
    await raw.closed();
  });

  test('gets a long poll', async () => {
    const { client, admission } = await scene.speak('old poll', 'hello');
    await client.ended(admission.turn_id);
    const answer = await ask([`GET ${pathOf('old poll', `/log?after=${admission.cursor}&wait=5`)} HTTP/1.0`]);

    const page: unknown = JSON.parse(answer.body);
    const folded = new Client('old poll');
    folded.acked(admission.cursor);
    folded.joined(page);
    expect(folded.text()).toBe(REPLY);
  });
});
