// Every text that a page has shown of a reply, in order: a word that comes, goes and comes again leaves its trace.
import type { Page } from 'playwright-core';
import { z } from 'zod';

const Shown = z.array(z.string());

/** From now on, until the page is loaded anew. */
export async function recordTexts(page: Page, n = 1): Promise<void> {
  await page.evaluate(`(() => {
    globalThis.testTexts = [];
    const look = () => {
      const text = document.querySelector('[data-n="${n}"] .reply')?.textContent ?? '';
      if (text !== testTexts.at(-1)) testTexts.push(text);
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  })()`);
}

export const textsShown = async (page: Page): Promise<string[]> =>
  Shown.parse(await page.evaluate('testTexts'));

/** Those that do not only add words to the one before. */
export const jumpsIn = (texts: readonly string[]): string[] =>
  texts.filter((text, at) => !text.startsWith(texts[at - 1] ?? ''));
