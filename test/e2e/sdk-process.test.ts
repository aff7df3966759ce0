// A program that uses the SDK ends by itself: nothing of a client that was closed, or never used, keeps it alive.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { transports } from '../support/sdk.ts';
import { deadline } from '../support/wait.ts';

const sdk = new URL('../../client/sdk/client.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../../', import.meta.url));

let server: GuideServer;
beforeAll(async () => void (server = await startGuide({ GUIDE_WORD_MS: '20' })));
afterAll(() => server[Symbol.asyncDispose]());

/** Runs a program with `client` made; resolves with what it wrote once it has ended by itself. */
async function run(
  body: string,
  options: object,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = `
    import { createClient } from ${JSON.stringify(sdk)};
    const client = createClient(${JSON.stringify(options)});
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  using _killed = { [Symbol.dispose]: () => void child.kill('SIGKILL') };
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  const over = new Promise<number | null>((resolve) => child.once('close', resolve));
  const code = await deadline(over, () => `the end of the program: ${JSON.stringify(written)}`, 12_000);
  return { code, ...written };
}

const clean = { code: 0, stderr: '' };

describe.for(transports)('over %s', (via) => {
  const use = (body: string, url = server.url) => run(body, { url, transports: [via] });

  test('it ends after a whole reply', async () => {
    const { stdout, ...end } = await use(`
      const reply = client.session('whole ${via}').say('I want to feel calm');
      let text = '';
      for await (const word of reply) text += word;
      console.log(text === (await reply.response).therapist_response);
      client.close();`);

    expect(end).toEqual(clean);
    expect(stdout).toBe('true\n');
  });

  test('it ends in the middle of a reply', async () => {
    const { stdout, ...end } = await use(`
      const reply = client.session('middle ${via}').say('I want to feel calm');
      for await (const word of reply) break;
      reply.response.catch((error) => console.log(error.name, error.reason));
      client.close();`);

    expect(end).toEqual(clean);
    expect(stdout).toBe('ConnectionError closed\n');
  });

  test('it ends while it waits for a server that is not there', async () => {
    const { stdout, ...end } = await use(
      `client.session('nowhere').say('hello');
      client.connection.subscribe(() => {
        if (client.connection.get().phase !== 'waiting') return;
        console.log('waiting');
        client.close();
      });`,
      'http://127.0.0.1:9',
    );

    expect(end).toEqual(clean);
    expect(stdout).toBe('waiting\n');
  });

  test('it ends right behind its first words', async () => {
    const { stdout: _stdout, ...end } = await use(
      `client.session('first ${via}').say('hello'); client.close();`,
    );

    expect(end).toEqual(clean);
  });

  test('it ends after a request, and after one that is still open', async () => {
    const { stdout, ...end } = await use(`
      console.log((await client.request('server:health', {})).status);
      client.request('session:list', {}).catch(() => {});
      client.close();`);

    expect(end).toEqual(clean);
    expect(stdout).toBe('healthy\n');
  });

  test('what is asked for after close is refused as closed', async () => {
    const { stdout, ...end } = await use(`
      await client.session('closed ${via}').say('hello').response;
      const session = client.session('closed ${via}');
      client.close();
      const told = (error) => console.log(error.name, error.reason);
      await client.request('server:health', {}).catch(told);
      await session.status().catch(told);
      await client.create({}).catch(told);
      await session.say('more').response.catch(told);
      await session.open().catch(told);
      await session.cancel().catch(told);
      await client.session('other').open().catch(told);`);

    expect(end).toEqual(clean);
    expect(stdout).toBe('ConnectionError closed\n'.repeat(7));
  });
});

test('a client that was never used keeps nothing alive', async () => {
  const { stdout, ...end } = await run(
    `client.session('unused').keepDraft('x'); console.log(client.connection.get().phase);`,
    {
      url: server.url,
    },
  );

  expect(end).toEqual(clean);
  expect(stdout).toBe('idle\n');
});

test('using ends the client with the block', async () => {
  const { stdout, ...end } = await run(
    `{
      using own = createClient({ url: ${JSON.stringify(server.url)} });
      await own.session('block').say('hello').response;
    }
    console.log('left');`,
    {},
  );

  expect(end).toEqual(clean);
  expect(stdout).toBe('left\n');
});
