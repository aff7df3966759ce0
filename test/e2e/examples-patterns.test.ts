// The four ways in which other systems use ids of their own, and the receiver of alerts (client/examples).
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Example, runExample } from '../support/example-process.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const reply = words(12);
let scene: Scene;
beforeAll(async () => {
  // the same reply again and again is what the shaping of replies would not let through
  scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });
});
afterAll(() => scene[Symbol.asyncDispose]());

const run = (file: string, ...words: string[]) => runExample(scene.url, file, ...words);
const make = (body: object): Promise<Answer> => scene.rest('POST /api/v1/session/create', { body });
async function turnsOf(id: string): Promise<unknown[]> {
  const { body } = await scene.rest(`GET ${pathOf(id, '/history')}`);
  return Array.isArray(body['turns']) ? body['turns'] : [];
}

const patterns: [file: string, args: string[], id: string][] = [
  ['pattern-crm.js', ['42'], 'crm_user_42'],
  ['pattern-mobile.js', ['ana', 'phone'], 'mobile_ana_phone'],
];

describe.each(patterns)('%s', (file, args, id) => {
  test('makes the session, and goes on with it when run again', async () => {
    const first = await run(file, ...args);
    const second = await run(file, ...args);

    expect(first).toMatchObject({ code: 0, stdout: `created ${id}\nturn 1: ${reply}\n`, stderr: '' });
    expect(second.stdout).toBe(`resumed ${id} after 1 turns\nturn 2: ${reply}\n`);
    expect(await turnsOf(id)).toHaveLength(2);
  });

  test('says nothing in a session of somebody else', async () => {
    await make({ session_id: `${id}2`, client_id: 'somebody else' });

    const result = await run(file, ...args.slice(0, -1), `${args.at(-1)}2`);

    expect(result).toMatchObject({ code: 2, stdout: expect.stringContaining(`taken ${id}2`), stderr: '' });
    expect(await turnsOf(`${id}2`)).toEqual([]);
  });

  test('says nothing in a session of nobody', async () => {
    await make({ session_id: `${id}3` });

    const result = await run(file, ...args.slice(0, -1), `${args.at(-1)}3`);

    expect(result.code).toBe(2);
    expect(await turnsOf(`${id}3`)).toEqual([]);
  });
});

// at the same time: most of it is the wait between two tries
test.concurrent.each(patterns)(
  '%s makes and says nothing twice when answers get lost',
  async (file, args, id) => {
    await using proxy = await startTcpProxy({ target: scene.server.port });
    let cuts = 0;
    using _cuts = proxy.onBytes((direction) => {
      if (direction === 'up' && cuts < 6) proxy.cutAfter('down', 60 * ++cuts);
      else if (cuts === 6) proxy.cutAfter('down', Number.MAX_SAFE_INTEGER);
    });

    const result = await runExample(proxy.url, file, ...args.slice(0, -1), `${args.at(-1)}4`);

    expect(result.stdout).toBe(`created ${id}4\nturn 1: ${reply}\n`);
    expect(await turnsOf(`${id}4`)).toHaveLength(1);
  },
);

test('pattern-mobile.js keeps users apart whose names make one id', async () => {
  const first = await run('pattern-mobile.js', 'a_b', 'c');
  const other = await run('pattern-mobile.js', 'a', 'b_c');

  expect(first).toMatchObject({ code: 0 });
  expect(other).toMatchObject({ code: 2, stdout: expect.stringContaining('taken mobile_a_b_c') });
  expect(await turnsOf('mobile_a_b_c')).toHaveLength(1);
});

describe('pattern-multi-platform.js', () => {
  test('makes a session of its own each time', async () => {
    const first = await run('pattern-multi-platform.js', 'web', 'ana');
    const second = await run('pattern-multi-platform.js', 'web', 'ana');

    expect(first.stdout).toMatch(/^created web_ana_\d{13}\nturn 1: /);
    expect(second.stdout).toMatch(/^created web_ana_\d{13}\nturn 1: /);
    expect(second.stdout).not.toBe(first.stdout);
  });

  test('takes the next free id when two visits begin in the same moment', async () => {
    const results = await Promise.all(
      [1, 2, 3].map(() => run('pattern-multi-platform.js', 'app', 'ben', '7')),
    );

    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    const made = results.map(({ stdout }) => /^created (.*)$/m.exec(stdout)?.[1]);
    expect(new Set(made)).toEqual(new Set(['app_ben_7', 'app_ben_7_2', 'app_ben_7_3']));
    expect(await turnsOf('app_ben_7')).toHaveLength(1);
  });
});

