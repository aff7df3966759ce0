// One conversation on several screens: two tabs of a browser, and a phone.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { begin, describePage, ended, history, replyOf, say, sharedStage, shows } from '../support/page.ts';
import type { Stage } from '../support/page.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, words } from '../support/scene.ts';

const reply = words(40);

interface Screens extends Pick<Stage, 'scene'> {
  id: string;
  first: Page;
  second: Page;
  phone: Page;
  all: readonly Page[];
  faults: string[];
}

/** The tabs share what a browser keeps for a site; the phone is on its own. */
async function openScreens(stage: Stage): Promise<Screens> {
  const { scene } = stage;
  const { page: first, faults } = await stage.visit();
  const second = await first.context().newPage();
  const { page: phone, faults: others } = await stage.visit({ width: 360, height: 640 });
  const id = await begin(first, scene.url);
  for (const page of [second, phone]) {
    await page.goto(first.url());
    await page.getByLabel('Your words').waitFor();
  }
  second.on('pageerror', (error) => faults.push(String(error)));
  return {
    scene,
    id,
    first,
    second,
    phone,
    all: [first, second, phone],
    get faults() {
      return [...faults, ...others];
    },
  };
}

const onAll = (pages: readonly Page[], look: (page: Page) => Promise<void>): Promise<void[]> =>
  Promise.all(pages.map(look));

describePage('two tabs and a phone in one conversation', (open) => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000' };
  const openStage = sharedStage(open, { env, fake: { behaviour: { reply } } });

  test('show the same words as they come, whoever spoke', async () => {
    const screens = await openScreens(await openStage());
    const { scene, all, first, phone } = screens;
    const stops = [10, 11, 20, 30];
    for (const n of stops) scene.fake.hold('piece', n);

    await say(first, 'I feel restless');
    for (const n of stops) {
      await onAll(all, (page) => shows(page, firstWords(reply, n)));
      scene.fake.release('piece', n);
    }
    await onAll(all, (page) => ended(page));
    await say(phone, 'and tired');
    await onAll(all, (page) => ended(page, 'done', 2));

    for (const page of all) {
      expect(await page.locator('.said').allTextContents()).toEqual(['I feel restless', 'and tired']);
      expect(await page.locator('.reply').allTextContents()).toEqual([reply, reply]);
    }
    expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(screens.faults).toEqual([]);
  });

  test('have everything once when all speak at the same time', async () => {
    const screens = await openScreens(await openStage());
    const { scene, id, all } = screens;

    await Promise.all(all.map((page, at) => say(page, `words of ${at}`)));
    await onAll(all, (page) => expect.poll(() => page.locator('.turn').count(), { timeout: 60_000 }).toBe(3));
    await expect.poll(async () => (await history(scene, id)).at(-1)?.state, { timeout: 60_000 }).toBe('done');
    await onAll(all, (page) => ended(page, 'done', 3));

    const turns = await history(scene, id);
    expect(turns.map(({ user_input: said }) => said).toSorted()).toEqual([
      'words of 0',
      'words of 1',
      'words of 2',
    ]);
    for (const page of all) {
      await expect
        .poll(() => page.locator('.said').allTextContents())
        .toEqual(turns.map((turn) => turn.user_input));
      await expect
        .poll(() => page.locator('.reply').allTextContents())
        .toEqual(turns.map((turn) => turn.text));
    }
  });

  test('[P-7] stop an answer from any of them', async () => {
    const screens = await openScreens(await openStage());
    const { scene, id, all, first, second, phone } = screens;
    scene.fake.hold('piece', 10);

    await say(first, 'I feel restless');
    await onAll(all, (page) => shows(page, firstWords(reply, 10)));
    await phone.getByRole('button', { name: 'Stop' }).click();
    await onAll(all, (page) => ended(page, 'cancelled'));
    scene.fake.release();

    expect(await history(scene, id)).toMatchObject([{ state: 'cancelled', text: firstWords(reply, 10) }]);
    for (const page of all) {
      expect(await replyOf(page).textContent()).toBe(firstWords(reply, 10));
      expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0);
    }
    await second.getByRole('button', { name: 'Try again' }).click();
    await onAll(all, (page) => ended(page, 'done', 2));
    for (const page of all) expect(await replyOf(page, 2).textContent()).toBe(reply);
  });

  test('[S-6] are all empty when one of them deletes it, in the middle of an answer too', async () => {
    const screens = await openScreens(await openStage());
    const { scene, id, all, first, second, phone } = screens;
    await say(first, 'I feel restless');
    await onAll(all, (page) => ended(page));
    scene.fake.hold('piece', 10);
    await say(phone, 'my secret');
    await onAll(all, (page) => shows(page, firstWords(reply, 10), 2));
    await second.getByLabel('Your words').fill('a draft of a secret');

    await first.getByRole('button', { name: 'Menu' }).click();
    await first.getByRole('button', { name: 'Delete my data' }).click();
    await first.getByRole('button', { name: 'Delete all of it' }).click();
    await onAll(all, (page) => page.getByRole('alert').filter({ hasText: 'deleted' }).waitFor());
    scene.fake.release();

    expect((await scene.rest(`GET ${pathOf(id, '/status')}`)).status).toBe(404);
    for (const page of all) {
      const content = await page.content();
      for (const word of ['restless', 'secret', 'xylob']) expect(content).not.toContain(word);
      expect(page.url()).not.toContain(id);
      expect(await page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })')).not.toMatch(
        /secret|restless/,
      );
    }
  });
});
