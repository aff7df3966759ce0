// What is made of the facts about Ollama, Redis, data, clocks and a running server.
import { describe, expect, test } from 'vitest';
import { judgeClocks } from '../../../src/ops/doctor/clock.ts';
import { judgeData, judgeRoom } from '../../../src/ops/doctor/data.ts';
import type { Finding } from '../../../src/ops/doctor/finding.ts';
import { judgeOllama, missingModels } from '../../../src/ops/doctor/ollama.ts';
import type { ModelConfig, OllamaHost } from '../../../src/ops/doctor/ollama.ts';
import { judgeStanding } from '../../../src/ops/doctor/port.ts';
import type { Standing } from '../../../src/ops/doctor/port.ts';
import { barOf, progressOn } from '../../../src/ops/doctor/pull.ts';
import { judgeRedis } from '../../../src/ops/doctor/redis.ts';
import type { RedisHost } from '../../../src/ops/doctor/redis.ts';

const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);
/** Those that are not well. */
const bad = (findings: readonly Finding[]) => told(findings).filter((line) => !line.startsWith('ok'));

describe('Ollama', () => {
  const config: ModelConfig = {
    MODEL: 'auto',
    OLLAMA_BASE_URL: [],
    OLLAMA_MODEL: 'llama3.1',
    OLLAMA_PULL: false,
    EMBED_MODEL: '',
    RETRIEVAL: 'on',
  };
  const host: OllamaHost = {
    url: 'http://gpu1',
    place: 'http://gpu1',
    problem: null,
    version: '0.20.0',
    installed: ['llama3.1:latest'],
    loaded: [],
    isWriter: true,
    aheadMs: 0,
  };
  const away = { ...host, problem: 'does not answer', installed: [] };

  test.each(['llama3.1', 'llama3.1:latest', 'LLAMA3.1'])(
    '%s is there, as llama3.1:latest',
    (OLLAMA_MODEL) => {
      const found = told(judgeOllama({ ...config, OLLAMA_MODEL }, [host]));

      expect(found).toEqual([
        'ok: http://gpu1 answers, version 0.20.0',
        expect.stringMatching(/^ok: \S+ is at http:\/\/gpu1, not in memory yet/),
      ]);
    },
  );

  test('a model in memory is told', () => {
    expect(told(judgeOllama(config, [{ ...host, loaded: host.installed }]))).toContain(
      'ok: llama3.1 is at http://gpu1, in memory',
    );
  });

  test.each([
    ['auto', 'warn', 'the built-in guide answers instead'],
    ['ollama', 'fail', 'nobody answers then'],
  ] as const)('without it MODEL=%s is %s: %s', (MODEL, level, then) => {
    expect(told(judgeOllama({ ...config, MODEL }, [away]))).toEqual([
      `${level}: http://gpu1 does not answer; ${then}`,
    ]);
    expect(bad(judgeOllama({ ...config, MODEL }, [{ ...host, installed: ['llama3.1:70b'] }]))).toEqual([
      `${level}: llama3.1 is not at http://gpu1; ${then}`,
    ]);
    expect(bad(judgeOllama({ ...config, MODEL }, [{ ...host, isWriter: false }]))).toEqual([
      `${level}: llama3.1 cannot write replies; ${then}`,
    ]);
  });

  test('of several addresses one that serves is enough', () => {
    const two = { ...away, url: 'http://gpu2', place: 'http://gpu2' };

    expect(bad(judgeOllama({ ...config, MODEL: 'ollama' }, [host, two]))).toEqual([
      'warn: http://gpu2 does not answer; other addresses answer',
    ]);
  });

  test('is not looked at where the guide is to answer', () => {
    expect(told(judgeOllama({ ...config, MODEL: 'guide' }, []))).toEqual([
      'ok: the built-in guide answers (MODEL=guide)',
    ]);
    expect(missingModels({ ...config, MODEL: 'guide', EMBED_MODEL: 'e' }, [host])).toEqual([]);
  });

  test('says how to fetch what lacks, and what is there instead, its like first', () => {
    const installed = ['a:1', 'b:1', 'c:1', 'd:1', 'llama3.1:70b'];

    const [, finding] = judgeOllama(config, [{ ...host, installed }]);

    expect(finding?.advice).toEqual([
      'Fetch it: npm run doctor -- --pull',
      'Or name one that is there by OLLAMA_MODEL: llama3.1:70b, a:1, b:1, c:1, …',
    ]);
  });

  test('says that the server fetches it itself where that is set', () => {
    const [, finding] = judgeOllama({ ...config, OLLAMA_PULL: true }, [{ ...host, installed: [] }]);

    expect(finding?.advice).toEqual([expect.stringMatching(/OLLAMA_PULL=1/)]);
  });

  test('a model for examples counts where it is used, at any address', () => {
    const wanted = { ...config, EMBED_MODEL: 'nomic-embed-text' };
    const two = { ...host, place: 'http://gpu2', installed: [...host.installed, 'nomic-embed-text:latest'] };

    expect(bad(judgeOllama(wanted, [host]))).toEqual([
      expect.stringMatching(/^warn: nomic-embed-text is at no address/),
    ]);
    expect(told(judgeOllama(wanted, [host, two]))).toContain('ok: nomic-embed-text is at http://gpu2');
    expect(bad(judgeOllama({ ...wanted, RETRIEVAL: 'off' }, [host]))).toEqual([]);
  });

  test('fetches a model wherever it lacks, one for examples once, and nothing where nobody answers', () => {
    const wanted = { ...config, EMBED_MODEL: 'e' };
    const two = { url: 'http://u:p@gpu2', place: 'http://gpu2' };

    expect(missingModels(wanted, [away, host, { ...host, ...two, installed: [] }])).toEqual([
      { ...two, model: 'llama3.1' },
      { url: 'http://gpu1', place: 'http://gpu1', model: 'e' },
    ]);
    expect(missingModels(wanted, [away])).toEqual([]);
  });
});

