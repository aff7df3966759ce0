// The page without a mouse and without eyes: the order of the focus, and what is read aloud.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { firstWords, words } from '../support/scene.ts';
import { begin, describeStage, ended, history, idOf, replyOf, say, shows, turn } from '../support/page.ts';

/** Of words that the guard has no reason to wait for. */
const spoken = words(18).split(' ');
const sentences = [0, 6, 12].map((from) => `Xylo ${spoken.slice(from + 1, from + 6).join(' ')}. `);
const reply = sentences.join('').trim();
/** The first sentence, and two words of the next. */
const BEGUN = 8;
const begun = firstWords(reply, BEGUN);
const [firstSentence = ''] = sentences.map((sentence) => sentence.trim());
const risk = 'I want to kill myself';

/** Where the focus is: its name, or what it says, and whether it can be seen there. */
const Focus = z.object({ name: z.string(), isShown: z.boolean(), isInBody: z.boolean() });
const FOCUS = `(() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
  return {
    name: name.trim(),
    isShown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    isInBody: element.closest('.body') !== null,
  };
})()`;

async function focus(page: Page): Promise<z.output<typeof Focus>> {
  return Focus.parse(await page.evaluate(FOCUS));
}

/** The names of all that the Tab key reaches, in order; it must be seen where the focus is. */
async function tabs(page: Page, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let at = 0; at < count; at++) {
    await page.keyboard.press('Tab');
    const { name, isShown } = await focus(page);
    expect(isShown, `the focus on ${name}`).toBe(true);
    names.push(name);
  }
  return names;
}

