// A phone in a pocket: the page is hidden or frozen, and everything is there once somebody looks at it again (scenario 74).
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { startHttpGate } from '../support/http-gate.ts';
import { SleepyPage } from '../support/page-clock.ts';
import {
  begin,
  connection,
  describePage,
  ended,
  history,
  idOf,
  replyOf,
  say,
  sharedStage,
  shows,
} from '../support/page.ts';
import type { Stage } from '../support/page.ts';
import { watchWire } from '../support/page-wire.ts';
import type { PageWire } from '../support/page-wire.ts';
import { openPlainBrowser } from '../support/plain-browser.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, input, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const TEN_MINUTES_MS = 600_000;
/** What a page that comes back waits for an answer before it connects anew (REALTIME.md 5.14). */
const WAKE_MS = 3_000;
const reply = words(40);

interface SleepyStage extends AsyncDisposable, Pick<Stage, 'scene'> {
  page: Page;
  sleepy: SleepyPage;
  wire: PageWire;
}

async function openSleepy({ scene }: Stage): Promise<SleepyStage> {
  await using stack = new AsyncDisposableStack();
  const { page } = stack.use(await openPlainBrowser());
  const wire = watchWire(page);
  const sleepy = await SleepyPage.of(page);
  const owned = stack.move();
  return { scene, page, sleepy, wire, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Waits until the last turn of the session has ended at the server. */
const done = (scene: Scene, id: string): Promise<void> =>
  expect.poll(async () => (await history(scene, id)).at(-1)?.state, { timeout: 60_000 }).toBe('done');

/** A socket of somebody else that follows the conversation of the page. */
async function follow(scene: Scene, page: Page): Promise<{ socket: SocketClient; client: Client }> {
  const socket = await scene.socket();
  const client = socket.feed(new Client(idOf(page)));
  await socket.follow(idOf(page), client);
  return { socket, client };
}

const caughtUp = ({ sockets, answers, requests }: PageWire) => ({ sockets, answers, requests });

describePage('the page, when somebody comes back to it,', (open) => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000' };
  const openStage = sharedStage(open, { env, fake: { behaviour: { reply } } });

  test('has the whole of a reply that ended in ten frozen minutes, after one join and no wait', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    scene.fake.hold('piece', 10);
    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));

    await sleepy.freeze(TEN_MINUTES_MS);
    scene.fake.release();
    await done(scene, id);
    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
    wire.clear();
    await sleepy.stopClock();
    await sleepy.wake();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(caughtUp(wire)).toEqual({ sockets: 1, answers: 1, requests: [] });
    expect(wire.received('therapist:done')).toBe(1);
    expect(await connection(page).textContent()).toBe('');
  });

  test('goes on with a reply that is not over yet', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    scene.fake.hold('piece', 10);
    scene.fake.hold('piece', 20);
    scene.fake.hold('piece', 30);
    await begin(page, scene.url);
    const { client } = await follow(scene, page);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));

    await sleepy.freeze(TEN_MINUTES_MS);
    scene.fake.release('piece', 10);
    await client.until(() => client.text() === firstWords(reply, 20), 'twenty words');
    wire.clear();
    await sleepy.stopClock();
    await sleepy.wake();
    await shows(page, firstWords(reply, 20));
    expect(caughtUp(wire)).toEqual({ sockets: 1, answers: 1, requests: [] });
    scene.fake.release('piece', 20);
    await shows(page, firstWords(reply, 30));
    scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
  });

  test('has the turns that were said from another device meanwhile', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    const id = await begin(page, scene.url);
    await say(page, 'first');
    await ended(page);

    await sleepy.freeze(TEN_MINUTES_MS);
    const { socket, client } = await follow(scene, page);
    for (const words of ['second', 'third', 'fourth']) {
      const { turn_id: turnId } = await input(socket, id, words);
      await client.ended(turnId);
    }
    wire.clear();
    await sleepy.stopClock();
    await sleepy.wake();
    await ended(page, 'done', 4);

    expect(await page.locator('.said').allTextContents()).toEqual(['first', 'second', 'third', 'fourth']);
    expect(await page.locator('.reply').allTextContents()).toEqual([reply, reply, reply, reply]);
    expect(caughtUp(wire)).toEqual({ sockets: 1, answers: 1, requests: [] });
  });

  test('has lost nothing after it was frozen again and again in one reply', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy } = stage;
    const stops = [5, 10, 15, 20, 25];
    for (const n of stops) scene.fake.hold('piece', n);
    await begin(page, scene.url);
    const { client } = await follow(scene, page);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 5));

    for (const n of stops.slice(0, -1)) {
      await sleepy.freeze(TEN_MINUTES_MS);
      scene.fake.release('piece', n);
      await client.until(() => client.text() === firstWords(reply, n + 5), `${n + 5} words`);
      await sleepy.wake();
      await shows(page, firstWords(reply, n + 5));
    }
    scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
  });

  test('has a reply that came as an event stream, without a wait', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    await using gate = await startHttpGate(scene.server.port);
    gate.sockets = false;
    scene.fake.hold('piece', 10);
    const id = await begin(page, gate.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    expect(gate.count('stream')).toBeGreaterThan(0);

    await sleepy.freeze(TEN_MINUTES_MS);
    scene.fake.release();
    await done(scene, id);
    wire.clear();
    await sleepy.stopClock();
    await sleepy.wake();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(wire.requests).toContain(`GET ${pathOf(id, '/events')}`);
    expect(wire.requests.filter((line) => !/\/(events|livez)$/.test(line))).toEqual([]);
  });

  test('draws nothing while it is hidden, and all of it then', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    scene.fake.hold('piece', 10);
    await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    wire.clear();

    await sleepy.hide();
    await expect.poll(() => wire.answers, { timeout: 60_000 }).toBe(1);
    scene.fake.release();
    await expect.poll(() => wire.received('therapist:done'), { timeout: 60_000 }).toBe(1);
    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
    await sleepy.wake();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
  });

  test('finds out a half-open connection within its limit, and catches up over a new one', async () => {
    await using stage = await openSleepy(await openStage());
    const { scene, page, sleepy, wire } = stage;
    await using proxy = await startTcpProxy({ target: scene.server.port });
    scene.fake.hold('piece', 10);
    const id = await begin(page, proxy.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    wire.clear();
    await sleepy.hide();
    await expect.poll(() => wire.answers, { timeout: 60_000 }).toBe(1);

    const { lost } = proxy;
    proxy.swallow();
    scene.fake.release();
    await done(scene, id);
    await proxy.until(() => lost.down > 100, 'words that got lost');
    proxy.heal();
    await sleepy.stopClock();
    wire.clear();
    await sleepy.wake();
    await expect.poll(() => wire.sent('session:join'), { timeout: 60_000 }).toBe(1);
    expect(caughtUp(wire)).toEqual({ sockets: 0, answers: 0, requests: [] });
    await sleepy.pass(WAKE_MS);
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(caughtUp(wire)).toEqual({ sockets: 1, answers: 1, requests: [] });
  });
});
