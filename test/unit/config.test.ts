import { integer, assert, array, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, describeConfig, readConfig } from '../../src/config.ts';
import { parseKeepAlive } from '../../src/model/ollama-setup.ts';

type Environment = Record<string, string>;

/** The lines that stop the start, none when it is not stopped. */
function linesFor(environment: Environment): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
}

describe('defaults', () => {
  it('are those of the founding document', () => {
    expect(readConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 8090,
      DATA_DIR: './data',
      MODEL: 'auto',
      OLLAMA_BASE_URL: ['http://127.0.0.1:11434'],
      OLLAMA_MODEL: 'llama3.1',
      OLLAMA_PULL: false,
      OLLAMA_SLOTS: 2,
      OLLAMA_KEEP_ALIVE: '30m',
      GUIDE_WORD_MS: 30,
      DRAIN_MS: 15_000,
      ALLOWED_ORIGINS: [],
      AUTH_MODE: 'none',
      RETENTION_DAYS: 30,
      RATE_LIMIT: 'auto',
      LOG_LEVEL: 'info',
    });
  });

  it('hold for every empty setting', () => {
    const empty = Object.fromEntries(describeConfig().map(({ name }) => [name, '']));

    expect(readConfig(empty)).toEqual(readConfig({}));
  });

  it('hold whatever else is in the environment', () => {
    expect(readConfig({ PATH: '/bin', port: '1', PORT_: '1' })).toEqual(readConfig({}));
  });
});

describe('a good value', () => {
  it.each([
    ['PORT', '0', 0],
    ['PORT', '65535', 65_535],
    ['OLLAMA_PULL', '1', true],
    ['OLLAMA_TEMPERATURE', '0', 0],
    ['OLLAMA_TEMPERATURE', '0.125', 0.125],
    ['OLLAMA_MODEL', ' llama3.1:70b ', 'llama3.1:70b'],
    [
      'OLLAMA_BASE_URL',
      'https://ann:s%20ecret@ollama.example:8443/base',
      ['https://ann:s%20ecret@ollama.example:8443/base'],
    ],
    ['OLLAMA_BASE_URL', ' http://a:1, http://b%2Cc:2,', ['http://a:1', 'http://b%2Cc:2']],
    ['OLLAMA_KEEP_ALIVE', '-1', '-1'],
    ['OLLAMA_KEEP_ALIVE', ' 1h30m ', '1h30m'],
    ['MODEL', 'guide', 'guide'],
    ['ALLOWED_ORIGINS', 'https://chat.example.org', ['https://chat.example.org']],
    ['ALLOWED_ORIGINS', ' http://a:81 ,, https://b ', ['http://a:81', 'https://b']],
    ['ALLOWED_ORIGINS', ' , ', []],
  ])('of %s is taken: %j', (name, value, expected) => {
    expect(readConfig({ [name]: value })).toMatchObject({ [name]: expected ?? value });
  });
});

