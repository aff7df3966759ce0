import { describe, expect, test } from 'vitest';
import { describeConfig, readConfig } from '../../../src/config.ts';
import { runChecks, warn } from '../../../src/ops/doctor/finding.ts';
import type { Finding } from '../../../src/ops/doctor/finding.ts';
import { hasFault, jsonOf, linesOf, summaryOf } from '../../../src/ops/doctor/report.ts';
import {
  checkNames,
  checkNode,
  checkPage,
  checkSettings,
  checkUser,
  distance,
  meantBy,
  refusedSettings,
} from '../../../src/ops/doctor/settings.ts';

const names = describeConfig().map(({ name }) => name);
const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);

test.each([
  ['PORT', 'PORT', 0],
  ['PROT', 'PORT', 1],
  ['MODEL', 'MODELS', 1],
  ['', 'HOST', 4],
  ['OLAMA_MODLE', 'OLLAMA_MODEL', 2],
  ['DATA_DIR', 'DATADIR', 1],
])('from %s to %s it takes %i', (one, other, steps) => {
  expect(distance(one, other)).toBe(steps);
  expect(distance(other, one)).toBe(steps);
});

describe('a name that is no setting', () => {
  test.each([
    ['OLAMA_MODEL', 'OLLAMA_MODEL'],
    ['OLLAMA_URL', 'OLLAMA_BASE_URL'],
    ['JWT_URL', 'JWT_JWKS_URL'],
    ['ENCRYPTION_KEY', 'ENCRYPTION_KEY_FILE'],
    ['REDIS_ULR', 'REDIS_URL'],
    ['PROT', 'PORT'],
    ['STILLPOINT_PORT', 'PORT'],
    ['stillpoint_data_dir', 'DATA_DIR'],
    ['ollama_model', 'OLLAMA_MODEL'],
    ['AUTHMODE', 'AUTH_MODE'],
    ['OPERATER_KEY', 'OPERATOR_KEY'],
  ])('%s was meant to be %s', (name, meant) => {
    expect(meantBy(name, names)).toBe(meant);
  });

  test.each(
    [
      'PATH HOME HOSTNAME LANG TERM USER PWD SHLVL _ LOGNAME NODE_ENV TZ MAIL HTTP_PROXY no_proxy XDG_DATA_DIRS LC_ALL',
      'OLLAMA_MODELS OLLAMA_HOST OLLAMA_NUM_PARALLEL OLLAMA_NUM_GPU OLLAMA_MAX_QUEUE OLLAMA_DEBUG OLLAMA_ORIGINS',
      'OLLAMA_LOAD_TIMEOUT REDIS_HOST REDIS_PASSWORD API_KEY SSH_AUTH_SOCK npm_config_user_agent',
    ].flatMap((line) => line.split(' ')),
  )('%s is left to whoever reads it', (name) => {
    expect(meantBy(name, names)).toBeUndefined();
  });

  test('no setting is taken for another one', () => {
    expect(names.filter((name) => meantBy(name, names) !== undefined)).toEqual([]);
  });

  test('is told with the nearest one, and without its value', () => {
    const findings = checkNames({ OLAMA_MODEL: 'sesame', PORTT: '', PATH: '/bin' }, names);

    expect(findings).toEqual([
      warn('settings', 'OLAMA_MODEL is no setting and is not read', 'Did you mean OLLAMA_MODEL?'),
    ]);
  });

  test('OLLAMA_HOST is told as long as the server is not told the same in its own way', () => {
    const HOST = { OLLAMA_HOST: 'gpu:11434' };

    expect(told(checkNames(HOST, names))).toEqual([
      expect.stringMatching(/^warn: OLLAMA_HOST is read by Ollama/),
    ]);
    expect(checkNames({ ...HOST, OLLAMA_BASE_URL: 'http://gpu:11434' }, names)).toEqual([]);
  });
});

