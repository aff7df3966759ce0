// docs/custom-session-ids.md says what the server answers: every block of it is run, and what it says is compared.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { errorTable } from '../../src/contract/errors.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(resolve(root, 'docs/custom-session-ids.md'), 'utf8');
const address = 'http://localhost:8090';
const made = /^session_\d{8}_\d{6}_[0-9a-f]{8}$/;

interface Block {
  /** The line it begins on, 1 the first. */
  line: number;
  language: string;
  code: string;
}

const blocks: Block[] = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
  line: page.slice(0, match.index).split('\n').length,
  language: match[1] ?? '',
  code: match[2] ?? '',
}));

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

const whyNoPython = await run('python3', ['--version']).then(
  () => undefined,
  (error: unknown) => {
    if (process.env['CI']) throw error;
    return 'python3 is not installed';
  },
);

/** Runs code with the address of the server in the place of the one on the page. */
async function execute(command: string, words: string[], code: string): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', PYTHONIOENCODING: 'utf-8' };
  const args = [...words, code.replaceAll(address, server.url)];
  const { stdout } = await run(command, args, { cwd: root, env, timeout: 30_000 });
  return stdout;
}

interface Call {
  command: string;
  status: number;
  body: unknown;
}

/** What a body is matched with: a made id stands for any made id. */
const expected = (body: unknown): unknown => {
  const parsed = z.looseObject({ session_id: z.string().regex(made) }).safeParse(body);
  const isShown = parsed.success && parsed.data.session_id === 'session_20251015_083406_0432b008';
  return isShown ? { ...parsed.data, session_id: expect.stringMatching(made) } : body;
};

/** The lines of a shell block in pairs: a command, and the `# <status> {…, …}` behind it. */
function callsOf(code: string): Call[] {
  const lines = code.trimEnd().split('\n');
  return Array.from({ length: Math.ceil(lines.length / 2) }, (_, i) => {
    const answer = /^# (\d{3}) (\{.*), …\}$/.exec(lines[2 * i + 1] ?? '');
    if (!answer) throw new Error(`no answer is given for ${lines[2 * i]}`);
    return {
      command: lines[2 * i] ?? '',
      status: Number(answer[1]),
      body: expected(JSON.parse(`${answer[2]}}`)),
    };
  });
}

async function curl(command: string): Promise<{ status: number; body: unknown }> {
  const options = `curl --silent --show-error --max-time 20 --write-out '\\n%{http_code}'`;
  const stdout = await execute('sh', ['-c'], command.replace(/^curl\b/, options));
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}

