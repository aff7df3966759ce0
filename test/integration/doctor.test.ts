// The doctor against a fake Ollama, a real Redis and a real server, and as it is run.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Finding } from '../../src/ops/doctor/finding.ts';
import { askOllama } from '../../src/ops/doctor/ollama.ts';
import { pullModel } from '../../src/ops/doctor/pull.ts';
import { askRedis, judgeRedis } from '../../src/ops/doctor/redis.ts';
import { answerTo } from '../../src/ops/doctor.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { FakeOllama } from '../support/fake-ollama.ts';
import { startRedis } from '../support/redis-server.ts';
import { startServer } from '../support/server-process.ts';
import { newFolder } from '../support/store-folder.ts';

const SCRIPT = fileURLToPath(new URL('../../src/ops/doctor.ts', import.meta.url));
const shared = new AsyncDisposableStack();
afterAll(() => shared.disposeAsync());

const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);

describe('Ollama', () => {
  test('that has the model is told with its version, its clock and what is in memory', async () => {
    await using fake = await startFakeOllama({ models: ['llama3.1', { name: 'mistral', loaded: false }] });

    const host = await askOllama(fake.url.replace('//', '//ann:sesame@'), 'llama3.1');

    expect(host).toMatchObject({
      place: fake.url,
      problem: null,
      version: '0.12.6',
      installed: ['llama3.1:latest', 'mistral:latest'],
      loaded: ['llama3.1:latest'],
      isWriter: true,
    });
    expect(Math.abs(host.aheadMs ?? Infinity)).toBeLessThan(60_000);
    expect(fake.of('version')[0]?.authorization).toBe(`Basic ${btoa('ann:sesame')}`);
    expect(fake.of('chat')).toEqual([]);
  });

  test('whose model only makes vectors cannot write with it', async () => {
    await using fake = await startFakeOllama({ models: [{ name: 'nomic', capabilities: ['embedding'] }] });

    expect(await askOllama(fake.url, 'nomic')).toMatchObject({ problem: null, isWriter: false });
  });

  test.each([
    ['refuses', { refuse: { status: 401, error: 'sesame' } }],
    ['answers with a page', { fault: { kind: 'html' } }],
  ] as const)('that %s is none', async (_, behaviour) => {
    await using fake = await startFakeOllama();
    for (const kind of ['version', 'tags', 'ps'] as const) fake.always(behaviour, kind);

    const { problem } = await askOllama(fake.url, 'llama3.1');

    expect(problem).toMatch(/^does not answer as Ollama does/);
    expect(problem).not.toContain('sesame');
  });

  test('that takes the connection and says nothing is given up', async () => {
    await using fake = await startFakeOllama();
    fake.hold('request');

    expect(await askOllama(fake.url, 'llama3.1', 50)).toMatchObject({
      problem: 'does not answer',
      aheadMs: null,
    });
  });
});

/** A run in this process: what was written, what was asked, and the status. */
async function run(
  fake: FakeOllama,
  { args = [], answer }: { args?: string[]; answer?: boolean },
): Promise<{ code: number; out: string; progress: string; questions: string[] }> {
  await using folder = await newFolder();
  const written = { out: '', progress: '' };
  const questions: string[] = [];
  const code = await answerTo(
    args,
    {
      environment: {
        DATA_DIR: folder.path,
        PORT: '0',
        MODEL: 'ollama',
        OLLAMA_MODEL: 'mistral',
        OLLAMA_BASE_URL: fake.url,
      },
      nodeVersion: '24.0.0',
      engines: '>=24',
      uid: 1000,
      pageIndex: SCRIPT,
    },
    {
      write: (text) => (written.out += text),
      hasColour: false,
      progress: { write: (text) => (written.progress += text), isTerminal: false, columns: 80 },
      ask:
        answer === undefined
          ? null
          : async (question) => {
              questions.push(question);
              return answer;
            },
    },
  );
  expect(readdirSync(folder.path)).toEqual([]);
  return { code, ...written, questions };
}

