// What can be checked of the page by rule for people with disabilities, screen by screen.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import documented from '../golden/documented.json' with { type: 'json' };
import type { VisitOptions } from '../support/browser.ts';
import { begin, describeStage, ended, open, reply, say, sayElsewhere, shows } from '../support/page.ts';
import { firstWords } from '../support/scene.ts';

const key = 'operator-key-for-tests-0123456789abcdef';
const risk = 'I want to kill myself';
const inputs = z.array(z.object({ says: z.string() })).parse(documented.turns);
const inExercise = 8;
const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string() })) });
const Found = z.array(
  z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string(), failureSummary: z.string() })) }),
);

/** What breaks a rule of WCAG 2.2 A or AA, or a good practice, on the page as it is. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = Found.parse(
    await page.evaluate(
      'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
    ),
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

const looks = [
  { name: 'a phone', width: 360, height: 740 },
  { name: 'a screen', width: 1280, height: 800 },
  { name: 'a phone in the dark', width: 360, height: 740, dark: true },
];

describeStage('the page by the rules of accessibility', { env: { OPERATOR_KEY: key } }, (stage) => {
  const visit = async (options: VisitOptions): Promise<Page> =>
    (await stage.visit({ ...options, still: true })).page;

  test.for(looks)('breaks none at the start, with an alert too, on $name', async (look) => {
    const page = await visit(look);

    await page.goto(stage.scene.url);
    await page.getByRole('button', { name: 'Begin' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.goto(`${stage.scene.url}/#session=never-was`);
    await page.getByRole('alert').filter({ hasText: 'no conversation' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.for(looks)('breaks none from the first word to the last, on $name', async (look) => {
    const page = await visit(look);
    stage.scene.fake.hold('piece', 7);

    await begin(page, stage.scene.url);
    expect(await violations(page)).toEqual([]);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.for(looks)('breaks none in the menu and in the question before deleting, on $name', async (look) => {
    const page = await visit(look);

    await begin(page, stage.scene.url);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Delete my data' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Delete my data' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.for(looks)('breaks none with help in sight and a person who answers, on $name', async (look) => {
    const page = await visit(look);

    await begin(page, stage.scene.url);
    await say(page, risk);
    await ended(page);
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Make smaller' }).click();
    expect(await violations(page)).toEqual([]);
    const headers = { Authorization: `Bearer ${key}` };
    const { alerts } = Alerts.parse(
      (await stage.scene.rest('GET /api/v1/operator/alerts', { headers })).body,
    );
    const alert = `POST /api/v1/operator/alerts/${alerts[0]?.alert_id}`;
    await stage.scene.rest(`${alert}/take_over`, { headers, body: { actor: 'ann', name: 'Ann' } });
    await stage.scene.rest(`${alert}/message`, { headers, body: { actor: 'ann', text: 'I am here.' } });
    await page.getByText('I am here.').first().waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.for(looks)('breaks none in Arabic, on $name', async (look) => {
    const page = await visit({ ...look, language: 'ar' });
    const id = `arabic-${look.name}`;
    await sayElsewhere(stage.scene, id, risk);

    await page.goto(stage.scene.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await violations(page)).toEqual([]);
    await open(page, stage.scene.url, id);
    await ended(page);
    expect(await violations(page)).toEqual([]);
  });
});

describeStage(
  'the exercise by the rules of accessibility',
  { env: { MODEL: 'guide', GUIDE_WORD_MS: '0' } },
  (stage) => {
    test.for(looks)('breaks none while it breathes and while it is paused, on $name', async (look) => {
      const { page } = await stage.visit(look);
      const id = `exercise ${look.name}`;
      for (const { says } of inputs.slice(0, inExercise)) await sayElsewhere(stage.scene, id, says);

      await open(page, stage.scene.url, id);
      await ended(page, 'done', inExercise);
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByRole('button', { name: 'Pause' }).click();
      expect(await violations(page)).toEqual([]);
    });
  },
);
