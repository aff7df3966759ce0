// The page of the people behind the server, at `/admin`. The last test ends the server that all share.
import { resolve } from 'node:path';
import axe from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { sessionsOf } from '../../client/admin/sentences.ts';
import { startApp } from '../support/app.ts';
import { describeStage } from '../support/page.ts';
import { rest } from '../support/rest.ts';
import { input } from '../support/scene.ts';

const key = 'operator-key-for-tests-0123456789abcdef';
const risk = 'I want to kill myself';
const dist = resolve(import.meta.dirname, '../../client/admin/dist');
const Found = z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }));

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const rules = 'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)';
  const found = Found.parse(await page.evaluate(rules));
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** All that the page asks of the server from now on. */
function requestsOf(page: Page): string[] {
  const requests: string[] = [];
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  return requests;
}

async function allowChanges(page: Page, name: string): Promise<void> {
  await page.getByRole('switch', { name: 'Allow changes' }).click();
  await page.getByLabel('Your name').fill(name);
  await page.keyboard.press('Enter');
  await page.getByText(`Changes are made as ${name}`).waitFor();
}

/** As when somebody comes back to the tab: the page asks at once. */
const lookNow = (page: Page): Promise<unknown> =>
  page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();
const told = (page: Page, text: string): Promise<void> =>
  page.getByRole('status').filter({ hasText: text }).waitFor();

test('without an operator key there is no such page', async () => {
  await using app = await startApp({ adminDirectory: dist, operatorKey: null });

  for (const path of ['/admin', '/admin/', '/admin/index.html'])
    expect([path, (await rest(app.url, `GET ${path}`)).status]).toEqual([path, 404]);
});

test('a page that is not built says how to get it', async () => {
  await using app = await startApp({ adminDirectory: '/nowhere', operatorKey: key });

  const answer = await rest(app.url, 'GET /admin');

  expect([answer.status, answer.text]).toEqual([503, 'The page is not built. Run: npm run build\n']);
});

const Updated = z.object({ human: z.object({ name: z.string() }).nullable() });
const Alerts = z.object({ alerts: z.array(z.object({ alert_id: z.string(), status: z.string() })) });
const headers = { Authorization: `Bearer ${key}` };
const looks = [
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 360, height: 740, colorScheme: 'dark' },
  { width: 360, height: 740, colorScheme: 'light' },
] as const;

test('a session that several nodes know is shown once, those with a turn first, in the order of the queue', () => {
  const turn = { n: 1, phase: 'queued', position: 2, since_ms: 0 } as const;
  const numbers = { slots: 0, queued: 0, running: 0, followers: 0, handovers: 0, sessions_total: 2 };
  const about = { version: '1', started_at: '', draining: false, model: 'ready' };
  const node = { ...about, ...numbers, takeovers: { released: 0, expired: 0 } };

  const shown = sessionsOf([
    {
      ...node,
      node: 'one',
      sessions: [
        { name: 'quiet', followers: 1, turn: null },
        { name: 'both', followers: 1, turn: null },
      ],
    },
    {
      ...node,
      node: 'two',
      sessions: [
        { name: 'both', followers: 2, turn },
        { name: 'next', followers: 0, turn: { ...turn, position: 1 } },
      ],
    },
  ]);

  expect(shown.map(({ name, followers, nodes }) => [name, followers, nodes])).toEqual([
    ['next', 0, ['two']],
    ['both', 3, ['one', 'two']],
    ['quiet', 1, ['one']],
  ]);
});