describe('a model that is missing', () => {
  test('is a fault, and is left where nobody is asked', async () => {
    await using fake = await startFakeOllama();

    const { code, out } = await run(fake, {});

    expect(code).toBe(1);
    expect(out).toMatch(/fail +model +mistral is not at http\S+; nobody answers then\n.*--pull/);
    expect(out).toContain('1 fault');
    expect(fake.of('pull')).toEqual([]);
  });

  test('is left where somebody says no', async () => {
    await using fake = await startFakeOllama();

    const { code, questions } = await run(fake, { answer: false });

    expect(code).toBe(1);
    expect(questions).toEqual([expect.stringContaining(`Fetch mistral at ${fake.url} now?`)]);
    expect(fake.of('pull')).toEqual([]);
  });

  test.each([
    ['somebody says yes', { args: [], answer: true }, 1],
    ['--pull says so, and nobody is asked then', { args: ['--pull'], answer: false }, 0],
  ])('is fetched where %s', async (_, how, asked) => {
    await using fake = await startFakeOllama();
    fake.always({ pull: { total: 4_000_000_000, steps: 4 } }, 'pull');

    const { code, out, progress, questions } = await run(fake, how);

    expect(code).toBe(0);
    expect(fake.installed).toContain('mistral:latest');
    expect(questions).toHaveLength(asked);
    expect(progress).toBe(
      [
        '',
        `Fetching mistral at ${fake.url}`,
        ...['20', '50', '70', '100'].map((percent) => `mistral: ${percent} % of 4.0 GB`),
        'mistral is there.',
        '',
      ].join('\n'),
    );
    expect(out).toMatch(/fail +model [^]*ok +model +mistral is at/);
    expect(out).not.toContain('1 fault');
  });

  test('is told in JSON as it is in the end, with the progress elsewhere', async () => {
    await using fake = await startFakeOllama();

    const { code, out, progress } = await run(fake, { args: ['--json', '--pull'] });

    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      findings: expect.arrayContaining([expect.objectContaining({ check: 'model', level: 'ok' })]),
    });
    expect(progress).toContain('mistral is there.');
  });

  test('stays a fault where the download fails, with the reason', async () => {
    await using fake = await startFakeOllama();
    fake.next({ fault: { kind: 'error', after: 2, message: 'no space left' } }, 1, 'pull');

    const { code, out, progress } = await run(fake, { args: ['--pull'] });

    expect(code).toBe(1);
    expect(progress).toMatch(/mistral was not fetched: /);
    expect(out.match(/fail +model/g)).toHaveLength(2);
  });

  test.each(['end', 'close', 'reset'] as const)(
    'is not there after a download that ends by %s',
    async (kind) => {
      await using fake = await startFakeOllama();
      fake.next({ fault: { kind, after: 2 } }, 1, 'pull');

      const one = { url: fake.url, place: fake.url, model: 'mistral' };

      expect(await pullModel(one, () => {})).toMatch(/\w/);
    },
  );
});

describe('Redis', () => {
  let place = '';
  let url = '';
  beforeAll(async () => {
    const redis = shared.use(await startRedis());
    await redis.command('CONFIG', 'SET', 'requirepass', 'sesame');
    place = `127.0.0.1:${redis.port}`;
    url = `redis://:sesame@${place}`;
  });

  test('is told as it is, without the password', async () => {
    const host = await askRedis(url, 'doctor');

    expect(host).toMatchObject({ place, problem: null, save: '', cluster: null, masters: [] });
    expect(host.info.get('redis_version')).toMatch(/^\d+\./);
    expect(host.pingMs).toBeGreaterThan(0);
    expect(Math.abs(host.aheadMs ?? Infinity)).toBeLessThan(60_000);
    expect(told(judgeRedis([{ ...host, pingMs: 1 }]))).toEqual([
      expect.stringMatching(/^ok: .* Redis \d/),
      expect.stringMatching(/^warn: .*everything is gone/),
    ]);
  });

  test('that would throw things away is a fault', async () => {
    const set = (...pairs: string[]) => sendTo(url, 'CONFIG', 'SET', ...pairs);
    await set('maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru', 'save', '3600 1', 'appendonly', 'yes');

    const found = told(judgeRedis([{ ...(await askRedis(url, 'doctor')), pingMs: 1 }]));

    expect(found).toEqual([expect.stringMatching(/^ok/), expect.stringMatching(/^fail: .*allkeys-lru/)]);
  });

  test('names the master keys that nodes use', async () => {
    await sendTo(url, 'HSET', 'doctor:{vault}', 'plain', '1', 'abc', '2');

    expect((await askRedis(url, 'doctor')).masters).toEqual(['plain', 'abc']);
  });

  test('that is a node of a Cluster with slots that nobody has is a fault', async () => {
    await using node = await startRedis({ config: ['cluster-enabled yes'], persistent: true });

    const host = await askRedis(node.url, 'doctor');

    expect(host).toMatchObject({ problem: null, cluster: 'fail', masters: [] });
    expect(told(judgeRedis([{ ...host, pingMs: 1 }]))).toEqual([
      expect.stringMatching(/^ok: .* Redis Cluster \d/),
      expect.stringMatching(/^fail: the Cluster of .* is not whole/),
    ]);
  });

  test('that wants another password, or is away, is a fault', async () => {
    const wrong = await askRedis(url.replace('sesame', 'mustard'), 'doctor');
    const away = await askRedis('redis://:sesame@127.0.0.1:1', 'doctor');

    expect(told(judgeRedis([wrong]))).toEqual([
      expect.stringMatching(`^fail: ${place} refuses \\(WRONGPASS`),
    ]);
    expect(told(judgeRedis([away]))).toEqual(['fail: 127.0.0.1:1 does not answer (ECONNREFUSED)']);
    expect(JSON.stringify([wrong, away])).not.toMatch(/sesame|mustard/);
  });
});

