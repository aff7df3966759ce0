import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempDir } from '../support/server-process.ts';
import { deadline } from '../support/wait.ts';

/** What a server says of its life; examples are made meanwhile. */
const life: ReadonlySet<unknown> = new Set(['listening', 'draining', 'stopped']);
const root = fileURLToPath(new URL('../../', import.meta.url));

test('a SIGTERM to `npm start` drains the server itself, and leaves nothing behind', async () => {
  await using data = await tempDir();
  const env = { ...process.env, PORT: '0', DATA_DIR: data.path, MODEL: 'guide' };
  const npm = spawn('npm', ['start', '--silent'], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(npm, 'exit');
  const messages: unknown[] = [];

  const lines = createInterface({ input: npm.stdout });
  const read = (async () => {
    for await (const line of lines) {
      const entry: { msg?: unknown } = JSON.parse(line);
      if (life.has(entry.msg)) messages.push(entry.msg);
      if (entry.msg === 'listening') npm.kill('SIGTERM');
    }
  })();
  await deadline(Promise.all([ended, read]), 'the end of npm and of its output', 60_000);

  expect(messages).toEqual([...life]);
});