describe('settings', () => {
  const check = (environment: Record<string, string>) =>
    told(checkSettings(readConfig(environment), environment, names));

  test('are named where they are set, without their values', () => {
    const secret = 'a-secret-of-more-than-thirty-two-characters';

    const [line = ''] = check({ OPERATOR_KEY: secret, PORT: '9000', PATH: '/bin' });

    expect(line).toBe('ok: PORT, OPERATOR_KEY; the others by default');
  });

  test('all by default are well', () => {
    expect(check({})).toEqual(['ok: all by default']);
  });

  test('limits that are none are a fault, as they are at a start', () => {
    expect(check({ LIMITS: 'input_sessions=4' })).toContainEqual(
      expect.stringMatching(/^fail: LIMITS knows no "input_sessions"/),
    );
  });

  test('a door that is open to all is a warning, and none once somebody is asked', () => {
    const open = { HOST: '0.0.0.0', I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1' };

    expect(check(open)).toContainEqual(expect.stringMatching(/^warn: nobody is asked who they are/));
    expect(check({ ...open, AUTH_MODE: 'key' })).toHaveLength(1);
  });
});

test('a refused setting is told with what to do below it', () => {
  expect(refusedSettings(['HOST is bad. Set AUTH_MODE to key.', 'PORT must be 1.'])).toMatchObject([
    { level: 'fail', text: 'HOST is bad', advice: ['Set AUTH_MODE to key.'] },
    { level: 'fail', text: 'PORT must be 1', advice: [expect.stringContaining('configuration.md')] },
  ]);
});

test.each([
  ['24.0.0', 'ok'],
  ['25.1.0', 'ok'],
  ['22.20.0', 'fail'],
  ['9.11.2', 'fail'],
])('Node %s where >=24 is needed: %s', (version, level) => {
  expect(checkNode(version, '>=24')).toMatchObject([{ check: 'node', level }]);
});

test('a page that is not built is a warning that says how to get it', () => {
  expect(checkPage(import.meta.filename)).toMatchObject([{ level: 'ok' }]);
  expect(checkPage('/nowhere/index.html')).toMatchObject([
    { level: 'warn', advice: [expect.stringContaining('npm run build')] },
  ]);
});

test('root is warned, others are not, nor where there are no users', () => {
  expect(checkUser(0)).toMatchObject([{ level: 'warn' }]);
  expect(checkUser(1000)).toEqual([]);
  expect(checkUser(undefined)).toEqual([]);
});

describe('checks together', () => {
  const well = (name: string): Finding => ({ check: name, level: 'ok', text: 'well', advice: [] });

  test('keep their order, whichever is done first', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly Finding[]>();

    const found = await runChecks([
      { name: 'slow', run: () => promise },
      {
        name: 'fast',
        run: () => {
          resolve([well('slow')]);
          return [well('fast')];
        },
      },
    ]);

    expect(found).toEqual([[well('slow')], [well('fast')]]);
  });

  test('are over although one never ends', async () => {
    const never = new Promise<readonly Finding[]>(() => {});

    const found = await runChecks(
      [
        { name: 'disk', run: () => never },
        { name: 'node', run: () => [well('node')] },
      ],
      1,
    );

    expect(found).toMatchObject([[{ check: 'disk', level: 'warn' }], [well('node')]]);
  });

  test('tell of one that raises', async () => {
    const found = await runChecks([
      {
        name: 'disk',
        run: () => {
          throw new Error('no such thing');
        },
      },
    ]);

    expect(found).toMatchObject([
      [{ check: 'disk', level: 'fail', text: expect.stringContaining('no such thing') }],
    ]);
  });
});

describe('the report', () => {
  const findings: Finding[] = [
    { check: 'node', level: 'ok', text: '24.1.0', advice: [] },
    { check: 'encryption', level: 'warn', text: 'off', advice: ['Set it.'] },
  ];

  test('is in columns, and what to do stands below', () => {
    expect(linesOf(findings, false)).toBe(
      ['  ok    node        24.1.0', '  warn  encryption  off', '                    Set it.', ''].join('\n'),
    );
  });

  test('has colours only where they are wanted', () => {
    expect(linesOf(findings, true)).toContain('\u001B[33mwarn\u001B[0m');
    expect(linesOf(findings, false)).not.toContain('\u001B');
  });

  test('hands on nothing that moves a cursor', () => {
    const text = 'version 1\u001B[2J\r\n  ok    all';

    const lines = linesOf([{ check: 'ollama', level: 'ok', text, advice: [text] }], false);

    expect(lines.split('\n')).toHaveLength(3);
    expect(lines.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test.each<[Finding['level'][], string]>([
    [['ok', 'ok'], 'All is well.'],
    [['ok', 'warn'], 'Nothing is in the way of a start; 1 warning.'],
    [['fail', 'warn', 'warn'], '1 fault, 2 warnings. Mend what says fail, then run this again.'],
    [['fail', 'fail'], '2 faults. Mend what says fail, then run this again.'],
  ])('%j ends with: %s', (levels, line) => {
    const all = levels.map((level): Finding => ({ check: 'x', level, text: 'y', advice: [] }));

    expect(summaryOf(all)).toBe(line);
    expect(hasFault(all)).toBe(levels.includes('fail'));
    expect(JSON.parse(jsonOf(all))).toEqual({ ok: !levels.includes('fail'), findings: all });
  });
});
