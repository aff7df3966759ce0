// The page under load: a conversation of ten thousand messages, and words that come faster than a screen is drawn.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { repliedIn, saidIn, writeHistory } from '../support/long-history.ts';
import { begin, describePage, ended, replyOf, say, turn } from '../support/page.ts';
import type { OpenStage, Stage } from '../support/page.ts';
import { watchWire } from '../support/page-wire.ts';
import { words } from '../support/scene.ts';

const TURNS = 5_000;
const PAGE = 50;
const reply = words(40);

interface LongStage extends AsyncDisposable, Pick<Stage, 'scene'> {
  page: Page;
  faults: string[];
}

/** The page of a conversation of 10,000 messages, before anything is read of it but its end. */
async function openLong(open: OpenStage): Promise<LongStage> {
  await using stack = new AsyncDisposableStack();
  const stage = await open({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });
  const { scene } = stack.use(stage);
  const { socket, client, admission } = await scene.speak('long', saidIn(1));
  await client.ended(admission.turn_id);
  socket.close();
  await scene.kill('SIGTERM');
  await writeHistory(scene.dataDir, 'long', TURNS);
  await scene.start();
  const { page, faults } = await stage.visit();
  await page.goto(`${scene.url}/#session=long`);
  await turn(page, TURNS).waitFor();
  const owned = stack.move();
  return { scene, page, faults, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const Pages = z.array(z.object({ first: z.number(), movedPx: z.number() }));

/**
 * Asks for one page after another until there is none, from the top of what is there. Of each: its first turn, and how far
 * it moved what was the first one before.
 */
const readBack = async (page: Page): Promise<z.output<typeof Pages>> =>
  Pages.parse(
    await page.evaluate(`(async () => {
      const log = document.querySelector('#log');
      const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
      const firstOf = () => Number(document.querySelector('.turn').dataset.n);
      const pages = [];
      for (let button; (button = document.querySelector('.earlier button')); ) {
        log.scrollTop = 0;
        await frame();
        await frame();
        const element = document.querySelector('.turn');
        const first = firstOf();
        const { top } = element.getBoundingClientRect();
        button.click();
        while (firstOf() === first) await frame();
        await frame();
        await frame();
        pages.push({ first: firstOf(), movedPx: Math.abs(element.getBoundingClientRect().top - top) });
      }
      return pages;
    })()`),
  );

const Turns = z.array(z.object({ n: z.number(), said: z.string(), reply: z.string() }));

/** All turns of the page, in their order. */
const turnsOf = async (page: Page): Promise<z.output<typeof Turns>> =>
  Turns.parse(
    await page.evaluate(`[...document.querySelectorAll('.turn')].map((turn) => ({
      n: Number(turn.dataset.n),
      said: turn.querySelector('.said').textContent,
      reply: turn.querySelector('.reply').textContent,
    }))`),
  );

const Work = z.object({
  frames: z.number(),
  batches: z.number(),
  chunks: z.array(z.number()),
  longTasks: z.array(z.number()),
});

/** Counts from now on: frames, batches of changes in the conversation, in which chunks those were, and tasks over 50 ms. */
const countWork = (page: Page): Promise<void> =>
  page.evaluate(`(() => {
    const work = (globalThis.testWork = { frames: 0, batches: 0, chunks: [], longTasks: [] });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) work.longTasks.push(duration);
    }).observe({ type: 'longtask' });
    const frame = () => ((work.frames += 1), requestAnimationFrame(frame));
    requestAnimationFrame(frame);
    new MutationObserver((changes) => {
      work.batches += 1;
      const all = [...document.querySelectorAll('.chunk')];
      for (const { target } of changes) {
        const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
        const at = all.indexOf(element?.closest('.chunk'));
        if (at !== -1 && !work.chunks.includes(at)) work.chunks.push(at);
      }
    }).observe(document.querySelector('#log'), { childList: true, subtree: true, characterData: true, attributes: true });
  })()`);

const workOf = async (page: Page): Promise<z.output<typeof Work>> =>
  Work.parse(await page.evaluate('testWork'));

const isAtEnd = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector('#log');
    return scrollHeight - scrollTop - clientHeight < 2;
  })()`);

describePage('a conversation of 10,000 messages', (open) => {
  test('opens at its end, with its last page', async () => {
    await using stage = await openLong(open);
    const { page, faults } = stage;

    expect(await page.locator('.turn').count()).toBe(PAGE);
    await expect.poll(() => isAtEnd(page)).toBe(true);
    expect(await replyOf(page, TURNS).textContent()).toBe(repliedIn(TURNS));
    expect(await page.getByRole('button', { name: 'Earlier' }).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test('is read back to its first words, keeps the place on the screen, and goes on', async () => {
    await using stage = await openLong(open);
    const { page, faults } = stage;
    await page.getByRole('button', { name: 'Earlier' }).click();
    await turn(page, TURNS - 2 * PAGE + 1).waitFor({ state: 'attached' });

    const pages = await readBack(page);

    const count = TURNS / PAGE - 2;
    expect(pages.map(({ first }) => first)).toEqual(
      Array.from({ length: count }, (_, i) => 1 + PAGE * (count - 1 - i)),
    );
    expect(pages.filter(({ movedPx }) => movedPx >= 1)).toEqual([]);
    const turns = await turnsOf(page);
    const written = Array.from({ length: TURNS - 1 }, (_, i) => ({
      n: i + 2,
      said: saidIn(i + 2),
      reply: repliedIn(i + 2),
    }));
    expect(turns).toEqual([{ n: 1, said: saidIn(1), reply }, ...written]);
    expect(await page.locator('.chunk').count()).toBe(TURNS / PAGE);

    await page.evaluate(`document.querySelector('#log').scrollTop = 1e9`);
    await expect.poll(() => isAtEnd(page)).toBe(true);
    await turn(page, TURNS).locator('.reply').waitFor({ state: 'visible' });
    await countWork(page);
    await say(page, 'What did I say first?');
    await ended(page, 'done', TURNS + 1);
    expect(await replyOf(page, TURNS + 1).textContent()).toBe(reply);
    const { chunks } = await workOf(page);
    // the new turn begins a chunk; the ones before it learn that they are not the last any more
    expect(chunks.filter((at) => at < TURNS / PAGE - 2)).toEqual([]);
    expect(faults).toEqual([]);
  });
});

describePage('words that come faster than the screen is drawn', (open) => {
  test('are drawn once per frame, and are all there', async ({ annotate }) => {
    const storm = words(1_500);
    await using stage = await open({
      env: { RAW_REPLIES: '1', OLLAMA_NUM_PREDICT: '5000' },
      fake: { behaviour: { reply: storm, rate: 500 } },
    });
    const { page, faults } = await stage.visit();
    const wire = watchWire(page);

    await begin(page, stage.scene.url);
    await countWork(page);
    await say(page, 'I feel restless');
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(storm);
    const { frames, batches, longTasks } = await workOf(page);
    await annotate(`tasks over 50 ms: ${JSON.stringify(longTasks)}`);
    // what is not drawn from the conversation's state: the line of the person, and the turn's end
    expect(batches).toBeLessThanOrEqual(frames + 5);
    expect(wire.received('therapist:token')).toBeGreaterThan(batches);
    expect(faults).toEqual([]);
  });
});