describe('a download', () => {
  const amount = (completed: number) => ({ total: 4_700_000_000, completed });

  test('is drawn as one line', () => {
    expect(barOf('llama3.1', amount(2_350_000_000))).toBe(
      'llama3.1  ████████████░░░░░░░░░░░░   50 %  2.4 GB of 4.7 GB',
    );
    expect(barOf('m', { total: 0, completed: 0 })).toContain('  0 %');
    expect(barOf('m', { total: 10, completed: 20 })).toContain('100 %');
  });

  test('is drawn over itself on a terminal, within its width', () => {
    const out: string[] = [];
    const progress = progressOn(
      { write: (text) => out.push(text), isTerminal: true, columns: 20 },
      'llama3.1',
    );

    for (const part of [1, 1, 2]) progress.show(amount(part * 1e9));
    progress.end();

    expect(out).toEqual(['\rllama3.1  █████░░░░\u001B[K', '\rllama3.1  █████████\u001B[K', '\n']);
  });

  test('is a line for each tenth elsewhere, none of them twice', () => {
    const out: string[] = [];
    const progress = progressOn({ write: (text) => out.push(text), isTerminal: false, columns: 80 }, 'm');

    for (const completed of [0, 5, 9, 10, 11, 35, 34, 35, 100]) progress.show({ total: 100, completed });
    progress.end();

    expect(out.map((line) => line.slice(0, 8))).toEqual(['m: 10 % ', 'm: 30 % ', 'm: 100 %']);
  });
});

describe('Redis', () => {
  const fields = {
    redis_version: '7.4.1',
    maxmemory_policy: 'noeviction',
    maxmemory: '0',
    aof_enabled: '1',
    role: 'master',
  };
  const host: RedisHost = {
    place: 'r:6379',
    problem: null,
    info: new Map(Object.entries(fields)),
    save: '',
    cluster: null,
    pingMs: 0.5,
    aheadMs: 0,
    masters: [],
  };
  const withInfo = (changes: Partial<typeof fields>): RedisHost => ({
    ...host,
    info: new Map(Object.entries({ ...fields, ...changes })),
  });

  test('as it has to be is one line', () => {
    expect(told(judgeRedis([host]))).toEqual(['ok: r:6379 answers in 0.5 ms: Redis 7.4.1']);
  });

  test.each<[string, RedisHost, RegExp]>([
    ['too old', withInfo({ redis_version: '6.2.9' }), /^fail: r:6379 is too old: 6\.2\.9/],
    ['evicting', withInfo({ maxmemory_policy: 'allkeys-lru', maxmemory: '9' }), /^fail: .*throws away/],
    ['evicting once it is bounded', withInfo({ maxmemory_policy: 'allkeys-lru' }), /^warn: .*throws away/],
    ['keeping nothing', withInfo({ aof_enabled: '0' }), /^warn: .*everything is gone/],
    [
      'keeping snapshots',
      { ...withInfo({ aof_enabled: '0' }), save: '3600 1' },
      /^warn: .*since the last snapshot/,
    ],
    ['a replica', withInfo({ role: 'slave' }), /^fail: .*is a replica/],
    ['far away', { ...host, pingMs: 45 }, /^warn: r:6379 takes 45 ms/],
    ['a broken Cluster', { ...host, cluster: 'fail' }, /^fail: the Cluster of r:6379 is not whole/],
    ['away', { ...host, problem: 'does not answer' }, /^fail: r:6379 does not answer/],
  ])('%s is told', (_, one, line) => {
    expect(bad(judgeRedis([one]))).toEqual([expect.stringMatching(line)]);
  });

  test('one address of several that is away is a warning', () => {
    expect(bad(judgeRedis([{ ...host, problem: 'does not answer' }, host]))).toEqual([
      expect.stringMatching(/^warn/),
    ]);
  });

  test('a replica of a Cluster that is whole is well', () => {
    expect(bad(judgeRedis([{ ...withInfo({ role: 'slave' }), cluster: 'ok' }]))).toEqual([]);
  });
});

