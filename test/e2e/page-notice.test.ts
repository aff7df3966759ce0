// Words of the people behind the server to everybody, on the page.
import { expect, test } from 'vitest';
import { begin, describeStage } from '../support/page.ts';

const key = 'operator-key-for-tests-0123456789abcdef';

describeStage('a notice on the page', { env: { OPERATOR_KEY: key } }, (stage) => {
  async function announce(text: string): Promise<void> {
    const headers = { Authorization: `Bearer ${key}` };
    const body = { actor: 'shift-7', text };
    const { status } = await stage.scene.rest('POST /api/v1/operator/announce', { headers, body });
    expect(status).toBe(200);
  }

  test('is shown beside the conversation until it is closed; the next one comes all the same', async () => {
    const { page } = await stage.visit({ width: 360, height: 640 });
    await begin(page, stage.scene.url);
    const notice = page.locator('.notice');
    const close = notice.getByRole('button', { name: 'Close' });

    await announce('We restart at noon.\nNothing is lost.');
    await close.waitFor();
    expect(await notice.getByRole('status').innerText()).toContain('We restart at noon.\nNothing is lost.');
    expect(await page.locator('#log').innerText()).not.toContain('noon');
    await close.click();
    await close.waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.id')).toBe('log');

    await announce('x'.repeat(2_000));
    await close.waitFor();
    expect(await notice.getByRole('status').innerText()).not.toContain('noon');
    const box = await notice.boundingBox();
    expect(box?.height).toBeLessThan(640 / 3);
    expect(await page.getByRole('textbox').isVisible()).toBe(true);
  });
});
