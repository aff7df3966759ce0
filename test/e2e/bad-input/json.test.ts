// JSON bodies that no client sends.
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { guardedServer } from '../../support/guarded-server.ts';
import { pathOf, rest } from '../../support/rest.ts';

const server = guardedServer({
  prepare: ({ url }) => rest(url, 'POST /api/v1/session/create', { body: { session_id: 'here' } }),
});

const paths = {
  create: '/api/v1/session/create',
  input: '/api/v1/input',
  'input of a session': '/api/v1/session/here/input',
  retry: '/api/v1/session/here/turns/x/retry',
} as const;

const keys = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;

describe('a body', () => {
  const rows: [row: string, to: keyof typeof paths, body: string, status: number][] = [
    ['B205 that is empty, to input', 'input', '', 422],
    ['B205 that is empty, to the input of a session', 'input of a session', '', 422],
    ['B207 that is a list, to create', 'create', '["a"]', 422],
    ['B207 that is a list, to input', 'input', '[{"session_id":"here","user_input":"a"}]', 422],
    ['B207 that is a list, to the input of a session', 'input of a session', '["a"]', 422],
    ['B207 that is text, to input', 'input', '"hello"', 422],
    ['B207 that is text, to the input of a session', 'input of a session', '"hello"', 422],
    ['B207 that is a number, to create', 'create', '7', 422],
    ['B207 that is a number, to input', 'input', '7', 422],
    ['B207 that is true, to create', 'create', 'true', 422],
    ['B207 that is null, to input', 'input', 'null', 422],
    ['B207 that is null, to the input of a session', 'input of a session', 'null', 422],
    ['B207 that is a number, to retry', 'retry', '7', 422],
    ['B211 with the number 1e400', 'create', '{"metadata":{"n":1e400}}', 422],
    ['B211 with the number -1e400', 'create', '{"metadata":{"n":[-1e400]}}', 422],
    ['B211 with 1e400 as an id', 'create', '{"session_id":1e400}', 422],
    ['B213 of 100,000 keys', 'create', keys(100_000), 413],
    ['B213 of 10,000 keys', 'create', keys(10_000), 422],
    ['B213 of metadata with 300 keys', 'create', `{"metadata":${keys(300)}}`, 422],
    ['B213 of a list of 50,000 numbers', 'create', `{"metadata":{"a":[${'1,'.repeat(49_999)}1]}}`, 422],
    [
      'B213 of many lists, none of them long',
      'create',
      `{"metadata":{"a":[${Array.from({ length: 200 }, () => `[${'1,'.repeat(199)}1]`).join(',')}]}}`,
      422,
    ],
    ['B113 nested 100,000 deep', 'create', '['.repeat(100_000) + ']'.repeat(100_000), 422],
    [
      'B113 nested 100,000 deep, in a field',
      'input',
      `{"session_id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      422,
    ],
    ['B113 opened 250,000 times and never closed', 'create', '['.repeat(250_000), 400],
    ['B219 with a list for words', 'input', '{"session_id":"here","user_input":["a","b"]}', 422],
    ['B219 with an object for words', 'input of a session', '{"user_input":{"toString":"a"}}', 422],
    ['B219 with a list for metadata', 'create', '{"metadata":[]}', 422],
  ];
  test.each(rows)('%s, is refused', async (_, to, body, status) => {
    const answer = await rest(server.url, `POST ${paths[to]}`, { body });

    expect(answer.status).toBe(status);
    expect(answer.text.length).toBeLessThan(20_000);
    expectHarmless(answer.text);
  });

  const made: [row: string, body: string | undefined][] = [
    ['B205 that is empty', ''],
    ['B205 that is not there', undefined],
    ['B207 that is null', 'null'],
    ['B209 that begins with a byte order mark', '\uFEFF{}'],
    ['B211 with minus zero', '{"metadata":{"n":-0}}'],
    ['B211 with a number no float can hold', '{"metadata":{"n":9007199254740993}}'],
    [
      'B217 with names every object has',
      '{"toString":"x","hasOwnProperty":1,"__proto__":{"session_id":"polluted"},"constructor":null}',
    ],
    ['B221 with a time to live of nobody', '{"ttl":-1}'],
    ['B213 of 256 keys', keys(256)],
  ];
  test.each(made)('%s, makes a session with a made id', async (_, body) => {
    const { status, body: session } = await rest(server.url, `POST ${paths.create}`, { body });
    const id = String(session['session_id']);
    await rest(server.url, `DELETE ${pathOf(id)}`);

    expect(status).toBe(200);
    expect(id).toMatch(/^session_/);
  });

  test('B207 that is text, is the id to create, as it is for the event', async () => {
    const { status, body } = await rest(server.url, `POST ${paths.create}`, { body: '"just text"' });
    await rest(server.url, `DELETE ${pathOf('just text')}`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ session_id: 'just text' });
  });

  test('B217 the same key twice: the last one counts', async () => {
    const { body } = await rest(server.url, `POST ${paths.create}`, {
      body: '{"session_id":"first","session_id":"last"}',
    });
    await rest(server.url, `DELETE ${pathOf('last')}`);

    expect(body).toMatchObject({ session_id: 'last' });
  });

  test.each(['18446744073709551616', '9223372036854775808', '1e400', '-0', '007'])(
    'B223 the id %j is text',
    async (id) => {
      const { body } = await rest(server.url, `POST ${paths.create}`, { body: { session_id: id } });
      const { body: status } = await rest(server.url, `GET ${pathOf(id, '/status')}`);
      await rest(server.url, `DELETE ${pathOf(id)}`);

      expect(body).toMatchObject({ session_id: id });
      expect(status).toMatchObject({ session_id: id });
    },
  );
});