describe('data', () => {
  const schema = { version: 4, newest: 4, newer: null };
  const whole = [{ schema, masters: [] }, { integrity: [] }];

  test.each([
    [true, 'a server has it open'],
    [false, 'no server has it open'],
  ])('that is whole is well (held: %s)', (isHeld, line) => {
    expect(told(judgeData({ told: [{ isHeld }, ...whole], isLate: false }))).toEqual([
      `ok: SQLite, checked and whole; ${line}`,
    ]);
  });

  test('that is older is brought up to date by the next start', () => {
    const facts = {
      isHeld: false,
      told: [{ schema: { ...schema, version: 2 }, masters: [] }],
      isLate: false,
    };

    expect(told(judgeData(facts))).toEqual([
      expect.stringMatching(/^ok: schema version 2: .* brings it to 4/),
    ]);
  });

  test('that could not be read through in time is told as not checked', () => {
    const [first] = whole;
    const facts = { told: first ? [first] : [], isLate: true };

    expect(told(judgeData(facts))).toEqual([expect.stringMatching(/^warn: .*takes longer/)]);
  });

  test('that this user may not use is no damaged one', () => {
    const [finding] = judgeData({ told: [{ closed: 'EACCES' }], isLate: false });

    expect(finding).toMatchObject({ level: 'fail', text: expect.stringContaining('EACCES') });
    expect(finding?.advice.join()).not.toContain('backup');
  });

  test('of which its reader told nothing is a warning, not silence', () => {
    expect(told(judgeData({ told: [{ isHeld: false }], isLate: false }))).toEqual([
      'warn: the database could not be looked into',
    ]);
  });

  test.each([
    [0, 'fail'],
    [0.9e9, 'warn'],
    [1e9, 'ok'],
  ])('with %d bytes free: %s', (free, level) => {
    expect(judgeRoom('it is writable', free).level).toBe(level);
  });
});

describe('clocks', () => {
  const now = Date.UTC(2026, 4, 1);
  const at = (aheadMs: number) => [{ name: 'r:6379', aheadMs }];

  test('that agree are well', () => {
    expect(told(judgeClocks({ now, jumpedMs: 0, others: at(4_900) }))).toEqual([
      'ok: 2026-05-01 00:00:00 UTC, as at r:6379',
    ]);
  });

  test.each([
    [6_000, 'this clock is 6 s behind that of r:6379'],
    [-61_000, 'this clock is 61 s ahead of that of r:6379'],
  ])('of others that are %d ms ahead are told', (aheadMs, text) => {
    expect(told(judgeClocks({ now, jumpedMs: 0, others: at(aheadMs) }))).toEqual([`warn: ${text}`]);
  });

  test('that jump, or stand before any of this was made, are told', () => {
    expect(told(judgeClocks({ now, jumpedMs: -7_000, others: [] }))).toEqual([
      'warn: the clock jumped by 7 s while this ran',
    ]);
    expect(told(judgeClocks({ now: Date.UTC(1970, 0, 2), jumpedMs: 0, others: [] }))).toEqual([
      expect.stringMatching(/^fail: it is not 1970-01-02/),
    ]);
  });
});

describe('what listens already', () => {
  const standing: Standing = {
    isAlive: true,
    isReady: true,
    health: {
      status: 'healthy',
      timestamp: '2026-01-01T00:00:00.000Z',
      services: {
        ollama: 'disconnected',
        rag: 'ready',
        state_machine: 'loaded',
        redis: 'not_configured',
        store: 'healthy',
      },
      model: { source: 'guide', name: 'built-in', reason: 'Ollama does not answer' },
    },
  };
  const { health } = standing;
  const sick = { ...health, status: 'unhealthy' as const };

  test.each<[string, Standing | undefined, RegExp]>([
    [
      'a server that is well',
      standing,
      /^ok: .* is well; the built-in guide answers \(Ollama does not answer\)$/,
    ],
    ['one that is stopping', { ...standing, isReady: false }, /^warn: .* takes no new work now/],
    [
      'one that cannot store',
      { ...standing, health: { ...sick, services: { ...health.services, store: 'unhealthy' } } },
      /^warn: .*its store cannot store anything/,
    ],
    ['something else', undefined, /^fail: here:1 is in use, by something else$/],
  ])('%s', (_, found, line) => {
    expect(told([judgeStanding('here:1', found)])).toEqual([expect.stringMatching(line)]);
  });
});
