// The ways out of the page: gone at once and without a trace, or with a copy of what was said.
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  begin,
  describeStage,
  ended,
  history,
  idOf,
  open,
  reply,
  say,
  sayElsewhere,
} from '../support/page.ts';
import { pathOf } from '../support/rest.ts';

const before = 'http://before.test/';
const neutral = 'https://www.wikipedia.org/';
const secret = 'plumtree';
const Entries = z.object({ entries: z.array(z.object({ url: z.string() })) });

/** Pages of elsewhere, so that no test leaves this machine. */
async function elsewhere(page: Page): Promise<void> {
  await page.route(/^https?:\/\/(before\.test|www\.wikipedia\.org)\//, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<title>${route.request().url()}</title>` }),
  );
  await page.goto(before);
}

/** The history of the tab, as its "back" button has it. */
async function addresses(page: Page): Promise<string[]> {
  const client = await page.context().newCDPSession(page);
  const { entries } = Entries.parse(await client.send('Page.getNavigationHistory'));
  await client.detach();
  return entries.map(({ url }) => url).filter((url) => url !== 'about:blank');
}

const isHidden = 'getComputedStyle(document.body).display === "none"';

describeStage('leaving the page', {}, (stage) => {
  /** A conversation with words in it, words that are typed, and words that are not sent. */
  async function deepInside(page: Page): Promise<string> {
    await elsewhere(page);
    const id = await begin(page, stage.scene.url, `about-${secret}-${crypto.randomUUID()}`);
    await say(page, `I think of the ${secret}`);
    await ended(page);
    await page.getByLabel('Your words').fill(`more about the ${secret}`);
    return id;
  }

  test.for(['the button', 'three presses of Escape'])(
    'goes to a neutral page by %s, with no way back to the words',
    async (how) => {
      const { page } = await stage.visit();
      await deepInside(page);

      if (how === 'the button') await page.getByRole('button', { name: 'Leave now' }).click();
      else for (let press = 0; press < 3; press++) await page.keyboard.press('Escape');
      await page.waitForURL(neutral);

      await expect.poll(() => addresses(page)).toEqual([before, neutral]);
      await page.goBack();
      expect(page.url()).toBe(before);
    },
  );

  test('leaves nothing of the conversation in the storage of the tab', async () => {
    const { page } = await stage.visit();
    await deepInside(page);
    expect(await page.evaluate('sessionStorage.length')).toBeGreaterThan(0);

    await page.getByRole('button', { name: 'Leave now' }).click();
    await page.waitForURL(neutral);
    await page.goto(`${stage.scene.url}/health`);

    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(secret);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  test('hides everything before it asks for the neutral page', async () => {
    const { page } = await stage.visit();
    await deepInside(page);
    const leaving = page.waitForEvent('console', (message) => message.text().startsWith('leaving'));
    await page.evaluate(`addEventListener('beforeunload', () => {
      const { title, body } = document;
      const isHidden = ${isHidden};
      console.log('leaving ' + JSON.stringify({ isHidden, title, address: location.href, text: body.textContent }));
    })`);
    await page.getByRole('button', { name: 'Leave now' }).click();
    const seen: unknown = JSON.parse((await leaving).text().replace('leaving ', ''));

    expect(seen).toEqual({
      isHidden: true,
      title: 'Wikipedia',
      address: `${stage.scene.url}/`,
      text: expect.not.stringContaining(secret),
    });
    await page.waitForURL(neutral);
  });

  test('counts an Escape that closes the menu or a dialog', async () => {
    const { page } = await stage.visit();
    await deepInside(page);

    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Delete my data' }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');

    await page.waitForURL(neutral);
  });

  test('stays for two presses of Escape, and for three that are far apart', async () => {
    const { page } = await stage.visit();
    await page.clock.install();
    await deepInside(page);

    for (let press = 0; press < 2; press++) await page.keyboard.press('Escape');
    await page.clock.fastForward(3_000);
    for (let press = 0; press < 2; press++) await page.keyboard.press('Escape');

    expect(page.url()).toContain(secret);
    expect(await page.evaluate(isHidden)).toBe(false);
    await page.keyboard.press('Escape');
    await page.waitForURL(neutral);
  });

  test('is in sight on every screen of a small phone, also over a dialog', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });
    await elsewhere(page);
    const button = page.getByRole('button', { name: 'Leave now' });

    await page.goto(stage.scene.url);
    await button.click({ trial: true });
    await begin(page, stage.scene.url);
    await button.click({ trial: true });
    await page.getByRole('button', { name: 'Menu' }).click();
    await button.click({ trial: true });
    await page.getByRole('button', { name: 'Delete my data' }).click();
    await button.click();

    await page.waitForURL(neutral);
  });

  test('works without the server', async () => {
    const { page } = await stage.visit();
    await deepInside(page);
    await page.context().setOffline(true);
    await page.locator('#connection').filter({ hasText: /\S/ }).waitFor();
    await page.evaluate('document.querySelector(".quick-exit").click()');

    await expect.poll(() => page.url()).not.toContain(secret);
    await page.context().setOffline(false);
  });

  test('makes no entries in the history of the tab', async () => {
    const { page } = await stage.visit();
    await elsewhere(page);

    const id = await begin(page, stage.scene.url);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'New conversation' }).click();
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByLabel('Your words').waitFor();

    expect(idOf(page)).not.toBe(id);
    await expect.poll(() => addresses(page)).toEqual([before, page.url()]);
  });

  test('saves all that the server has as JSON', async () => {
    const { page } = await stage.visit();
    const id = await deepInside(page);

    await page.getByRole('button', { name: 'Menu' }).click();
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save a copy' }).click();
    const download = await coming;
    const saved: unknown = JSON.parse(await readFile(await download.path(), 'utf8'));

    expect(saved).toEqual((await stage.scene.rest(`GET ${pathOf(id, '/export')}`)).body);
    expect(saved).toMatchObject({ turns: [{ user_input: `I think of the ${secret}`, text: reply }] });
    expect(download.suggestedFilename()).toMatch(/^[\w-]+\.json$/);
    expect(download.suggestedFilename()).not.toContain(secret);
  });

  test('saves what was said as text to read, in order', async () => {
    const { page } = await stage.visit();
    const id = `read-${crypto.randomUUID()}`;
    await sayElsewhere(stage.scene, id, 'My first words\nover two lines');
    await sayElsewhere(stage.scene, id, 'كلماتي الثانية');
    await open(page, stage.scene.url, id);
    await ended(page, 'done', 2);

    await page.getByRole('button', { name: 'Menu' }).click();
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as text' }).click();
    const download = await coming;
    const saved = await readFile(await download.path(), 'utf8');
    const said = (await history(stage.scene, id)).flatMap((turn) => [turn.user_input, turn.text]);
    const places = said.map((part) => saved.indexOf(part));

    expect(said).toHaveLength(4);
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(download.suggestedFilename()).toMatch(/^[\w-]+\.txt$/);
  });
});