const bad: Record<string, readonly string[]> = {
  HOST: ['  '],
  PORT: ['-1', '65536', '80a', '8090.5', '0x50', ' 80', '1e3', 'http', '9999999999'],
  I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: ['yes', 'true', '2'],
  ALLOWED_ORIGINS: [
    '*',
    'chat.example.org',
    'https://chat.example.org/',
    'https://chat.example.org/page',
    'https://*.example.org',
    'HTTPS://chat.example.org',
    'https://chat.example.org:443',
    'https://ann@chat.example.org',
    'ftp://chat.example.org',
    'file:///home',
    'null',
    'https://a https://b',
    'https://a,nonsense',
  ],
  ALLOWED_HOSTS: [],
  TRUST_PROXY: ['proxy.example.org', '10.0.0.0/33', '10.0.0.0/8/8', '::/129', '10.0.0/8', '1'],
  AUTH_MODE: ['off', 'key,jwt', 'JWT'],
  API_KEYS_FILE: ['a\nb', ' '],
  JWT_ISSUER: ['a\u0000b'],
  JWT_AUDIENCE: ['a\nb'],
  JWT_JWKS_URL: [
    'http://issuer.example.org/keys',
    'issuer.example.org',
    'ftp://localhost',
    'https://ann:secret@issuer.example.org',
  ],
  JWT_KEYS_FILE: ['a\nb', ' '],
  ENCRYPTION_KEY_FILE: ['a\nb', ' '],
  RETENTION_DAYS: ['-1', '36501', '1.5'],
  RETENTION_BY_TENANT: ['clinic', 'clinic=', '=5', 'clinic=5;trial=1', 'clinic=99999', 'clinic=-1'],
  DATA_DIR: [' '],
  DURABILITY: ['FULL', 'off'],
  REDIS_URL: ['127.0.0.1:6379', 'http://redis:6379', 'redis://', 'redis://a:6379,b:6379', 'redis://a b'],
  REDIS_PREFIX: ['a:b', '{a}', 'a b', 'x'.repeat(65)],
  MODEL: ['openai', 'Auto'],
  OLLAMA_BASE_URL: [
    'ollama:11434',
    '127.0.0.1:11434',
    'ftp://ollama',
    'file:///etc/passwd',
    'http://',
    'http://ann:100%zz@ollama',
    'nonsense',
    ' , ',
    'http://a:1,nonsense',
    'http://a:1,b:2',
    'http://a:1 http://b:2',
  ],
  OLLAMA_MODEL: [' '],
  OLLAMA_PULL: ['yes'],
  RAW_REPLIES: ['yes'],
  NAVIGATE_WITH_MODEL: ['true'],
  OLLAMA_SLOTS: ['0', '1001', 'two'],
  OLLAMA_QUEUE: ['-1', '100001'],
  OLLAMA_KEEP_ALIVE: ['abc', '5 m', '5min', '1m2', '1e3', 'for ever', '--1m', '.5h'],
  OLLAMA_NUM_CTX: ['511', '1000001'],
  OLLAMA_NUM_PREDICT: ['15', '-1'],
  OLLAMA_TEMPERATURE: ['warm', '10', '-0.5', '0,7', '0.'],
  OLLAMA_CHECK_MS: ['49', '2s'],
  OLLAMA_LOAD_MS: ['99'],
  OLLAMA_FIRST_TOKEN_MS: ['99'],
  OLLAMA_STALL_MS: ['99'],
  RETRIEVAL: ['yes', '1'],
  EMBED_MODEL: ['one\ntwo'],
  EXEMPLARS_DIR: ['a\u0000b'],
  LANCEDB_URI: ['s3://a\tb'],
  GUIDE_WORD_MS: ['-1', '10001'],
  GUIDE_NAME: [' '],
  ESCALATION_URL: ['example.org', 'ftp://example.org'],
  ESCALATION_SECRET: ['short', 'with spaces in it, however long it may be'],
  ESCALATION_PRIVATE_HOSTS: [],
  ACK_IMMEDIATE_MS: ['999', 'soon'],
  ACK_URGENT_MS: ['999'],
  WEBHOOKS_FILE: ['a\nb', ' '],
  OPERATOR_KEY: ['short'],
  METRICS_KEY: ['short', 'x'.repeat(31), `${'x'.repeat(31)} y`],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['localhost:4318', 'ftp://collector'],
  OTEL_EXPORTER_OTLP_HEADERS: ['a=b\nc=d'],
  OTEL_SERVICE_NAME: [' '],
  LEASE_MS: ['199', '600001'],
  COMPACT_AFTER_MS: ['-1', '1000000000'],
  DRAIN_MS: ['600001', 'never'],
  DRAIN_DELAY_MS: ['600001', '-1'],
  RATE_LIMIT: ['yes', '0'],
  LIMITS: ['a\nb'],
  LOG_LEVEL: ['verbose', 'INFO'],
};

