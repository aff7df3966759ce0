import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runServer, startServer, tempDir } from '../../support/server-process.ts';

const listens = `
  import { createServer } from 'node:http';
  const server = createServer((_request, response) => response.end(process.env.WORD ?? ''));
  server.listen(Number(process.env.PORT), process.env.HOST, () => {
    const url = 'http://127.0.0.1:' + server.address().port + '/';
    console.log('not JSON');
    console.log(JSON.stringify({ level: 30, msg: 'listening', url }));
    console.error('a word on stderr');
  });
`;
const drains = `process.on('SIGTERM', () => { console.log('{"msg":"bye"}'); process.exit(0); });`;

/** A script in a directory of its own. */
async function script(text: string) {
  const dir = await tempDir();
  const path = join(dir.path, 'server.mjs');
  await writeFile(path, text);
  return {
    options: { script: path, dataDir: dir.path },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a server process', () => {
  test('is there once it says where it listens', async () => {
    await using file = await script(listens);
    await using server = await startServer({ ...file.options, env: { WORD: 'hello' } });

    expect(await (await fetch(server.url)).text()).toBe('hello');
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  });

  test('keeps what it wrote, and its log lines parsed', async () => {
    await using file = await script(listens + drains);
    await using server = await startServer(file.options);
    await server.stop();

    expect(server.stdout).toContain('not JSON');
    expect(server.stderr).toBe('a word on stderr\n');
    expect(server.log.map(({ msg }) => msg)).toEqual(['listening', 'bye']);
  });

  test('tells by which signal it ended', async () => {
    await using file = await script(listens);
    await using server = await startServer(file.options);

    expect(await server.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('tells the code of a graceful end', async () => {
    await using file = await script(listens + drains);
    await using server = await startServer(file.options);

    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  test('can be frozen and ended all the same', async () => {
    await using file = await script(listens);
    await using server = await startServer(file.options);
    server.signal('SIGSTOP');
    await server[Symbol.asyncDispose]();

    expect(isAlive(server.pid)).toBe(false);
  });

  test('that ends before it listens is an error with what it wrote', async () => {
    await using file = await script(`console.error('PORT must be a number'); process.exit(3);`);

    await expect(startServer(file.options)).rejects.toThrow(/exit 3[^]*PORT must be a number/);
  });

  test('that never listens is an error, and is ended', async () => {
    await using file = await script(`console.log('pid ' + process.pid); setInterval(() => {}, 1000);`);
    const error: unknown = await startServer({ ...file.options, startMs: 500 }).catch(
      (thrown: unknown) => thrown,
    );

    expect(String(error)).toContain('not within 500 ms');
    expect(isAlive(Number(/pid (\d+)/.exec(String(error))?.[1] ?? process.pid))).toBe(false);
  });

  test('that is to refuse its start gives its exit and its words', async () => {
    await using file = await script(`console.error('no'); process.exit(2);`);

    expect(await runServer(file.options)).toEqual({ code: 2, signal: null, stdout: '', stderr: 'no\n' });
  });
});

test('a temporary directory is gone afterwards', async () => {
  const dir = await tempDir();
  await writeFile(join(dir.path, 'file'), 'x');
  await dir[Symbol.asyncDispose]();

  await expect(access(dir.path)).rejects.toThrow('ENOENT');
});
