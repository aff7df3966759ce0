// Settings with which the server does not start: each is refused by name, in one clear line, and nothing is touched.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { runServer, tempDir } from '../../support/server-process.ts';

/** What a start in a fresh directory ends with; the directory stays as it was. */
async function refusal(env: Record<string, string>): Promise<string> {
  await using dir = await tempDir();
  const { code, stdout, stderr } = await runServer({ dataDir: dir.path, env: { MODEL: 'guide', ...env } });

  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(await readdir(dir.path)).toEqual([]);
  expectHarmless(stderr);
  return stderr;
}

// two at a time is what most machines have room for
describe.concurrent('a start is refused', () => {
  test('B239 B241 B193 naming every setting that is wrong, one line each', async () => {
    const text = await refusal({
      PORT: 'abc',
      ALLOWED_ORIGINS: '*',
      AUTH_MODE: 'forward',
      RATE_LIMIT: 'sometimes',
      TRUST_PROXY: 'everybody',
      OPERATOR_KEY: 'short-secret',
    });

    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    for (const name of [
      'PORT',
      'ALLOWED_ORIGINS',
      'AUTH_MODE',
      'RATE_LIMIT',
      'TRUST_PROXY',
      'OPERATOR_KEY',
    ]) {
      expect(lines.filter((line) => line.startsWith(`stillpoint: ${name} must be `))).toHaveLength(1);
    }
    expect(text).not.toContain('short-secret');
  });

  test.each(['70000', '-1'])('B239 with the port %s', async (port) => {
    expect(await refusal({ PORT: port })).toMatch(/^stillpoint: PORT must be [^\n]+\n$/);
  });

  test('B239 with a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    // bound to TCP just now
    const { port } = taken.address() as AddressInfo;
    await using dir = await tempDir();

    const { code, stderr } = await runServer({
      dataDir: dir.path,
      env: { MODEL: 'guide', PORT: String(port) },
    });
    taken.close();

    expect(code).toBe(1);
    expect(stderr).toBe(`stillpoint: Port ${port} is in use. Stop what uses it, or set PORT.\n`);
  });

  test('B241 with credentials in an origin, or a part of one', async () => {
    for (const origins of ['https://ann:secret@chat.example', 'chat.example']) {
      expect(await refusal({ ALLOWED_ORIGINS: origins })).toMatch(
        /^stillpoint: ALLOWED_ORIGINS must be [^\n]+\n$/,
      );
    }
  });

  test('B247 with a data directory that is a file, or where none can be made', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'file');
    await writeFile(file, 'mine');

    const ends = await Promise.all(
      [file, '/dev/null/data'].map((dataDir) => runServer({ dataDir, env: { MODEL: 'guide' } })),
    );

    for (const { code, stderr } of ends) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^stillpoint: [^\n]+\n$/);
    }
    expect(await readdir(dir.path)).toEqual(['file']);
  });
});