/** What a script says it prints, behind each of its `→`. */
const printed = (code: string): string[] =>
  [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map((match) => match[1] ?? '');

const scripts = new Map<string, (code: string) => Promise<string>>([
  ['js', async (code) => await execute(process.execPath, ['--input-type=module', '--eval'], code)],
  ['python', async (code) => await execute('python3', ['-c'], code)],
]);

describe('the blocks, in order', () => {
  for (const { line, language, code } of blocks) {
    const reason = language === 'python' ? whyNoPython : undefined;
    const title = `the ${language} block of line ${line} answers what it says`;

    test.skipIf(reason)(reason ? `${title} (skipped: ${reason})` : title, async () => {
      if (language === 'sh') {
        for (const { command, status, body } of callsOf(code)) {
          expect(await curl(command), command).toMatchObject({ status, body });
        }
        return;
      }
      const stdout = await scripts.get(language)?.(code);

      expect(printed(code)).not.toEqual([]);
      expect(stdout?.trimEnd().split('\n')).toEqual(printed(code));
    });
  }

  test('show curl, JavaScript and Python', () => {
    expect([...new Set(blocks.map(({ language }) => language))].toSorted()).toEqual(['js', 'python', 'sh']);
  });
});

/** The cells of the table rows whose first cell is code. */
const rows = [...page.matchAll(/^\| `.*\|$/gm)].map(([row]) =>
  row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim()),
);
const encoded = rows.flatMap(([id, path]) => {
  const found = /^`(\/api\/v1\/session\/.+)`$/.exec(path ?? '');
  return found ? [[(id ?? '').slice(1, -1), found[1] ?? ''] as const] : [];
});
const errors = rows.flatMap(([codes, status]) =>
  /^\d{3}$/.test(status ?? '')
    ? [...(codes ?? '').matchAll(/`([A-Z_]+)`/g)].map((match) => [match[1] ?? '', Number(status)] as const)
    : [],
);

describe('the tables', () => {
  test.each(encoded)('[S-1] the id %s is found under %s', async (id, path) => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: id } });

    const byFetch = await fetch(`${server.url}${path}`);

    expect(encodeURIComponent(id)).toBe(path.split('/')[4]);
    expect(await byFetch.json()).toMatchObject({ session_id: id });
  });

  test('of odd ids has rows', () => {
    expect(encoded.length).toBeGreaterThan(3);
  });

  test('of errors has the codes and statuses of the contract', () => {
    const table = new Map<string, { status: number }>(Object.entries(errorTable));

    expect(errors.length).toBeGreaterThan(5);
    expect(errors).toEqual(errors.map(([code]) => [code, table.get(code)?.status]));
  });

  test.each([
    ['7', 422, 'VALIDATION_FAILED'],
    [String.raw`"\ud83d"`, 422, 'VALIDATION_FAILED'],
    ['"x', 400, 'MALFORMED_JSON'],
  ])('[S-3] the id %s is %i %s', async (id, status, code) => {
    const body = `{"session_id":${id}}`;

    expect(await rest(server.url, 'POST /api/v1/session/create', { body })).toMatchObject({
      status,
      body: { code },
    });
  });

  test.each([
    ['orders/2024', 404, 'NOT_FOUND'],
    ['100%25 never made', 404, 'SESSION_NOT_FOUND'],
    ['100% me', 400, 'MALFORMED_JSON'],
  ])('[R-2] the id %s as it is in a path is %i %s', async (id, status, code) => {
    const path = `/api/v1/session/${id.replaceAll(' ', '%20')}/status`;

    expect(await rest(server.url, `GET ${path}`)).toMatchObject({ status, body: { code } });
  });
});

describe('the warnings', () => {
  test('fetch takes an encoded .. for a way up', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: '..' } });

    const byFetch = await fetch(`${server.url}/api/v1/session/%2E%2E/status`);
    const byPath = await rest(server.url, `GET ${pathOf('..', '/status')}`);

    expect(await byFetch.json()).toMatchObject({ code: 'NOT_FOUND' });
    expect(byPath.body).toMatchObject({ session_id: '..' });
  });

  test('an input makes a session without client_id', async () => {
    await rest(server.url, 'POST /api/v1/session/mistyped/input', { body: { user_input: 'Hello' } });

    const { body } = await rest(server.url, 'GET /api/v1/session/mistyped/status');

    expect(body).toMatchObject({ client_id: null, metadata: {} });
  });

  test('the list shows every id to whoever reaches the server', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'no secret' } });

    const { text } = await rest(server.url, 'GET /api/v1/sessions');

    expect(text).toContain('"no secret"');
  });

  test('care passes to the session of the same client that is made before the delete, and stays', async () => {
    const create = async (id: string, clientId: string) =>
      await rest(server.url, 'POST /api/v1/session/create', {
        body: { session_id: id, client_id: clientId },
      });
    await create('in danger', 'crm:48');
    await rest(server.url, `POST ${pathOf('in danger', '/input')}`, {
      body: { user_input: 'I am going to kill myself tonight' },
    });

    const before = await create('before', 'crm:48');
    const stranger = await create('stranger', 'crm:49');
    await rest(server.url, `DELETE ${pathOf('in danger')}`);
    const after = await create('after', 'crm:48');
    const kept = await rest(server.url, 'GET /api/v1/session/before/status');

    expect(before.body).toMatchObject({ safety: { mode: 'crisis_hold' } });
    expect(kept.body).toMatchObject({ safety: { mode: 'crisis_hold' } });
    expect(stranger.body).toMatchObject({ safety: { mode: 'normal' } });
    expect(after.body).toMatchObject({ safety: { mode: 'normal' } });
  });
});

const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? '');

test.each(links)('the link %s leads to a file', (link) => {
  expect(existsSync(resolve(root, 'docs', link))).toBe(true);
});
