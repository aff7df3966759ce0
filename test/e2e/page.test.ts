import { expect, test } from 'vitest';
import {
  begin,
  connection,
  describePage,
  describeStage,
  ended,
  history,
  reply,
  replyOf,
  say,
  shows,
  turn,
} from '../support/page.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords } from '../support/scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describeStage('the page at /', {}, (stage) => {
  test('[S-2] makes an id where none is given', async () => {
    const { page } = await stage.visit();

    const id = await begin(page, stage.scene.url);

    expect(id).toMatch(/^session_\d{8}_\d{6}_[0-9a-f]{8}$/);
    expect((await stage.scene.rest(`GET ${pathOf(id, '/status')}`)).status).toBe(200);
  });

  test('shows an answer word by word, while it is written', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', 7);

    await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    expect(await turn(page, 1).getAttribute('data-state')).toBe('running');
    stage.scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
  });

  test('[P-3] has the whole answer after a reload in the middle of it', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', 7);

    const id = await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await page.reload();
    await shows(page, firstWords(reply, 7));
    stage.scene.fake.release();
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(reply);
    expect(await page.locator('.turn:visible').count()).toBe(1);
    expect(await history(stage.scene, id)).toMatchObject([{ state: 'done', text: reply }]);
  });

  test.for(['a reload', 'a reconnect'])(
    '[P-6] says once what was stored without an ack, after %s',
    async (how) => {
      const { scene } = stage;
      await using proxy = await startTcpProxy({ target: scene.server.port });
      const { page } = await stage.visit();

      const id = await begin(page, proxy.url);
      await say(page, 'First');
      await ended(page);
      proxy.swallow('down');
      await say(page, 'Only once');
      await expect
        .poll(() => history(scene, id), { timeout: 60_000 })
        .toMatchObject([{ n: 1 }, { n: 2, state: 'done' }]);
      expect(await page.locator('.pending .said').textContent()).toBe('Only once');
      proxy.cut();
      proxy.heal();
      if (how === 'a reload') await page.reload();
      await ended(page, 'done', 2);
      await page.locator('.pending').waitFor({ state: 'detached' });
      await say(page, 'Third');
      await ended(page, 'done', 3);

      const said = (await history(scene, id)).map(({ user_input: text }) => text);
      expect(said).toEqual(['First', 'Only once', 'Third']);
      expect(await page.locator('.said:visible').allTextContents()).toEqual(said);
    },
  );

  test('keeps words that were not sent over a reload', async () => {
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await page.getByLabel('Your words').fill('I do not know how to say');
    await page.reload();

    expect(await page.getByLabel('Your words').inputValue()).toBe('I do not know how to say');
  });

  test('[S-4] offers to open a conversation whose id is taken', async () => {
    const first = await stage.visit();
    const second = await stage.visit();

    await begin(first.page, stage.scene.url, 'ours');
    await say(first.page, 'I feel restless');
    await ended(first.page);
    await second.page.goto(stage.scene.url);
    await second.page.getByLabel('Conversation id').fill('ours');
    await second.page.getByRole('button', { name: 'Begin' }).click();
    await second.page.getByRole('alert').filter({ hasText: 'has this id already' }).waitFor();
    await second.page.getByRole('button', { name: 'Open it' }).click();

    await shows(second.page, reply);
  });

  test('[P-7] stops an answer, and can try it again', async () => {
    const { scene } = stage;
    const { page } = await stage.visit();
    scene.fake.hold('piece', 7);

    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await page.getByRole('button', { name: 'Stop' }).click();
    await ended(page, 'cancelled');
    scene.fake.release();
    await page.getByRole('button', { name: 'Try again' }).click();
    await ended(page, 'done', 2);

    expect(await history(scene, id)).toMatchObject([
      { state: 'cancelled', text: await replyOf(page).textContent() },
      { state: 'done', user_input: 'I feel restless', text: reply },
    ]);
    expect(await page.getByRole('button', { name: 'Try again' }).filter({ visible: true }).count()).toBe(0);
  });

  test('[P-7] breaks an answer off for words that are said meanwhile', async () => {
    const { scene } = stage;
    const { page } = await stage.visit();
    scene.fake.hold('piece', 7);

    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await say(page, 'No, I feel sad');
    await ended(page, 'cancelled');
    scene.fake.release();
    await ended(page, 'done', 2);

    expect(await history(scene, id)).toMatchObject([
      { state: 'cancelled', text: await replyOf(page).textContent() },
      { state: 'done', user_input: 'No, I feel sad', text: await replyOf(page, 2).textContent() },
    ]);
  });

  test('[P-12] interrupts an answer for words that show risk, and keeps help in sight', async () => {
    const { page } = await stage.visit();
    stage.scene.fake.hold('piece', 7);

    const id = await begin(page, stage.scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await say(page, 'I want to kill myself');
    await ended(page, 'done', 2);
    stage.scene.fake.release();
    await page.reload();
    const help = page.getByRole('complementary', { name: 'Help from people' });
    const link = help.locator('a[href^="tel:"]').first();
    await link.waitFor();
    await say(page, 'ok');
    await ended(page, 'done', 3);

    expect(await link.getAttribute('href')).toMatch(/^tel:\+?\d{2,}$/);
    expect(await link.isVisible()).toBe(true);
    expect(await history(stage.scene, id)).toMatchObject([{ state: 'cancelled' }, { state: 'done' }, {}]);
  });

  test('[S-6] deletes all of a conversation, here and on every other page of it', async () => {
    const first = await stage.visit();
    const second = await stage.visit();

    const id = await begin(first.page, stage.scene.url);
    await say(first.page, 'I feel restless');
    await ended(first.page);
    await second.page.goto(first.page.url());
    await ended(second.page);
    await first.page.getByRole('button', { name: 'Menu' }).click();
    await first.page.getByRole('button', { name: 'Delete my data' }).click();
    await first.page.getByRole('button', { name: 'Delete all of it' }).click();
    await first.page.getByRole('alert').filter({ hasText: 'deleted' }).waitFor();
    await second.page.getByRole('alert').filter({ hasText: 'deleted' }).waitFor();

    expect((await stage.scene.rest(`GET ${pathOf(id, '/status')}`)).status).toBe(404);
    expect(await first.page.content()).not.toContain('restless');
    expect(await second.page.content()).not.toContain('restless');
    expect(await first.page.evaluate('sessionStorage.length')).toBe(0);
  });

  test('fits a window of 360 px, with a long word too', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });

    await begin(page, stage.scene.url, `id-${'x'.repeat(300)}`);
    await say(page, 'a'.repeat(300));
    await ended(page);

    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await page.getByRole('button', { name: 'Send' }).isVisible()).toBe(true);
  });
});