describe('a bad value', () => {
  const rows = Object.entries(bad).flatMap(([name, values]) => values.map((value) => [name, value] as const));

  it.each(rows)('of %s gives one line that says what it must be: %j', (name, value) => {
    const lines = linesFor({ [name]: value });

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${name} must be \\S.*\\.$`));
  });

  const secrets = [
    'REDIS_URL',
    'OLLAMA_BASE_URL',
    'ESCALATION_URL',
    'ESCALATION_SECRET',
    'OPERATOR_KEY',
    'METRICS_KEY',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_HEADERS',
  ];

  it.each(rows.filter(([name]) => !secrets.includes(name)))('of %s is named: %j', (name, value) => {
    expect(linesFor({ [name]: value })[0]).toContain(`it is ${JSON.stringify(value)}.`);
  });

  it('is listed here for every setting', () => {
    expect(Object.keys(bad)).toEqual(describeConfig().map(({ name }) => name));
  });

  it('of an address that may hold a password is not repeated', () => {
    const [line] = linesFor({ OLLAMA_BASE_URL: 'http://a:1,htp://ann:secret@ollama:11434' });

    expect(line).toBe('OLLAMA_BASE_URL must be http or https addresses, in full, with commas between.');
  });

  it('stays on one line whatever is in it', () => {
    expect(linesFor({ MODEL: 'a\nb\u001b[2J' })).toEqual([
      String.raw`MODEL must be one of auto, ollama, guide; it is "a\nb\u001b[2J".`,
    ]);
  });

  it('does not hide another one', () => {
    const lines = linesFor({ PORT: 'x', MODEL: 'y', OLLAMA_KEEP_ALIVE: 'z', HOST: '0.0.0.0' });

    expect(lines.map((line) => line.split(' ')[0])).toEqual(['PORT', 'MODEL', 'OLLAMA_KEEP_ALIVE', 'HOST']);
  });

  it('is told whole in the message of the error', () => {
    expect(() => readConfig({ PORT: 'x', MODEL: 'y' })).toThrow(/^PORT .*\nMODEL .*$/);
  });
});

describe('the address to listen on', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('may be %s', (host) => {
    expect(linesFor({ HOST: host })).toEqual([]);
  });

  it.each([
    '0.0.0.0',
    '::',
    '192.168.0.7',
    '10.0.0.1',
    'chat.example.org',
    '127.0.0.1.example.org',
    '127.0.0.256',
    '::ffff:10.0.0.1',
  ])('may be %s only when that is wanted in so many words', (host) => {
    const [line, ...more] = linesFor({ HOST: host });

    expect(more).toEqual([]);
    expect(line).toContain(`HOST is "${host}"`);
    expect(line).toContain('I_UNDERSTAND_PUBLIC_WITHOUT_AUTH=1');
    expect(linesFor({ HOST: host, I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1' })).toEqual([]);
    expect(linesFor({ HOST: host, I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '0' })).toEqual([line]);
    expect(linesFor({ HOST: host, AUTH_MODE: 'key' })).toEqual([]);
  });
});

it.each([
  { TRUST_PROXY: 'loopback' },
  { TRUST_PROXY: '10.0.0.0/8' },
  { ALLOWED_HOSTS: 'chat.example.org' },
  { ALLOWED_HOSTS: 'localhost, chat.example.org' },
])('behind a proxy somebody has to be asked who they are: %j', (environment) => {
  expect(linesFor(environment)).toEqual([expect.stringContaining('there is no authentication')]);
  expect(linesFor({ ...environment, AUTH_MODE: 'key' })).toEqual([]);
  expect(linesFor({ ...environment, I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1' })).toEqual([]);
  expect(linesFor({ ALLOWED_HOSTS: 'localhost, 127.0.0.1' })).toEqual([]);
});

describe('tokens of an issuer', () => {
  const jwt = { AUTH_MODE: 'jwt', JWT_ISSUER: 'https://issuer', JWT_AUDIENCE: 'chat' };
  const JWT_JWKS_URL = 'https://issuer/keys';

  it('need to be known by who signs them, for whom, and with which keys', () => {
    expect(linesFor({ AUTH_MODE: 'jwt' })).toHaveLength(3);
    expect(linesFor(jwt)).toEqual([
      'One of JWT_JWKS_URL and JWT_KEYS_FILE must be set where AUTH_MODE is jwt.',
    ]);
    expect(linesFor({ ...jwt, JWT_JWKS_URL, JWT_KEYS_FILE: 'keys.json' })).toHaveLength(1);
    expect(linesFor({ ...jwt, JWT_JWKS_URL })).toEqual([]);
    expect(linesFor({ ...jwt, JWT_KEYS_FILE: 'keys.json' })).toEqual([]);
    expect(linesFor({ ...jwt, JWT_JWKS_URL: 'http://127.0.0.1:9/keys' })).toEqual([]);
  });
});

it('the time sessions are kept is had for each tenant', () => {
  const { RETENTION_BY_TENANT: days } = readConfig({ RETENTION_BY_TENANT: ' clinic=90, a b = 0 ,' });

  expect([...days]).toEqual([
    ['clinic', 90],
    ['a b', 0],
  ]);
});

describe('the time Ollama keeps a model', () => {
  const isRead = (text: string): boolean => {
    try {
      parseKeepAlive(text);
      return true;
    } catch {
      return false;
    }
  };

  it('is what the adapter can read, and nothing else', () => {
    const part = constantFrom(
      '-',
      '+',
      '1',
      '30',
      '.',
      '5',
      'h',
      'm',
      's',
      'ms',
      'us',
      'µs',
      'ns',
      ' ',
      'e',
      'x',
    );
    assert(
      property(array(part, { minLength: 1, maxLength: 7 }), (parts) => {
        const text = parts.join('');

        expect([text, linesFor({ OLLAMA_KEEP_ALIVE: text }).length === 0]).toEqual([text, isRead(text)]);
      }),
      { numRuns: 3000 },
    );
  });

  it('may be any number of any unit', () => {
    const unit = constantFrom('', 'h', 'm', 's', 'ms', 'us', 'µs', 'ns');
    assert(
      property(integer({ min: -1_000_000, max: 1_000_000 }), unit, (n, unit) => {
        expect(linesFor({ OLLAMA_KEEP_ALIVE: `${n}${unit}` })).toEqual([]);
        expect(isRead(`${n}${unit}`)).toBe(true);
      }),
    );
  });
});

describe('alerts', () => {
  const ESCALATION_SECRET = 'a secret'.repeat(5).replaceAll(' ', '-');

  it('need a secret', () => {
    expect(linesFor({ ESCALATION_URL: 'https://example.org/' })).toEqual([
      'ESCALATION_SECRET must be set where ESCALATION_URL is.',
    ]);
  });

  it('go over the open net only encrypted', () => {
    expect(linesFor({ ESCALATION_URL: 'http://example.org/', ESCALATION_SECRET })).toEqual([
      'ESCALATION_URL must be https, or its host must be listed in ESCALATION_PRIVATE_HOSTS.',
    ]);
  });

  it.each(['https://example.org/', 'http://alerts.lan:9/', 'http://[::1]:9/'])('may go to %s', (url) => {
    const ESCALATION_PRIVATE_HOSTS = 'alerts.lan, ::1';

    expect(linesFor({ ESCALATION_URL: url, ESCALATION_SECRET, ESCALATION_PRIVATE_HOSTS })).toEqual([]);
  });
});

describe('the reference', () => {
  it('has every setting with its default, what it may be and what it does', () => {
    const rows = describeConfig();

    expect(rows.map(({ name }) => name)).toEqual(Object.keys(readConfig({})));
    for (const { name, value, hint, description } of rows) {
      expect([name, hint, description]).not.toContain('');
      expect([name, hint]).not.toContain('something else');
      expect([name, linesFor({ [name]: value })]).toEqual([name, []]);
    }
  });

  it('says that a drain needs patience of whoever stops the server', () => {
    const drain = describeConfig().find(({ name }) => name === 'DRAIN_MS');

    expect(drain?.description).toContain('10 s longer');
  });
});
