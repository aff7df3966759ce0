// Help from people on the page: there at once, and there to stay. [P-12]
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  ask,
  askAll,
  begin,
  describeStage,
  ended,
  history,
  isInSight,
  open,
  reply,
  replyOf,
  say,
  sayElsewhere,
  shows,
  turn,
} from '../support/page.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords } from '../support/scene.ts';

const risk = 'I want to kill myself';
const help = (page: Page): Locator => page.getByRole('complementary', { name: 'Help from people' });
const hrefs = async (links: Locator): Promise<string[]> =>
  z.array(z.string()).parse(await askAll(links, "element.getAttribute('href')"));
const calls = (page: Page): Locator => help(page).locator('a[href^="tel:"]');

describeStage('help from people on the page', { env: { GUIDE_WORD_MS: '0' } }, (stage) => {
  test('has a button to call and one to write, for the country of the browser', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, risk);
    await calls(page).first().waitFor();
    const links = await hrefs(help(page).locator('a'));
    const heights = z
      .array(z.number())
      .parse(await askAll(help(page).locator('.help-ways a'), 'element.getBoundingClientRect().height'));

    expect(links).toContain('tel:116123');
    expect(links).toContain('sms:85258?&body=SHOUT');
    expect(links.every((link) => /^(tel:\+?[\d,]+|sms:|https:)/.test(link))).toBe(true);
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
  });

  test('is in sight on a small phone, with the words that came with it', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await calls(page).first().waitFor();
    await ended(page);

    await expect.poll(() => isInSight(calls(page).first())).toBe(true);
    expect(await history(stage.scene, id)).toMatchObject([{ text: await replyOf(page).textContent() }]);
  });

  test('interrupts a reply that is written', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', 7);

    await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await say(page, risk);
    await ended(page, 'done', 2);

    expect(await turn(page, 1).getAttribute('data-state')).toBe('cancelled');
    await expect.poll(() => isInSight(calls(page).first())).toBe(true);
  });

  test('stays where it is while the words are scrolled', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });

    await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    for (const n of [2, 3, 4]) {
      await say(page, 'ok');
      await ended(page, 'done', n);
    }
    const log = page.locator('#log');
    const before = await help(page).boundingBox();
    await ask(log, 'element.scrollTo(0, 0)');
    expect(await ask(log, 'element.scrollTop')).toBe(0);
    expect(await ask(log, 'element.scrollHeight > element.clientHeight')).toBe(true);

    expect(await help(page).boundingBox()).toEqual(before);
    await expect.poll(() => isInSight(calls(page).first())).toBe(true);
  });

  test('leaves room for words beside it on a small phone', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });

    await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    const box = await page.locator('#log').boundingBox();

    expect(box?.height).toBeGreaterThan(120);
    await expect.poll(() => isInSight(page.getByRole('button', { name: 'Send' }))).toBe(true);
  });

  test('is folded to its first number, never away, and unfolds again', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });

    await begin(page, stage.scene.url);
    await say(page, risk);
    const first = await calls(page).first().getAttribute('href');
    await help(page).getByRole('button', { name: 'Make smaller' }).click();
    const folded = help(page).locator('a').filter({ visible: true });

    expect(await folded.count()).toBe(1);
    expect(await folded.getAttribute('href')).toBe(first);
    await expect.poll(() => isInSight(folded)).toBe(true);
    expect(await help(page).getByRole('button').allTextContents()).toEqual(['Show all']);
    await help(page).getByRole('button', { name: 'Show all' }).click();
    expect(await calls(page).filter({ visible: true }).count()).toBeGreaterThan(1);
  });

  test('survives a reload, and a conversation that has gone on for pages', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    const numbers = await hrefs(calls(page));
    for (let n = 2; n <= 55; n++) await sayElsewhere(stage.scene, id, 'ok');
    await page.reload();
    await ended(page, 'done', 55);
    await page.getByRole('button', { name: 'Earlier' }).waitFor();

    expect(await turn(page, 1).count()).toBe(0);
    expect(await hrefs(calls(page))).toEqual(numbers);
    await page.getByRole('button', { name: 'Earlier' }).click();
    await turn(page, 1).waitFor();
    await expect.poll(() => isInSight(calls(page).first())).toBe(true);
  });

  test('comes with words that are too long to be taken, which can be changed', async () => {
    const { page } = await stage.visit();
    const long = `${risk}. ${'and so on '.repeat(1_600)}`;

    const id = await begin(page, stage.scene.url);
    await say(page, long);
    await page.locator('.pending .note').filter({ hasText: 'Not sent' }).waitFor();
    await calls(page).first().waitFor();
    expect(await page.getByRole('button', { name: 'Send again' }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Edit' }).click();

    expect(await page.getByLabel('Your words').inputValue()).toBe(long);
    expect(await page.locator('.pending').count()).toBe(0);
    await expect.poll(() => isInSight(calls(page).first())).toBe(true);
    expect((await stage.scene.rest(`GET ${pathOf(id, '/history')}`)).body).toMatchObject({ turns: [] });
  });

  test('is on every page of the conversation', async () => {
    const one = await stage.visit();
    const other = await stage.visit({ width: 360, height: 640 });

    const id = await begin(one.page, stage.scene.url);
    await open(other.page, stage.scene.url, id);
    await say(one.page, risk);
    await calls(other.page).first().waitFor();

    await expect.poll(() => isInSight(calls(other.page).first())).toBe(true);
  });

  test('is said to those who do not see it, once', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, risk);
    const said = help(page).locator('[aria-live=polite]');

    await expect
      .poll(() => said.textContent())
      .toMatch(/^Help from people is on this page now\. First: .+, [\d ]+\.$/);
    expect(await said.count()).toBe(1);
  });
});
