// The program of client/examples that lets a browser into one session, before a server that asks for keys.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Example } from '../support/example-process.ts';
import { pathOf } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { bearer, openKeyDesk } from '../support/tokens.ts';

const reply = words(12);

describe('with AUTH_MODE=key', () => {
  const stack = new AsyncDisposableStack();
  let scene: Scene;
  let token: string;
  beforeAll(async () => {
    const desk = stack.use(await openKeyDesk());
    token = await desk.token({ tenant: 'acme', name: 'shop' });
    const env = { ...desk.env, RAW_REPLIES: '1' };
    scene = stack.use(await openScene({ env, fake: { behaviour: { reply } } }));
  });
  afterAll(() => stack.disposeAsync());

  async function run(file: string, key: string, ...args: string[]) {
    const env = { STILLPOINT_URL: scene.url, STILLPOINT_API_KEY: key };
    await using example = new Example(file, args, env);
    return await example.ended();
  }

  test('capability.js says something with what the key let it have, and no more once that is taken back', async () => {
    const result = await run('capability.js', token, 'shop_1', 'I want to feel calm');

    expect(result).toMatchObject({
      code: 0,
      stdout: `${reply}\nanother session: FORBIDDEN\ntaken back: UNAUTHENTICATED\n`,
      stderr: expect.stringContaining('You are talking with an AI.'),
    });
    const headers = bearer(token);
    const { body } = await scene.rest(`GET ${pathOf('shop_1', '/history')}`, { headers });
    expect(body).toMatchObject({ turns: [{ state: 'done', user_input: 'I want to feel calm' }] });
    const list = await scene.rest(`GET ${pathOf('shop_1', '/capabilities')}`, { headers });
    expect(list.body).toEqual({ capabilities: [] });
  });

  test('capability.js is refused with another key', async () => {
    const result = await run('capability.js', 'spk_nobody_nothing', 'shop_2');

    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('UNAUTHENTICATED') });
  });

  test('socket-io.js ends where it is not let in', async () => {
    const result = await run('socket-io.js', token, 'shop_3');

    expect(result.code).toBe(1);
    expect(result.stderr).not.toContain('trying again');
  });
});
