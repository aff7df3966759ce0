// The page in other languages, from right to left, and in the dark.
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import chatAr from '../../client/web/words/chat.ar.json' with { type: 'json' };
import chatDe from '../../client/web/words/chat.de.json' with { type: 'json' };
import partsAr from '../../client/web/words/parts.ar.json' with { type: 'json' };
import partsDe from '../../client/web/words/parts.de.json' with { type: 'json' };
import {
  ask,
  begin,
  describeStage,
  ended,
  idOf,
  open,
  reply,
  replyOf,
  sayElsewhere,
} from '../support/page.ts';

const risk = 'I want to kill myself';
const html = (page: Page): Locator => page.locator('html');
const words = {
  German: { tag: 'de-DE', dir: 'ltr', chat: chatDe, parts: partsDe },
  Arabic: { tag: 'ar-EG', dir: 'rtl', chat: chatAr, parts: partsAr },
};

/** By how much the page is wider than the window. */
const overflow = (page: Page): Promise<unknown> =>
  page.evaluate('document.documentElement.scrollWidth - innerWidth');

/** The lightness of what lies behind the words, from 0 to 1. */
async function lightness(place: Locator): Promise<number> {
  const colour = z.string().parse(await ask(place, 'getComputedStyle(element).backgroundColor'));
  const parts = z.array(z.coerce.number()).parse(colour.match(/[\d.]+/g));
  return Math.max(...parts.slice(0, 3)) / 255;
}

describeStage('the page in other languages', {}, (stage) => {
  test.for(['German', 'Arabic'] as const)('speaks %s where the browser asks for it', async (name) => {
    const { tag, dir, chat, parts } = words[name];
    const { page } = await stage.visit({ language: tag });

    await page.goto(stage.scene.url);
    expect(await html(page).getAttribute('lang')).toBe(tag.slice(0, 2));
    expect(await html(page).getAttribute('dir')).toBe(dir);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(chat.welcome);
    expect(await page.getByRole('banner').textContent()).toContain(parts['who.ai']);
    await page.getByRole('button', { name: chat.begin }).click();
    await page.getByLabel(chat.words).fill('I feel restless');
    await page.getByRole('button', { name: chat.send }).click();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(await page.getByRole('button', { name: parts['leave.now'] }).isVisible()).toBe(true);
  });

  test('tells the server the language, and so the country, of the person', async () => {
    const { page } = await stage.visit({ language: 'de-DE' });

    await page.goto(stage.scene.url);
    await page.getByRole('button', { name: chatDe.begin }).click();
    await page.getByLabel(chatDe.words).fill(risk);
    await page.keyboard.press('Enter');

    await page.getByRole('complementary', { name: partsDe['help.label'] }).waitFor();
    await page.locator('a[href="tel:08001110111"]').waitFor();
  });

  test('is changed in the menu, at once and for the next visit', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await page.getByLabel('Your words').fill('unsent');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByLabel('Language').selectOption('العربية');
    await page.getByLabel(chatAr.words).waitFor();
    expect(await html(page).getAttribute('dir')).toBe('rtl');
    expect(await page.getByLabel(chatAr.words).inputValue()).toBe('unsent');
    await page.reload();
    await page.getByLabel(chatAr.words).waitFor();

    expect(await html(page).getAttribute('lang')).toBe('ar');
    expect(await page.getByLabel(chatAr.words).inputValue()).toBe('unsent');
  });

  test('fits a window of 360 px from right to left: start, talk, help and menu', async () => {
    const { page } = await stage.visit({ language: 'ar-EG', width: 360, height: 640 });

    await page.goto(stage.scene.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await overflow(page)).toBe(0);
    await page.getByRole('button', { name: chatAr.begin }).click();
    await page.getByLabel(chatAr.words).fill('a'.repeat(300));
    await page.keyboard.press('Enter');
    await ended(page);
    expect(await overflow(page)).toBe(0);
    await page.getByLabel(chatAr.words).fill(risk);
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: partsAr['help.label'] }).waitFor();
    expect(await overflow(page)).toBe(0);
    await page.getByRole('button', { name: chatAr.menu }).click();
    await page.locator('.menu-panel button').first().waitFor();

    expect(await overflow(page)).toBe(0);
    const box = await page.locator('.menu-panel').boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
  });

  test('gives each text the direction of its own letters, and keeps numbers readable', async () => {
    const { page } = await stage.visit({ language: 'ar-EG' });
    await sayElsewhere(stage.scene, 'both-ways', 'أشعر بالقلق');
    await sayElsewhere(stage.scene, 'both-ways', 'I feel restless');
    await sayElsewhere(stage.scene, 'both-ways', risk);

    await open(page, stage.scene.url, 'both-ways');
    await ended(page, 'done', 3);
    const said = page.locator('.said');
    const number = page.locator('a[href^="tel:"] bdi').first();

    expect(await ask(said.nth(0), 'getComputedStyle(element).direction')).toBe('rtl');
    expect(await ask(said.nth(1), 'getComputedStyle(element).direction')).toBe('ltr');
    expect(await ask(number, 'getComputedStyle(element).direction')).toBe('ltr');
  });

  test('is dark where the device is, unless the person chose otherwise', async () => {
    const { page } = await stage.visit({ dark: true });

    await begin(page, stage.scene.url);
    expect(await lightness(html(page))).toBeLessThan(0.2);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByLabel('Appearance').selectOption('Light');
    expect(await lightness(html(page))).toBeGreaterThan(0.9);
    await page.reload();
    await page.getByLabel('Your words').waitFor();
    expect(await lightness(html(page))).toBeGreaterThan(0.9);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByLabel('Appearance').selectOption('As on this device');
    expect(await lightness(html(page))).toBeLessThan(0.2);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await lightness(html(page))).toBeGreaterThan(0.9);
  });

  test('understands an id in the query, and takes it out of the address', async () => {
    const { page } = await stage.visit();
    const id = 'Übung/1 & 2';
    await sayElsewhere(stage.scene, id, 'I feel restless');

    await page.goto(`${stage.scene.url}/?session=${encodeURIComponent(id)}`);
    await ended(page);

    expect(new URL(page.url()).search).toBe('');
    expect(idOf(page)).toBe(id);
  });

  test('says that there is no conversation under an id in the address', async () => {
    const { page } = await stage.visit();

    await page.goto(`${stage.scene.url}/#session=never-was`);
    await page.getByRole('alert').filter({ hasText: 'no conversation under this id' }).waitFor();

    expect(await page.getByLabel('Conversation id').inputValue()).toBe('never-was');
    expect((await stage.scene.rest('GET /api/v1/session/never-was/status')).status).toBe(404);
  });
});
