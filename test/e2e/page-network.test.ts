// The page on bad networks: whatever is cut, blocked or held back, the person sees one text, and all of it.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Transport } from '../../client/sdk/api.ts';
import { startHttpGate } from '../support/http-gate.ts';
import type { HttpGate } from '../support/http-gate.ts';
import { SleepyPage } from '../support/page-clock.ts';
import { jumpsIn, recordTexts, textsShown } from '../support/page-texts.ts';
import { watchWire } from '../support/page-wire.ts';
import {
  begin,
  connection,
  describePage,
  ended,
  history,
  replyOf,
  say,
  sharedStage,
  shows,
} from '../support/page.ts';
import { firstWords, words } from '../support/scene.ts';
import type { Scene, SceneOptions } from '../support/scene.ts';

const reply = words(40);
const WAIT = { timeout: 30_000 };

/** Every word of the model is handed on at once, and it may wait for the test between two words. */
const calm: SceneOptions = {
  env: { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000' },
  fake: { behaviour: { reply } },
};

/** What the gate lets through, so that the page has only that. */
const leaves: Record<Transport, (gate: HttpGate) => void> = {
  socket: (gate) => Object.assign(gate, { sockets: true, sse: 'pass' }),
  stream: (gate) => Object.assign(gate, { sockets: false, sse: 'pass' }),
  poll: (gate) => Object.assign(gate, { sockets: false, sse: 'block' }),
};
const transports: readonly Transport[] = ['socket', 'stream', 'poll'];

/** Waits until the last turn of the session is in that state at the server. */
const turnIs = (scene: Scene, id: string, state: string): Promise<void> =>
  expect.poll(async () => (await history(scene, id)).at(-1)?.state, WAIT).toBe(state);

/** Waits until the line to the server is said to be so. */
const says = (page: Page, text: string): Promise<void> =>
  expect.poll(() => connection(page).textContent(), WAIT).toContain(text);

describePage('the page on a bad network', (open) => {
  const openCalm = sharedStage(open, calm);

  test.for(transports)(
    '[P-3] has the whole answer after a reload in the middle of it, over %s',
    async (via) => {
      const stage = await openCalm();
      const { scene } = stage;
      await using gate = await startHttpGate(scene.server.port);
      leaves[via](gate);
      const { page, faults } = await stage.visit();
      scene.fake.hold('piece', 10);

      await begin(page, gate.url);
      await say(page, 'I feel restless');
      await shows(page, firstWords(reply, 10));
      await page.reload();
      await shows(page, firstWords(reply, 10));
      scene.fake.release();
      await ended(page);

      expect(await replyOf(page).textContent()).toBe(reply);
      expect(await page.locator('.said').allTextContents()).toEqual(['I feel restless']);
      expect(faults).toEqual([]);
    },
  );

  test.for(transports)(
    '[P-3] goes on where it was when the server is killed and comes back, over %s',
    async (via) => {
      await using stage = await open(calm);
      const { scene } = stage;
      await using gate = await startHttpGate(scene.server.port);
      leaves[via](gate);
      const { page } = await stage.visit();
      scene.fake.hold('piece', 10);
      scene.fake.hold('piece', 20);

      const id = await begin(page, gate.url);
      await say(page, 'I feel restless');
      await shows(page, firstWords(reply, 10));
      await recordTexts(page);
      await scene.kill();
      await says(page, 'The connection is lost');
      expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
      scene.fake.release('piece', 10);
      await scene.start();
      gate.retarget(scene.server.port);
      scene.fake.release();
      await ended(page);

      expect(await replyOf(page).textContent()).toBe(reply);
      expect(jumpsIn(await textsShown(page))).toEqual([]);
      expect(await history(scene, id)).toMatchObject([{ state: 'done', text: reply }]);
      await expect.poll(() => connection(page).textContent()).toBe('');
    },
  );

  test('[P-3] says that there is no network, and has the answer that ended meanwhile', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    const { page } = await stage.visit();
    scene.fake.hold('piece', 10);

    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    await page.context().setOffline(true);
    await says(page, 'No network');
    scene.fake.release();
    await turnIs(scene, id, 'done');
    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
    await page.context().setOffline(false);
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    await expect.poll(() => connection(page).textContent()).toBe('');
  });

  test('[P-3] is offline for thirty seconds in mid-answer and goes on', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    const { page } = await stage.visit();
    const sleepy = await SleepyPage.of(page);
    scene.fake.hold('piece', 10);
    scene.fake.hold('piece', 20);

    await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    await recordTexts(page);
    await sleepy.stopClock();
    await page.context().setOffline(true);
    await says(page, 'No network');
    scene.fake.release('piece', 10);
    for (let seconds = 0; seconds < 30; seconds += 1) await sleepy.pass(1_000);
    await says(page, 'No network');
    await page.context().setOffline(false);
    await shows(page, firstWords(reply, 20));
    scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(jumpsIn(await textsShown(page))).toEqual([]);
  });

  test('[P-7] stops an answer as soon as there is a network, where the wish was made without one', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    const { page } = await stage.visit();
    scene.fake.hold('piece', 10);

    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 10));
    await page.context().setOffline(true);
    await says(page, 'No network');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopping…').first().waitFor();
    expect(await history(scene, id)).toMatchObject([{ state: 'running' }]);
    await page.context().setOffline(false);
    await ended(page, 'cancelled');
    scene.fake.release();

    expect(await history(scene, id)).toMatchObject([{ state: 'cancelled', text: firstWords(reply, 10) }]);
    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
  });

  test('[P-6] says once, and in order, what was written without a network', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    const { page } = await stage.visit();

    const id = await begin(page, scene.url);
    await say(page, 'first');
    await ended(page);
    await page.context().setOffline(true);
    await says(page, 'No network');
    const written = ['second', 'third', 'fourth'];
    for (const text of written) await say(page, text);
    await expect.poll(() => page.locator('.pending .said').allTextContents()).toEqual(written);
    await page.getByText('Sending as soon as the connection is back…').first().waitFor();
    await page.context().setOffline(false);
    await ended(page, 'done', 4);

    const said = (await history(scene, id)).map(({ user_input: text }) => text);
    expect(said).toEqual(['first', ...written]);
    expect(await page.locator('.said').allTextContents()).toEqual(said);
    expect(await page.locator('.reply').allTextContents()).toEqual([reply, reply, reply, reply]);
    expect(await page.locator('.pending').count()).toBe(0);
  });

  test('[P-6] says once what went out when the network went, also after a reload', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    await using gate = await startHttpGate(scene.server.port);
    const { page } = await stage.visit();

    const id = await begin(page, gate.url);
    await say(page, 'first');
    await ended(page);
    gate.isOpen = false;
    gate.cut();
    await say(page, 'second');
    await expect.poll(() => page.locator('.pending .said').allTextContents()).toEqual(['second']);
    gate.isOpen = true;
    await page.reload();
    await ended(page, 'done', 2);

    expect(await history(scene, id)).toMatchObject([{ user_input: 'first' }, { user_input: 'second' }]);
    expect(await page.locator('.said').allTextContents()).toEqual(['first', 'second']);
  });

  test.for(['stream', 'poll'] as const)(
    'shows the words as they come where sockets are blocked, by %s',
    async (via) => {
      const stage = await openCalm();
      const { scene } = stage;
      await using gate = await startHttpGate(scene.server.port);
      leaves[via](gate);
      const { page, faults } = await stage.visit();
      const stops = [10, 11, 12, 20, 30];
      for (const n of stops) scene.fake.hold('piece', n);

      await begin(page, gate.url);
      await say(page, 'I feel restless');
      for (const n of stops) {
        await shows(page, firstWords(reply, n));
        scene.fake.release('piece', n);
      }
      await ended(page);

      expect(await replyOf(page).textContent()).toBe(reply);
      expect(gate.count(via)).toBeGreaterThan(0);
      expect(faults).toEqual([]);
    },
  );

  test('[P-3] shows one text where streams are held back in mid-sentence, and goes back to the socket', async () => {
    const stage = await openCalm();
    const { scene } = stage;
    await using gate = await startHttpGate(scene.server.port);
    gate.sockets = false;
    const { page } = await stage.visit();
    const wire = watchWire(page);
    const stops = [5, 15, 25, 35];
    for (const n of stops) scene.fake.hold('piece', n);

    await begin(page, gate.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 5));
    expect({ stream: gate.count('stream') > 0, poll: gate.count('poll') }).toEqual({ stream: true, poll: 0 });
    await recordTexts(page);
    gate.sse = 'buffer';
    gate.cut();
    scene.fake.release('piece', 5);
    await shows(page, firstWords(reply, 15));
    expect(gate.count('poll')).toBeGreaterThan(0);
    scene.fake.release('piece', 15);
    await shows(page, firstWords(reply, 25));
    gate.sockets = true;
    await expect.poll(() => wire.sent('session:join'), { timeout: 60_000 }).toBe(1);
    scene.fake.release('piece', 25);
    await shows(page, firstWords(reply, 35));
    scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(jumpsIn(await textsShown(page))).toEqual([]);
    expect(wire.received('therapist:done')).toBe(1);
    expect(await connection(page).textContent()).toBe('');
  });
});