describeStage('the page of the operators', { env: { OPERATOR_KEY: key } }, (stage) => {
  beforeEach(async () => {
    const { alerts } = Alerts.parse(
      (await stage.scene.rest('GET /api/v1/operator/alerts', { headers })).body,
    );
    for (const { alert_id: id } of alerts.filter(({ status }) => status !== 'cleared'))
      await stage.scene.rest(`POST /api/v1/operator/alerts/${id}/clear`, {
        headers,
        body: { actor: 'tidy' },
      });
  });

  async function enter(): Promise<Page> {
    const { page } = await stage.visit({ still: true });
    await page.goto(`${stage.scene.url}/admin`);
    await page.getByLabel('Operator key').fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Safety alerts' }).waitFor();
    return page;
  }

  const openCard = (page: Page): Locator => page.locator('.card[data-status=open]');
  const buttons = (page: Page): Promise<string[]> => page.getByRole('button').allTextContents();

  test('has the headers of a page, and is only read', async () => {
    const { url } = stage.scene;

    const [bare, slashed] = [await rest(url, 'GET /admin'), await rest(url, 'GET /admin/')];
    const script = /src="(\/admin\/assets\/[^"]+\.js)"/.exec(bare.text)?.[1] ?? '';
    const asset = await rest(url, `GET ${script}`, { headers: { 'Accept-Encoding': 'br' } });
    const posted = await rest(url, 'POST /admin', { body: {} });
    const home = await rest(url, 'POST /', { body: {} });

    expect([bare.status, slashed.text]).toEqual([200, bare.text]);
    expect(bare.headers).toMatchObject({ 'cache-control': 'no-cache', 'x-frame-options': 'DENY' });
    expect(bare.headers['content-security-policy']).toMatch(/default-src 'none';script-src 'self'/);
    expect(asset.headers).toMatchObject({ 'content-encoding': 'br' });
    expect(asset.headers['cache-control']).toContain('immutable');
    expect([posted.status, posted.headers.allow]).toEqual([405, home.headers.allow]);
    expect(home.headers.allow).toContain('HEAD');
    expect((await rest(url, 'HEAD /admin')).status).toBe(200);
    expect((await rest(url, 'GET /admin/no-such')).status).toBe(404);
  });

  test('opens for the key only, and keeps it in the tab until it is told to forget it', async () => {
    const { page } = await stage.visit();
    await page.goto(`${stage.scene.url}/admin/`);
    const kept =
      'JSON.stringify([sessionStorage.length, localStorage.length, document.cookie, location.href])';

    await page.getByLabel('Operator key').fill('x'.repeat(32));
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'not the operator key' }).waitFor();
    expect(await page.evaluate(kept)).toBe(`[0,0,"","${stage.scene.url}/admin/"]`);
    await page.getByLabel('Operator key').fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('Nobody waits for you.').waitFor();
    expect(await page.evaluate(kept)).toBe(`[1,0,"","${stage.scene.url}/admin/"]`);
    await page.reload();
    await page.getByText('Nobody waits for you.').waitFor();
    await press(page, 'Forget the key');
    await page.getByLabel('Operator key').waitFor();
    expect(await page.evaluate(kept)).toBe(`[0,0,"","${stage.scene.url}/admin/"]`);
  });

  test('only reads: an alert comes by itself, its words when they are asked for, and nothing can be changed', async () => {
    const page = await enter();
    const requests = requestsOf(page);

    const { socket } = await stage.scene.speak('somebody-s id', risk);
    await openCard(page).waitFor();
    expect(await page.title()).toBe('(1) Operator · Stillpoint');
    const aloud = page
      .locator('[aria-live=polite]')
      .filter({ hasText: 'New safety alert. Urgent: Thoughts of' });
    expect(await aloud.count()).toBe(1);
    const shown = await page.locator('#app').innerText();
    expect(shown).not.toContain(risk);
    expect(shown).not.toContain('somebody-s id');
    expect([...new Set(requests)].toSorted()).toEqual([
      'GET /api/v1/operator/alerts',
      'GET /api/v1/operator/overview',
    ]);
    expect(await buttons(page)).toEqual(['Forget the key', 'Show what was said']);
    expect(await page.getByRole('textbox').count()).toBe(0);

    await press(page, 'Show what was said');
    const log = page.getByRole('log', { name: 'What was said' });
    await log.getByText(risk).waitFor();
    await input(socket, 'somebody-s id', 'I am at home');
    await log.getByText('I am at home').waitFor();
    expect(await buttons(page)).toEqual(['Forget the key', 'Back to all']);
    expect(await page.getByRole('textbox').count()).toBe(0);
    expect(requests.filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  test('an alert that cannot wait is read aloud at once', async () => {
    const page = await enter();

    await stage.scene.speak('immediate', 'I took a whole bottle of pills');
    await lookNow(page);
    await page
      .locator('[aria-live=assertive]')
      .filter({ hasText: 'Immediate: A medical emergency' })
      .waitFor({
        state: 'attached',
      });

    expect(await openCard(page).getAttribute('data-urgency')).toBe('immediate');
  });

  test('[US-42] a crisis from the alert to its end', async () => {
    const { socket } = await stage.scene.speak('a crisis', risk);
    await socket.until(() => socket.of('therapist:done').length === 1, 'the fixed reply');
    const page = await enter();
    const humans = () => socket.of('session:updated').map((data) => Updated.parse(data).human?.name ?? null);

    await allowChanges(page, 'ana');
    await press(page, 'Acknowledge');
    await told(page, 'Acknowledged.');
    await page.getByText('Acknowledged by ana').waitFor();
    await press(page, 'Show what was said');
    await page.getByLabel('Name that the person sees').fill('Ana, on duty');
    await press(page, 'Take over');
    await told(page, 'You answer for 30 minutes, as Ana, on duty.');
    await socket.until(() => humans().includes('Ana, on duty'), 'the person who answers');

    await input(socket, 'a crisis', 'Is somebody there?');
    await page.getByRole('log').getByText('Is somebody there?').waitFor();
    await page.getByLabel('Say something').fill('I am Ana. I read this with you.');
    await press(page, 'Send');
    await told(page, 'Said.');
    await socket.until(() => socket.of('human:message').length === 1, 'the words of the person');
    expect(socket.of('human:message')).toMatchObject([
      { name: 'Ana, on duty', text: 'I am Ana. I read this with you.' },
    ]);
    await page.getByRole('log').getByText('Ana, on duty, a person').waitFor();
    expect(await page.getByLabel('Say something').inputValue()).toBe('');

    await press(page, 'Give it back to the guide');
    await told(page, 'The guide answers again.');
    await socket.until(() => humans().at(-1) === null, 'the guide again');
    await page.getByText('Take the session over first: then it can be sent.').waitFor();
    await press(page, 'Clear…');
    await page.getByRole('dialog', { name: 'End the crisis?' }).waitFor();
    await press(page, 'End the crisis');
    await told(page, 'Cleared.');
    await page.getByText('support: the process rests').waitFor();
    await press(page, 'Back to all');
    await page.getByText('Nobody waits for you.').waitFor();
    expect(await page.title()).toBe('Operator · Stillpoint');
  });

  test('a refusal is told in words, and what was typed stays', async () => {
    const { socket } = await stage.scene.speak('a refusal', risk);
    const page = await enter();
    await allowChanges(page, 'ana');
    await press(page, 'Show what was said');
    await press(page, 'Take over');
    await page.getByText('It is sent as it stands').waitFor();
    await page.getByLabel('Say something').fill('I am here.');

    const [alert] = Alerts.parse(
      (await stage.scene.rest('GET /api/v1/operator/alerts?status=taken_over', { headers })).body,
    ).alerts;
    await page.route('**/message', async (route) => {
      const line = `POST /api/v1/operator/alerts/${alert?.alert_id}/release`;
      await stage.scene.rest(line, { headers, body: { actor: 'bea' } });
      await route.continue();
    });
    await press(page, 'Send');

    await page.getByRole('alert').filter({ hasText: 'Take the session over first' }).waitFor();
    await page.getByText('Take the session over first: then it can be sent.').waitFor();
    expect(await page.getByLabel('Say something').inputValue()).toBe('I am here.');
    expect(socket.of('human:message')).toEqual([]);
  });

  test('a notice goes to everybody, once it was asked whether it shall', async () => {
    const page = await enter();
    const socket = await stage.scene.socket();
    await allowChanges(page, 'ana');

    await page.getByLabel('What everybody is told').fill('We restart at noon.');
    await press(page, 'Announce…');
    await press(page, 'Cancel');
    expect(await page.getByLabel('What everybody is told').inputValue()).toBe('We restart at noon.');
    await press(page, 'Announce…');
    await press(page, 'Tell everybody');
    await told(page, 'Shown to everybody');
    await socket.until(() => socket.of('server:notice').length === 1, 'the notice');

    expect(socket.of('server:notice')).toMatchObject([{ text: 'We restart at noon.' }]);
    await page.getByRole('switch', { name: 'Allow changes' }).click();
    await page.getByLabel('What everybody is told').waitFor({ state: 'detached' });
  });

  test('breaks no rule of accessibility, on a screen, in the dark and on a phone', async () => {
    await stage.scene.speak('by the rules', risk);
    const page = await enter();
    const violationsEverywhere = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const { width, height, colorScheme } of looks) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        found.push(...(await violations(page)));
        if (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) found.push('too wide');
      }
      return found;
    };

    await openCard(page).waitFor();
    expect(await violationsEverywhere()).toEqual([]);
    await allowChanges(page, 'ana');
    await press(page, 'Show what was said');
    await press(page, 'Take over');
    await told(page, 'You answer for 30 minutes');
    expect(await violationsEverywhere()).toEqual([]);
    await press(page, 'Clear…');
    await page.getByRole('dialog').waitFor();
    expect(await violationsEverywhere()).toEqual([]);
  });

  test('a server that is gone is told of, and what was seen is not shown as now', async () => {
    const page = await enter();
    await page.locator('.line[data-live=true]').waitFor();

    await stage.scene.kill();
    await lookNow(page);
    await page.getByRole('alert').filter({ hasText: 'The server does not answer.' }).waitFor();

    expect(await page.locator('.line').innerText()).toMatch(/^Not live. Last seen \d\d:\d\d:\d\d$/);
    expect(await page.locator('main').getAttribute('data-live')).toBe('false');
  });
});
