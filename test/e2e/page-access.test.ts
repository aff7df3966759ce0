// The page of a server that asks for a token: one quiet screen, nothing read or written is lost, and help needs none.
import axe from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { VisitOptions } from '../support/browser.ts';
import {
  describePage,
  ended,
  idOf,
  isInSight,
  reply,
  replyOf,
  say,
  sharedStage,
  shows,
} from '../support/page.ts';
import { pathOf, rest } from '../support/rest.ts';
import { firstWords } from '../support/scene.ts';
import { bearer, openKeyDesk } from '../support/tokens.ts';
import type { KeyDesk } from '../support/tokens.ts';

const risk = 'I want to kill myself';
const Granted = z.looseObject({ capability_id: z.string(), token: z.string() });

const field = (page: Page): Locator => page.getByLabel('Access token', { exact: true });
const carryOn = (page: Page): Promise<void> => page.getByRole('button', { name: 'Continue' }).click();
const help = (page: Page): Locator => page.getByRole('complementary', { name: 'Help from people' });

async function handIn(page: Page, token: string): Promise<void> {
  await field(page).fill(token);
  await carryOn(page);
}

/** What breaks a rule for people with disabilities. */
async function violations(page: Page): Promise<unknown> {
  await page.evaluate(axe.source);
  return await page.evaluate(
    'axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
  );
}

describePage('the page of a server that asks for a token', (open) => {
  let desk: KeyDesk;
  let token: string;
  beforeAll(async () => {
    desk = await openKeyDesk();
    token = await desk.token({ tenant: 'acme', name: 'ada' });
  });
  afterAll(() => desk[Symbol.asyncDispose]());
  const env: Record<string, string> = { RAW_REPLIES: '1', AUTH_MODE: 'key' };
  const shared = sharedStage(open, {
    get env() {
      return { ...env, ...desk.env };
    },
  });
  async function stage() {
    const opened = await shared();
    return { scene: opened.scene, visitor: (options?: VisitOptions) => opened.visit(options) };
  }

  const call = async (line: string, body?: object) =>
    await rest((await stage()).scene.url, line, { ...(body && { body }), headers: bearer(token) });

  /** A session that the key made, and what lets a browser into it. */
  async function grant(id: string): Promise<z.output<typeof Granted>> {
    await call('POST /api/v1/session/create', { session_id: id });
    return Granted.parse((await call(`POST ${pathOf(id, '/capabilities')}`)).body);
  }

  /** Opens that session, and hands in what lets one in. */
  async function enter(page: Page, id: string, given: string): Promise<void> {
    await page.goto(`${(await stage()).scene.url}/#session=${id}`);
    await handIn(page, given);
    await page.getByLabel('Your words').waitFor();
  }

  test('asks when somebody begins, and begins once it was given', async () => {
    const { scene, visitor } = await stage();
    const { page } = await visitor();

    await page.goto(scene.url);
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByRole('heading', { name: 'This server asks for an access token.' }).waitFor();
    expect(await field(page).getAttribute('type')).toBe('password');
    await expect.poll(() => page.evaluate('document.activeElement?.type')).toBe('password');
    await handIn(page, 'nonsense');
    await page.getByRole('alert').filter({ hasText: 'does not count' }).waitFor();
    await handIn(page, token);
    await page.getByLabel('Your words').waitFor();
    await say(page, 'I feel restless');
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(page.url()).toBe(`${scene.url}/#session=${idOf(page)}`);
    expect(await page.evaluate('JSON.stringify([localStorage, document.cookie])')).not.toContain(token);
    await page.reload();
    await shows(page, reply);
  });

  test.for([
    { language: 'en-GB', help: 'Help from people needs no token.' },
    { language: 'de-AT', help: 'Hilfe von Menschen braucht keinen Schlüssel.' },
    { language: 'ar-EG', help: 'المساعدة من الناس لا تحتاج إلى رمز.' },
  ])('keeps help and the way out in sight, by the rules of accessibility, in $language', async (look) => {
    const { scene, visitor } = await stage();
    const { page } = await visitor({ width: 360, height: 740, language: look.language, still: true });

    await page.goto(`${scene.url}/#session=somewhere`);
    await page.getByText(look.help).waitFor();

    expect(await page.locator('.token-help a').evaluateAll((all) => all.map(String))).toEqual([
      'tel:112',
      'https://findahelpline.com/',
    ]);
    await expect.poll(() => isInSight(page.locator('.token-help a').first())).toBe(true);
    await expect.poll(() => isInSight(page.locator('.quick-exit'))).toBe(true);
    expect(await violations(page)).toEqual([]);
  });

  test('opens the one conversation of a capability', async () => {
    const { visitor } = await stage();
    const { page } = await visitor();
    const { token: capability } = await grant('opened');

    await enter(page, 'opened', capability);
    await say(page, 'I feel restless');
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
  });

  test('keeps what was read and written when the access ends in mid-reply', async () => {
    const { scene, visitor } = await stage();
    const { page } = await visitor({ width: 360, height: 740, still: true });
    const first = await grant('ended');
    await enter(page, 'ended', first.token);
    scene.fake.hold('piece', 7);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await page.getByLabel('Your words').fill('What I did not say yet');
    await call(`DELETE ${pathOf('ended', `/capabilities/${first.capability_id}`)}`);
    await page.getByText('Your access has ended.').waitFor();

    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 7));
    await expect.poll(() => isInSight(page.locator('.quick-exit'))).toBe(true);
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'Not sent yet' }).waitFor();
    expect(await page.getByLabel('Your words').inputValue()).toBe('What I did not say yet');
    await handIn(page, first.token);
    await page.getByRole('alert').filter({ hasText: 'does not count' }).waitFor();
    expect(await replyOf(page).textContent()).toBe(firstWords(reply, 7));

    const second = await grant('ended');
    await handIn(page, second.token);
    await page.getByText('Your access has ended.').waitFor({ state: 'detached' });
    expect(await page.getByLabel('Your words').inputValue()).toBe('What I did not say yet');
    scene.fake.release();
    await shows(page, reply);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await ended(page, 'done', 2);
    expect(await page.locator('.said:visible').allTextContents()).toEqual([
      'I feel restless',
      'What I did not say yet',
    ]);
  });

  test('[P-1] shows help for words that cannot be said any more, and keeps them', async () => {
    const { visitor } = await stage();
    const { page } = await visitor();
    const given = await grant('in-danger');
    await enter(page, 'in-danger', given.token);
    await say(page, 'I feel restless');
    await ended(page);
    await call(`DELETE ${pathOf('in-danger', `/capabilities/${given.capability_id}`)}`);
    await page.getByText('Your access has ended.').waitFor();
    await say(page, risk);
    await help(page).waitFor();

    await expect.poll(() => isInSight(help(page).locator('.help-ways a').first())).toBe(true);
    expect(await page.getByLabel('Your words').inputValue()).toBe(risk);
    const { body } = await call(`GET ${pathOf('in-danger', '/history')}`);
    expect(body['turns']).toMatchObject([{ user_input: 'I feel restless' }]);
  });

  test('forgets the token when somebody leaves', async () => {
    const { scene, visitor } = await stage();
    const { page } = await visitor();
    const { token: capability } = await grant('left');
    await page.route('https://www.wikipedia.org/', (route) => route.fulfill({ body: '<p>elsewhere' }));
    await enter(page, 'left', capability);
    await page.locator('.quick-exit').click();
    await page.getByText('elsewhere').waitFor();
    await page.goto(`${scene.url}/#session=left`);

    await field(page).waitFor();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toContain(capability);
  });
});