describePage('the page and its server', (openStage) => {
  test('lets the built-in guide answer a first visit, and says that it is an AI', async () => {
    await using stage = await openStage({ env: { MODEL: 'guide', GUIDE_WORD_MS: '20' } });
    const { page, faults } = await stage.visit();

    const id = await begin(page, stage.scene.url, 'Anna/Übung?1');
    await say(page, 'I feel restless');
    await ended(page);

    expect(id).toBe('Anna/Übung?1');
    expect(await history(stage.scene, id)).toMatchObject([{ text: await replyOf(page).textContent() }]);
    expect(await page.getByRole('banner').textContent()).toContain('You are talking with an AI');
    expect(faults).toEqual([]);
  });

  test('[P-3] ends with the text of the history when the server is killed in the middle of an answer', async () => {
    await using stage = await openStage({ env: { LEASE_MS: '2000' } });
    const { scene } = stage;
    const { page } = await stage.visit();
    scene.fake.hold('piece', 7);
    const { port } = scene.server;

    const id = await begin(page, scene.url);
    await say(page, 'I feel restless');
    await shows(page, firstWords(reply, 7));
    await scene.kill();
    await connection(page).filter({ hasText: 'connection is lost' }).waitFor();
    scene.fake.release();
    await scene.start({ PORT: String(port) });
    await ended(page);

    expect(await history(scene, id)).toMatchObject([{ text: await replyOf(page).textContent() }]);
    expect(await replyOf(page).textContent()).toBe(reply);
    expect(await connection(page).textContent()).toBe('');
  });

  test('[P-6] says once what was written while the server was away', async () => {
    await using stage = await openStage();
    const { scene } = stage;
    const { page } = await stage.visit();
    const { port } = scene.server;

    const id = await begin(page, scene.url);
    await scene.kill();
    await connection(page).filter({ hasText: 'connection is lost' }).waitFor();
    await say(page, 'Are you there?');
    await page.getByText('Are you there?').waitFor();
    await scene.start({ PORT: String(port) });
    await ended(page);

    expect(await history(scene, id)).toMatchObject([{ user_input: 'Are you there?', text: reply }]);
    expect(await page.getByText('Are you there?').filter({ visible: true }).count()).toBe(1);
  });

  test('tells the place in the queue for the model', async () => {
    await using stage = await openStage({ env: { OLLAMA_SLOTS: '1' } });
    const { scene } = stage;
    const { page } = await stage.visit();
    await scene.healthy(({ model }) => model.source === 'ollama');
    scene.fake.hold('piece', 3);

    const { client } = await scene.speak('other', 'I was first');
    await client.until(() => client.text() === firstWords(reply, 3), 'three words');
    await begin(page, scene.url);
    await say(page, 'I am second');
    await page.getByText('number 1 in line').waitFor();
    scene.fake.release();
    await ended(page);

    expect(await page.getByText('number 1 in line').count()).toBe(0);
  });

  test('shows markup as text', async () => {
    const markup = '<img src=x onerror="document.title=1"> <b>bold</b>';
    await using stage = await openStage({ fake: { behaviour: { reply: markup } } });
    const { page } = await stage.visit();

    await begin(page, stage.scene.url);
    await say(page, markup);
    await ended(page);

    expect(await replyOf(page).textContent()).toBe(markup);
    expect(await turn(page, 1).locator('.said').textContent()).toBe(markup);
    expect(await page.locator('#log img, #log b').count()).toBe(0);
  });
});