describe('pattern-webhook.js', () => {
  let example: Example;
  let url: string;
  beforeAll(async () => {
    example = new Example('pattern-webhook.js', [], { STILLPOINT_URL: scene.url, PORT: '0' });
    url = await example.url();
  });
  afterAll(() => example[Symbol.asyncDispose]());
  const deliver = (key: string, body: unknown): Promise<Answer> =>
    rest(url, 'POST /', { body, headers: { 'Idempotency-Key': key } });

  test('says a delivery once that comes twice, also at the same time', async () => {
    const body = { external_id: 'order/7 é', text: 'I feel restless' };

    const answers = await Promise.all([deliver('d-1', body), deliver('d-1', body)]);
    await example.wrote(`reply to d-1: ${reply}`);
    answers.push(await deliver('d-1', body));

    const [first] = answers;
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(answers.map((answer) => answer.body)).toEqual(answers.map(() => first?.body));
    expect(first?.body).toMatchObject({ session_id: 'webhook_order/7 é', n: 1 });
    expect(await turnsOf('webhook_order/7 é')).toMatchObject([{ user_input: 'I feel restless' }]);
  });

  test('puts the next delivery into the same session', async () => {
    await deliver('e-1', { external_id: 8, text: 'one' });
    await example.wrote(`reply to e-1: ${reply}`);

    const answer = await deliver('e-2', { external_id: 8, text: 'two' });

    await example.wrote(`reply to e-2: ${reply}`);
    expect(answer.body).toMatchObject({ session_id: 'webhook_8', n: 2 });
  });

  test('answers 409 to a session of somebody else, and to a key that was used for other words', async () => {
    await make({ session_id: 'webhook_9', client_id: 'somebody else' });
    await deliver('f-1', { external_id: '10', text: 'one' });

    const foreign = await deliver('f-2', { external_id: '9', text: 'one' });
    const other = await deliver('f-1', { external_id: '10', text: 'two' });

    expect(foreign).toMatchObject({ status: 409, body: { error: 'SESSION_CONFLICT' } });
    expect(other).toMatchObject({ status: 409, body: { error: 'IDEMPOTENCY_CONFLICT' } });
    expect(await turnsOf('webhook_9')).toEqual([]);
  });

  test.each([[{}], [null], ['no JSON'], [{ external_id: '', text: 'a' }], [{ external_id: '1', text: 2 }]])(
    'answers 400 to %j',
    async (body) => {
      expect(await deliver('g-1', body)).toMatchObject({ status: 400 });
    },
  );

  test('answers 422 to what the server will never take', async () => {
    const answer = await deliver('h-1', { external_id: '11', text: 'a'.repeat(16_001) });

    expect(answer).toMatchObject({ status: 422, body: { error: 'PAYLOAD_TOO_LARGE' } });
  });
});

describe('webhook-receiver.js', () => {
  const secret = 'secret-for-tests-0123456789abcdefghijkl';
  let example: Example;
  let url: string;
  beforeAll(async () => {
    example = new Example('webhook-receiver.js', [], { SECRET: secret, PORT: '0' });
    url = await example.url();
  });
  afterAll(() => example[Symbol.asyncDispose]());

  interface Forged {
    id: string;
    key?: string;
    secret?: string;
    ageS?: number;
    /** Sent in the place of the signature. */
    header?: string;
    /** Sent in the place of what was signed. */
    body?: string;
  }
  function post(forged: Forged): Promise<Answer> {
    const body = JSON.stringify({ type: 'safety.alert', id: forged.id, urgency: 'urgent', level: 'active' });
    const t = Math.floor(Date.now() / 1000) - (forged.ageS ?? 0);
    const v1 = createHmac('sha256', forged.secret ?? secret)
      .update(`${t}.${body}`)
      .digest('hex');
    const headers = {
      'Idempotency-Key': forged.key ?? forged.id,
      'X-Stillpoint-Signature': forged.header ?? `t=${t},v1=${v1}`,
    };
    return rest(url, 'POST /alerts', { body: forged.body ?? body, headers });
  }
  const alertsOf = (id: string): number => example.stdout.split(`\nalert urgent active ${id} `).length - 1;

  test('takes an alert of the server', async () => {
    const env = { ESCALATION_URL: url, ESCALATION_SECRET: secret, ESCALATION_PRIVATE_HOSTS: '127.0.0.1' };
    await using alarmed = await openScene({ env });
    const { length } = example.stdout;
    const body = { user_input: 'I am going to kill myself tonight' };

    await alarmed.rest(`POST ${pathOf('s', '/input')}`, { body });

    await example.wrote('alert immediate plan ');
    expect(example.stdout.slice(length)).not.toContain('refused');
  });

  test('takes an alert once that comes twice, under whatever key', async () => {
    const answers = [await post({ id: 'a1' }), await post({ id: 'a1' }), await post({ id: 'a1', key: 'x' })];

    await example.wrote('duplicate a1\nduplicate a1\n');
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(alertsOf('a1')).toBe(1);
  });

  const forgeries: [name: string, forged: Omit<Forged, 'id'>][] = [
    ['signed with another secret', { secret: 'another' }],
    ['older than five minutes', { ageS: 302 }],
    ['from the future', { ageS: -302 }],
    ['without a signature', { header: '' }],
    ['with a signature of another length', { header: `t=${Math.floor(Date.now() / 1000)},v1=abcd` }],
    ['with another body', { body: JSON.stringify({ id: 'forged' }) }],
    ['with a space behind the body', { body: '{"id":"forged"} ' }],
  ];
  test.each(forgeries)('refuses what is %s', async (name, forged) => {
    const answer = await post({ id: name, ...forged });
    await post({ id: `behind ${name}` });

    await example.wrote(`behind ${name}`);
    expect(answer).toMatchObject({ status: 401, text: '' });
    expect(example.stdout).not.toContain(`"${name}"`);
    expect(example.stdout).not.toContain('"forged"');
  });

  test('takes what is just younger than five minutes', async () => {
    expect(await post({ id: 'young', ageS: 290 })).toMatchObject({ status: 204 });
    await example.wrote('alert urgent active young ');
  });

  test('refuses other methods and large bodies, and lives', async () => {
    const got = await rest(url, 'GET /alerts');
    const large = await post({ id: 'large', body: 'a'.repeat(70_000) });

    expect([got.status, large.status]).toEqual([405, 413]);
    expect(await post({ id: 'after' })).toMatchObject({ status: 204 });
  });

  test('does not start without a secret', async () => {
    const result = await runExample(scene.url, 'webhook-receiver.js');

    expect(result).toMatchObject({ code: 1, stderr: 'SECRET is not set\n' });
  });
});