async function tabTo(page: Page, name: string): Promise<void> {
  for (let at = 0; at < 30; at++) {
    await page.keyboard.press('Tab');
    if ((await focus(page)).name === name) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

/** Gathers all that a screen reader is told to say of the conversation, from now on. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(`{
    window.heard = [];
    new MutationObserver((changes) => {
      for (const { addedNodes, type, target } of changes) {
        if (type === 'characterData') window.heard.push('CHANGED ' + target.textContent);
        for (const node of addedNodes) window.heard.push(node.textContent);
      }
    }).observe(document.getElementById('announcer'), { childList: true, subtree: true, characterData: true });
  }`);
  return async () => z.array(z.string()).parse(await page.evaluate('window.heard'));
}

describeStage('the page by keyboard and ear', { fake: { behaviour: { reply } } }, (stage) => {
  test('is used from the start to the end of a conversation without a mouse', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', BEGUN);

    await page.goto(stage.scene.url);
    await tabTo(page, 'Conversation id');
    await page.keyboard.press('Enter');
    await page.getByLabel('Your words').waitFor();
    await expect.poll(async () => (await focus(page)).name).toBe('Your words');
    await page.keyboard.type('I feel restless');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('and tired');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.keyboard.press('Shift+Tab');
    expect((await focus(page)).name).toBe('Stop');
    await page.keyboard.press('Enter');
    await ended(page, 'cancelled');
    stage.scene.fake.release();
    expect((await focus(page)).name).toBe('Conversation');
    await tabTo(page, 'Try again');
    await page.keyboard.press('Enter');
    await ended(page, 'done', 2);

    expect((await focus(page)).name).toBe('Conversation');
    expect(await history(stage.scene, idOf(page))).toMatchObject([
      { user_input: 'I feel restless\nand tired', state: 'cancelled' },
      { user_input: 'I feel restless\nand tired', text: await replyOf(page, 2).textContent() },
    ]);
  });

  test('reaches everything on the start, and shows where the focus is', async () => {
    const { page } = await stage.visit();

    await page.goto(stage.scene.url);
    await page.getByRole('button', { name: 'Begin' }).waitFor();

    expect(new Set(await tabs(page, 4))).toEqual(new Set(['Menu', 'Leave now', 'Conversation id', 'Begin']));
  });

  test('reaches everything in a conversation, help first, and shows where the focus is', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    const ways = await page.getByRole('complementary').getByRole('link').count();
    await page.getByRole('button', { name: 'Menu' }).focus();
    const names: string[] = [];
    while (names.at(-1) !== 'Send') names.push(...(await tabs(page, 1)));

    expect(names.slice(0, 2)).toEqual(['Leave now', 'Make smaller']);
    expect(names[2]).toMatch(/^Call /);
    expect(names[2 + ways]).toBe('Conversation');
    expect(names.slice(-2)).toEqual(['Your words', 'Send']);
  });

  test('opens the menu, goes through it, and comes back to its button', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await page.getByRole('button', { name: 'Menu' }).focus();
    await page.keyboard.press('Enter');
    const names = await tabs(page, 7);
    await page.keyboard.press('Escape');

    expect(names.slice(0, 5)).toEqual([
      'New conversation',
      'Copy link',
      'Save a copy',
      'Save as text',
      'Delete my data',
    ]);
    expect(
      names.slice(5).map((name) => name.replace(/[^\x20-\x7e].*|(?<=Language|Appearance).*/, '')),
    ).toEqual(['Language', 'Appearance']);
    expect((await focus(page)).name).toBe('Menu');
    expect(await page.locator('.menu-panel').isVisible()).toBe(false);
  });

  test('keeps the focus out of the conversation while it asks about deleting, and gives it back', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await ended(page);
    await page.getByRole('button', { name: 'Menu' }).focus();
    await page.keyboard.press('Enter');
    await tabTo(page, 'Delete my data');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Delete this conversation?' }).waitFor();
    expect((await focus(page)).name).toBe('Keep it');
    for (let at = 0; at < 10; at++) {
      await page.keyboard.press('Tab');
      expect((await focus(page)).isInBody).toBe(false);
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    expect((await focus(page)).name).toBe('Menu');
    expect(await turn(page, 1).isVisible()).toBe(true);
  });

  test('does not send while a character is composed', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    const client = await page.context().newCDPSession(page);
    await client.send('Input.imeSetComposition', { text: 'かん', selectionStart: 2, selectionEnd: 2 });
    await client.send('Input.dispatchKeyEvent', {
      type: 'rawKeyDown',
      key: 'Process',
      code: 'Enter',
      windowsVirtualKeyCode: 229,
    });
    await client.send('Input.insertText', { text: '感' });

    expect(await page.getByLabel('Your words').inputValue()).toBe('感');
    expect(await page.locator('.pending, .turn').count()).toBe(0);
    await page.keyboard.press('Enter');
    await ended(page);
    expect(await history(stage.scene, id)).toMatchObject([{ user_input: '感' }]);
  });

  test('reads a reply aloud by whole sentences, each once', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', BEGUN);

    await begin(page, stage.scene.url);
    const heard = await listen(page);
    await say(page, 'I feel restless');
    await shows(page, begun);
    const first = await heard();
    stage.scene.fake.release();
    await ended(page);
    const heardOfReply = async (): Promise<string[]> =>
      (await heard()).filter((line) => reply.includes(line));
    await expect.poll(async () => (await heardOfReply()).join(' ')).toBe(reply);

    expect(first.filter((line) => reply.includes(line))).toEqual([firstSentence]);
    for (const line of await heardOfReply()) expect(line).toMatch(/^Xylo .*\.$/);
    expect((await heard()).filter((line) => line.startsWith('CHANGED'))).toEqual([]);
  });

  test('reads aloud the disclosure before the reply, and that it was stopped', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', BEGUN);

    await begin(page, stage.scene.url);
    const heard = await listen(page);
    await say(page, 'I feel restless');
    await shows(page, begun);
    const disclosure = await page.locator('.disclosure').textContent();
    await page.getByRole('button', { name: 'Stop' }).click();
    await ended(page, 'cancelled');
    await expect.poll(heard).toContain('Stopped.');

    const rest = (await replyOf(page).textContent())?.slice(firstSentence.length).trim();
    expect(await heard()).toEqual([disclosure, firstSentence, 'Stopping…', rest, 'Stopped.']);
  });

  test('does not read the words of before aloud after a reload', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await ended(page);
    await page.reload();
    await ended(page);
    const heard = await listen(page);
    await say(page, 'And now?');
    await ended(page, 'done', 2);
    const second = await replyOf(page, 2).textContent();
    await expect.poll(async () => (await heard()).join(' ')).toBe(second);

    expect(await page.locator('#log[aria-live], #log [aria-live]').count()).toBe(0);
  });
});
