// The page in a real browser before a real server: how the tests of the page begin a conversation, and what they look for.
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { z } from 'zod';
import { openBrowser, whyNoBrowser } from './browser.ts';
import type { TestBrowser, Visit, VisitOptions } from './browser.ts';
import { pathOf } from './rest.ts';
import type { Answer } from './rest.ts';
import { openScene, words } from './scene.ts';
import type { Scene, SceneOptions } from './scene.ts';

/** What the model says unless told otherwise. */
export const reply = words(30);

export interface Stage extends AsyncDisposable {
  scene: Scene;
  visit(options?: VisitOptions): Promise<Visit>;
  /** Closes the pages, and lets the model go on. Fails if a page complained of anything. */
  clear(): Promise<void>;
}

interface StageOptions extends SceneOptions {
  /** Used and left open; without it the stage has one of its own. */
  browser?: TestBrowser;
}

/** A server whose model says `reply`, and a browser. Disposing clears it and ends the server. */
async function openStage({ fake, browser: given, ...options }: StageOptions = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const browser = given ?? stack.use(await openBrowser());
  const scene = stack.use(await openScene({ fake: { behaviour: { reply }, ...fake }, ...options }));
  const visits: Visit[] = [];
  const clear = async (): Promise<void> => {
    scene.fake.release();
    const left = visits.splice(0);
    await Promise.all(left.map(({ page }) => page.context().close()));
    const faults = left.flatMap((visit) => visit.faults);
    if (faults.length > 0) throw new Error(`the page complained: ${faults.join(' · ')}`);
  };
  stack.defer(clear);
  const owned = stack.move();
  return {
    scene,
    visit: async (options) => {
      const visit = await browser.visit(options);
      visits.push(visit);
      return visit;
    },
    clear,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The tests are left out, with the reason in the title, where there is no browser. */
function describeInBrowser(title: string, define: () => void): void {
  const reason = whyNoBrowser();
  describe.skipIf(reason !== undefined)(
    reason === undefined ? title : `${title} (skipped: ${reason})`,
    define,
  );
}

export type OpenStage = (options?: SceneOptions) => Promise<Stage>;

/** Tests that share a browser; each opens a server of its own. */
export function describePage(title: string, define: (open: OpenStage) => void): void {
  describeInBrowser(title, () => {
    const stack = new AsyncDisposableStack();
    let browser: TestBrowser | undefined;
    beforeAll(async () => {
      browser = stack.use(await openBrowser());
    });
    afterAll(() => stack.disposeAsync());
    define((options) => openStage({ ...options, ...(browser && { browser }) }));
  });
}

/**
 * One stage for those tests of a `describePage` that leave its server alone: opened for the first that asks. Each has
 * pages and conversations of its own.
 */
export function sharedStage(open: OpenStage, options: SceneOptions): () => Promise<Stage> {
  let opening: Promise<Stage> | undefined;
  afterEach(async () => {
    const stage = await opening;
    await stage?.clear();
    await stage?.scene.fake.idle();
  });
  afterAll(async () => await (await opening)?.[Symbol.asyncDispose]());
  return () => (opening ??= open(options));
}

/** Tests that share a browser and a server; each has pages and conversations of its own. */
export function describeStage(
  title: string,
  options: SceneOptions,
  define: (stage: Pick<Stage, 'scene' | 'visit'>) => void,
): void {
  describeInBrowser(title, () => {
    const stack = new AsyncDisposableStack();
    let opened: Stage | undefined;
    const stage = (): Stage => {
      if (!opened) throw new Error('the stage is not open');
      return opened;
    };
    beforeAll(async () => {
      opened = stack.use(await openStage(options));
    });
    afterEach(() => stage().clear());
    afterAll(() => stack.disposeAsync());
    define({
      get scene() {
        return stage().scene;
      },
      visit: (options) => stage().visit(options),
    });
  });
}

/** Begins a conversation, and tells its id. */
export async function begin(page: Page, url: string, id = ''): Promise<string> {
  await page.goto(url);
  await page.getByLabel('Conversation id').fill(id);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByLabel('Your words').waitFor();
  return idOf(page);
}

/** The id in the address of the page; empty where there is none. */
export const idOf = (page: Page): string =>
  new URLSearchParams(new URL(page.url()).hash.slice(1)).get('session') ?? '';

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Your words').fill(text);
  await page.keyboard.press('Enter');
}

export const turn = (page: Page, n: number): Locator => page.locator(`[data-n="${n}"]`);
export const replyOf = (page: Page, n = 1): Locator => turn(page, n).locator('.reply');

/** Waits until exactly that is shown of a reply. */
export const shows = (page: Page, text: string, n = 1): Promise<void> =>
  expect.poll(() => replyOf(page, n).textContent(), { timeout: 60_000 }).toBe(text);

export const ended = (page: Page, state = 'done', n = 1): Promise<void> =>
  page.locator(`[data-n="${n}"][data-state=${state}]`).waitFor();

/** Opens a conversation that is there already. */
export async function open(page: Page, url: string, id: string): Promise<void> {
  await page.goto(`${url}/#session=${encodeURIComponent(id)}`);
  await page.locator('#log').waitFor();
}

/** The quiet words on the line to the server; empty when all is well. */
export const connection = (page: Page): Locator => page.locator('#connection');

/** Says it as another client would, and waits for the end of the reply. */
export async function sayElsewhere(scene: Scene, id: string, userInput: string): Promise<Answer> {
  return await scene.rest(`POST ${pathOf(id, '/input')}`, { body: { user_input: userInput } });
}

const History = z.object({
  turns: z.array(z.object({ n: z.number(), state: z.string(), user_input: z.string(), text: z.string() })),
});

export async function history(scene: Scene, id: string): Promise<z.output<typeof History>['turns']> {
  return History.parse((await scene.rest(`GET ${pathOf(id, '/history')}`)).body).turns;
}

type Look = (element: unknown) => unknown;

/** What the expression says of `element`, asked in the page: the tests know none of its types. */
export async function ask(place: Locator, expression: string): Promise<unknown> {
  const look = await place.page().evaluateHandle<Look>(`(element) => ${expression}`);
  return await place.evaluate((element, look) => look(element), look);
}

/** The same of each. */
export async function askAll(places: Locator, expression: string): Promise<unknown> {
  const look = await places.page().evaluateHandle<Look>(`(element) => ${expression}`);
  return await places.evaluateAll((all, look) => all.map((element) => look(element)), look);
}

const IN_SIGHT = `{
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const middle = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  const isInside = top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
  return isInside && middle !== null && element.contains(middle);
}`;

/** Wholly inside of the window, and under nothing. */
export const isInSight = async (place: Locator): Promise<boolean> =>
  z.boolean().parse(await ask(place, IN_SIGHT));
