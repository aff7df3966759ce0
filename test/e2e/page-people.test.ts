// Who speaks: the page says that it is an AI, and says it when a person answers instead. [US-30] [US-42]
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  ask,
  begin,
  describeStage,
  ended,
  isInSight,
  open,
  replyOf,
  say,
  sayElsewhere,
  turn,
} from '../support/page.ts';
import { pathOf } from '../support/rest.ts';

const key = 'operator-key-for-tests-0123456789abcdef';
const risk = 'I want to kill myself';
const banner = (page: Page): Locator => page.getByRole('banner');
const disclosure = (page: Page): Locator => page.locator('.remark.disclosure');

const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string(), session_id: z.string() })) });
const Exported = z.object({
  log: z.array(z.object({ event: z.string(), data: z.looseObject({ text: z.string().optional() }) })),
});

/** Whether `one` comes before `other` in the page. */
async function isBefore(one: Locator, other: Locator): Promise<boolean> {
  const boxes = await Promise.all([one.boundingBox(), other.boundingBox()]);
  const [first, second] = boxes;
  if (!first || !second) throw new Error('not in the page');
  return first.y + first.height <= second.y;
}

describeStage('who speaks on the page', { env: { OPERATOR_KEY: key } }, (stage) => {
  /** A step of somebody behind the server, on the alert of this session. */
  async function asOperator(id: string, step: string, more: Record<string, unknown> = {}): Promise<void> {
    const headers = { Authorization: `Bearer ${key}` };
    const { alerts } = Alerts.parse(
      (await stage.scene.rest('GET /api/v1/operator/alerts', { headers })).body,
    );
    const alert = alerts.find(({ session_id: sessionId }) => sessionId === id);
    const body = { actor: 'shift-7', ...more };
    const line = `POST /api/v1/operator/alerts/${alert?.alert_id}/${step}`;
    expect((await stage.scene.rest(line, { headers, body })).status).toBe(200);
  }

  async function disclosed(id: string): Promise<(string | undefined)[]> {
    const { log } = Exported.parse((await stage.scene.rest(`GET ${pathOf(id, '/export')}`)).body);
    return log.filter(({ event }) => event === 'disclosure').map(({ data }) => data.text);
  }

  test('says before the first word that it is an AI', async () => {
    const { page } = await stage.visit();

    await page.goto(stage.scene.url);

    expect(await banner(page).textContent()).toContain('You are talking with an AI');
    expect(await page.getByText('The guide is a computer program.').isVisible()).toBe(true);
  });

  test('[US-30] shows a disclosure bold, in capitals of 16 points or more, before the reply is written', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });
    stage.scene.fake.hold('prompt');

    const id = await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await disclosure(page).waitFor();
    const style = z.object({ size: z.number(), weight: z.coerce.number(), transform: z.string() }).parse(
      await ask(
        disclosure(page),
        `{
            const { fontSize, fontWeight: weight, textTransform: transform } = getComputedStyle(element);
            return { size: parseFloat(fontSize), weight, transform };
          }`,
      ),
    );

    expect(style.size).toBeGreaterThanOrEqual((16 * 96) / 72);
    expect(style.weight).toBeGreaterThanOrEqual(700);
    expect(style.transform).toBe('uppercase');
    expect(await replyOf(page).textContent()).toBe('');
    await expect.poll(() => isInSight(disclosure(page))).toBe(true);
    expect([await disclosure(page).textContent()]).toEqual(await disclosed(id));
  });

  test('[US-30] keeps it above the reply, also after a reload', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await ended(page);

    expect(await isBefore(turn(page, 1).locator('.said'), disclosure(page))).toBe(true);
    expect(await isBefore(disclosure(page), replyOf(page))).toBe(true);
    await page.reload();
    await ended(page);
    expect(await disclosure(page).count()).toBe(1);
    expect(await isBefore(disclosure(page), replyOf(page))).toBe(true);
  });

  test('[US-30] shows one in the turn that asked whether this is a human', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await ended(page);
    await say(page, 'Are you a human?');
    await ended(page, 'done', 2);

    expect(await disclosure(page).count()).toBe(2);
    expect(await disclosure(page).allTextContents()).toEqual(await disclosed(id));
    expect(await isBefore(disclosure(page).last(), replyOf(page, 2))).toBe(true);
    expect(await isBefore(replyOf(page), disclosure(page).last())).toBe(true);
  });

  test('[US-42] names the person who has taken over, for as long as they answer', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    await asOperator(id, 'take_over', { name: 'Ann', minutes: 30 });
    await banner(page).getByText('Ann, a person, answers you now until').waitFor();

    expect(await banner(page).textContent()).not.toContain('with an AI');
    // half an hour before midnight it ends on another day
    expect(await banner(page).textContent()).toMatch(/until (?:\w+ \d{1,2} at )?\d{1,2}:\d{2}/);
    await page.reload();
    await banner(page).getByText('Ann, a person, answers you now until').waitFor();
    await asOperator(id, 'release');
    await banner(page).getByText('You are talking with an AI').waitFor();
  });

  test('[US-42] shows what the person says of themself once, with their name', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    await asOperator(id, 'take_over', { name: 'Ann' });
    await asOperator(id, 'message', { text: 'I am Ann. I read along.' });
    await page.getByText('I am Ann. I read along.').first().waitFor();

    const shown = page.locator('#log').getByText('I am Ann. I read along.');
    expect(await shown.count()).toBe(1);
    expect(await page.locator('.human-words .human-name').textContent()).toBe('Ann, a person');
    await page.reload();
    await shown.waitFor();
    expect(await shown.count()).toBe(1);
  });

  test('[US-42] shows the answer of the person to a waiting turn once, as its reply', async () => {
    const { page } = await stage.visit();
    const answer = 'Thank you for telling me. I am here.';

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    await asOperator(id, 'take_over', { name: 'Ann' });
    await say(page, 'Is somebody there?');
    await turn(page, 2).waitFor();
    await asOperator(id, 'message', { text: answer });
    await ended(page, 'done', 2);

    expect(await replyOf(page, 2).textContent()).toBe(answer);
    expect(await page.locator('#log').getByText(answer).count()).toBe(1);
    expect(await turn(page, 2).locator('.human-name').textContent()).toBe('Ann, a person');
    await page.reload();
    await ended(page, 'done', 2);
    expect(await page.locator('#log').getByText(answer).count()).toBe(1);
    expect(await turn(page, 2).locator('.human-name').textContent()).toMatch(/^(Ann, a|A) person$/);
    expect(await turn(page, 1).locator('.human-name').count()).toBe(0);
  });

  test('[US-42] lets the guide answer again after the person has left', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    await asOperator(id, 'take_over', { name: 'Ann' });
    await banner(page).getByText('Ann, a person').waitFor();
    await asOperator(id, 'release');
    await banner(page).getByText('You are talking with an AI').waitFor();
    await say(page, 'ok');
    await ended(page, 'done', 2);

    expect(await replyOf(page, 2).textContent()).not.toBe('');
    expect(await page.locator('.human-name').count()).toBe(0);
  });

  test('[US-42] shows a name as text', async () => {
    const { page } = await stage.visit();
    const name = '<b>Ann</b>';

    const id = 'with-markup';
    await sayElsewhere(stage.scene, id, risk);
    await asOperator(id, 'take_over', { name });
    await open(page, stage.scene.url, id);
    await banner(page).getByText(`${name}, a person`).waitFor();

    expect(await banner(page).locator('b').count()).toBe(0);
  });
});