async function sendTo(url: string, ...command: string[]): Promise<void> {
  const { createClient } = await import('redis');
  const client = createClient({ url, RESP: 2 });
  await client.connect();
  await client.sendCommand(command);
  client.destroy();
}

const Report = z.object({
  ok: z.boolean(),
  findings: z.array(
    z.object({
      check: z.string(),
      level: z.enum(['ok', 'warn', 'fail']),
      text: z.string(),
      advice: z.array(z.string()),
    }),
  ),
});

/** The script as it is run. */
function doctor(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
  const whole = { PATH: process.env['PATH'] ?? '', MODEL: 'guide', PORT: '0', ...env };
  const child = execFile(process.execPath, [SCRIPT, ...args], { env: whole }, (_, out, err) => {
    resolve({ code: child.exitCode ?? -1, out, err });
  });
  return promise;
}

describe('as it is run', () => {
  test('on a fresh directory nothing is in the way, and nothing is made', async () => {
    await using folder = await newFolder();

    const { code, out, err } = await doctor({ DATA_DIR: join(folder.path, 'data') });

    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^Stillpoint \d[^]*ok +store +no data yet[^]*\n\n(All is well|Nothing is in the way).*\n$/,
    );
    expect(out).not.toContain('fail');
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('with settings that cannot be read it tells each of them, and hides the secret ones', async () => {
    const { code, out } = await doctor({ PORT: 'x', OPERATOR_KEY: 'sesame', OLAMA_MODEL: 'm' }, '--json');

    const { ok, findings } = Report.parse(JSON.parse(out));
    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(told(findings)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^fail: PORT must be .*"x"/),
        expect.stringMatching(/^fail: OPERATOR_KEY must be/),
        expect.stringMatching(/^warn: OLAMA_MODEL is no setting/),
      ]),
    );
    expect(out).not.toContain('sesame');
  });

  test('beside a running server it finds that server, and what it holds', async () => {
    await using folder = await newFolder();
    await using server = await startServer({ dataDir: folder.path, env: { MODEL: 'guide' } });
    const before = readdirSync(folder.path);

    const { code, out } = await doctor({ DATA_DIR: folder.path, PORT: String(server.port) }, '--json');

    const { ok, findings } = Report.parse(JSON.parse(out));
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(told(findings)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ok: 127\.0\.0\.1:\d+: a Stillpoint runs there and is well/),
        'ok: SQLite, checked and whole; a server has it open',
      ]),
    );
    expect(readdirSync(folder.path)).toEqual(before);
    expect(server.log.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });

  test.each([
    [['--help'], 0],
    [['--pul'], 2],
    [['now'], 2],
  ])('%j says how it is used', async (args, code) => {
    const lines: string[] = [];
    const here = { environment: {}, nodeVersion: '', engines: '', uid: undefined, pageIndex: '' };
    const terminal = {
      write: (text: string) => void lines.push(text),
      hasColour: false,
      progress: { write: () => {}, isTerminal: false, columns: 80 },
      ask: null,
    };

    expect(await answerTo(args, here, terminal)).toBe(code);
    expect(lines.join('')).toContain('Usage: npm run doctor');
  });
});
