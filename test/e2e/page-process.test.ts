// The guided process as the page shows it: the steps, and the exercise with its breath.
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import documented from '../golden/documented.json' with { type: 'json' };
import { ask, begin, describeStage, ended, open, say, sayElsewhere } from '../support/page.ts';
import type { Stage } from '../support/page.ts';

const inputs = z.array(z.object({ says: z.string() })).parse(documented.turns);
const journey = (page: Page): Locator => page.getByRole('img', { name: /^Step \d of 7/ });
const breathing = (page: Page): Locator => page.getByRole('region', { name: 'A quiet exercise' });
/** The turns after which the exercise waits for its first, second and third step. */
const exercise = { jaw: 8, tongue: 9, breath: 10, over: 11 };

/** What moves inside the exercise now, by the state of its animation. */
const motions = (page: Page): Promise<unknown> =>
  ask(breathing(page), 'element.getAnimations({ subtree: true }).map(({ playState }) => playState)');

const scale = (page: Page): Promise<unknown> =>
  ask(page.locator('.breathing-circle'), 'getComputedStyle(element).transform');

describeStage('the guided process on the page', { env: { MODEL: 'guide', GUIDE_WORD_MS: '0' } }, (stage) => {
  /** A page before the exercise: its first steps were taken elsewhere. */
  async function atExercise(
    options: Parameters<Stage['visit']>[0] = {},
    turns = exercise.jaw,
  ): Promise<Page> {
    const { page } = await stage.visit(options);
    await page.clock.install();
    const id = `exercise-${crypto.randomUUID()}`;
    for (const { says } of inputs.slice(0, turns)) await sayElsewhere(stage.scene, id, says);
    await open(page, stage.scene.url, id);
    await ended(page, 'done', turns);
    return page;
  }

  test('says which of the seven steps it is at', async () => {
    const { page } = await stage.visit();
    const labels: (string | null)[] = [];

    await begin(page, stage.scene.url);
    labels.push(await journey(page).getAttribute('aria-label'));
    for (const [at, { says }] of inputs.slice(0, exercise.over).entries()) {
      await say(page, says);
      await ended(page, 'done', at + 1);
      labels.push(await journey(page).getAttribute('aria-label'));
    }

    expect([...new Set(labels)]).toEqual([
      'Step 1 of 7: what you would like',
      'Step 2 of 7: how this works',
      'Step 3 of 7: noticing the body',
      'Step 5 of 7: a pause before the exercise',
      'Step 6 of 7: the quiet exercise',
      'Step 7 of 7: all steps done',
    ]);
    expect(labels.map(String)).toEqual(labels.map(String).toSorted((one, other) => one.localeCompare(other)));
  });

  test('says that the steps rest while there are more pressing things', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, 'I want to kill myself');

    await page
      .getByRole('img', { name: 'Step 1 of 7: what you would like. The steps rest for now.' })
      .waitFor();
  });

  test('shows the exercise while it runs, step by step, and puts it away after it', async () => {
    const page = await atExercise({}, exercise.jaw - 1);
    const texts: (string | null)[] = [];

    expect(await breathing(page).count()).toBe(0);
    for (const n of [exercise.jaw, exercise.tongue, exercise.breath]) {
      await say(page, inputs[n - 1]?.says ?? '');
      await ended(page, 'done', n);
      await breathing(page)
        .locator('.breathing-step')
        .filter({ hasText: `${n - 7} of 3` })
        .waitFor();
      texts.push(await breathing(page).locator('.breathing-instruction').textContent());
    }
    await say(page, inputs[exercise.over - 1]?.says ?? '');
    await breathing(page).waitFor({ state: 'detached' });

    expect(texts).toEqual([
      expect.stringContaining('jaw'),
      expect.stringContaining('tongue'),
      expect.stringContaining('breath'),
    ]);
  });

  test('shows the exercise to somebody who comes back in the middle of it', async () => {
    const page = await atExercise({}, exercise.tongue);
    await page.reload();

    await breathing(page).filter({ hasText: '2 of 3' }).waitFor();
  });

  test('breathes in and out, with words that agree', async () => {
    const page = await atExercise();
    const word = breathing(page).locator('.breathing-word');
    const circle = page.locator('.breathing-circle');

    expect(await word.textContent()).toBe('Breathe in');
    expect(await circle.getAttribute('data-phase')).toBe('in');
    await page.clock.fastForward(4_100);
    await expect.poll(() => word.textContent()).toBe('Breathe out');
    expect(await circle.getAttribute('data-phase')).toBe('out');
    await page.clock.fastForward(6_100);
    await expect.poll(() => word.textContent()).toBe('Breathe in');
    expect(await motions(page)).toEqual(['running']);
  });

  test('stands still at "Pause", and goes on at "Go on"', async () => {
    const page = await atExercise();
    const word = breathing(page).locator('.breathing-word');

    await breathing(page).getByRole('button', { name: 'Pause' }).click();
    const paused = await motions(page);
    const before = await scale(page);
    await page.clock.fastForward(60_000);
    const said = await word.textContent();
    const after = await scale(page);
    await breathing(page).getByRole('button', { name: 'Go on' }).click();
    await expect.poll(() => motions(page)).toEqual(['running']);

    expect(paused).toEqual(['paused']);
    expect(said).toBe('Paused');
    expect(after).toBe(before);
    expect(await word.textContent()).toMatch(/^Breathe/);
  });

  test('moves nothing where the device asks for that; the words change', async () => {
    const page = await atExercise({ still: true });
    const word = breathing(page).locator('.breathing-word');
    const before = await scale(page);

    expect(await word.textContent()).toBe('Breathe in');
    expect(await motions(page)).toEqual([]);
    await page.clock.fastForward(4_100);
    await expect.poll(() => word.textContent()).toBe('Breathe out');

    expect(await motions(page)).toEqual([]);
    expect(await scale(page)).toBe(before);
    expect(await breathing(page).getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
  });

  test('does not cover the place to write on a small phone', async () => {
    const page = await atExercise({ width: 360, height: 640 });
    const words = await page.getByLabel('Your words').boundingBox();
    const shown = await breathing(page).boundingBox();

    expect((words?.y ?? 0) + (words?.height ?? 0)).toBeLessThanOrEqual(640);
    expect(shown?.width).toBeLessThanOrEqual(360);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    await say(page, 'More calm');
    await ended(page, 'done', exercise.tongue);
  });
});
