import { expect, test } from 'vitest';
import { commandFor, readArguments } from '../../../client/terminal/arguments.ts';

const settings = { id: null, url: 'http://127.0.0.1:8090', token: null, locale: null };

const read: [args: string[], env: Record<string, string>, settings: object][] = [
  [[], {}, {}],
  [['my_id'], {}, { id: 'my_id' }],
  [[''], {}, { id: null }],
  [['mine and yours'], {}, { id: 'mine and yours' }],
  [['--', '-dash'], {}, { id: '-dash' }],
  [['--url', 'https://chat.example.org/', 'a'], {}, { id: 'a', url: 'https://chat.example.org' }],
  [['--url', 'localhost:9000'], {}, { url: 'http://localhost:9000' }],
  [['--locale', 'de'], { STILLPOINT_TOKEN: ' \n' }, { locale: 'de' }],
  [
    [],
    { STILLPOINT_URL: 'http://other:1', STILLPOINT_TOKEN: 'secret\n' },
    { url: 'http://other:1', token: 'secret' },
  ],
  [['--url', 'http://first:1'], { STILLPOINT_URL: 'http://other:1' }, { url: 'http://first:1' }],
  [[], { LANG: 'de_AT.UTF-8' }, { locale: 'de-AT' }],
  [[], { LC_ALL: 'pt_BR', LANG: 'de_AT.UTF-8' }, { locale: 'pt-BR' }],
  [['--locale', 'fr'], { LANG: 'de_AT.UTF-8' }, { locale: 'fr' }],
  [[], { LANG: 'C.UTF-8' }, {}],
  [[], { LANG: 'POSIX' }, {}],
];

test.each(read)('%j with %j', (args, env, expected) => {
  expect(readArguments(args, env)).toEqual({ kind: 'chat', settings: { ...settings, ...expected } });
});

test.each([
  [['a', 'b']],
  [['--colour']],
  [['--token', 'secret']],
  [['--url', 'ftp://x']],
  [['--url', 'http://']],
  [['--url']],
])('%j is refused in one line', (args) => {
  const answer = readArguments(args, {});

  expect(answer).toEqual({ kind: 'fault', message: expect.stringMatching(/^.+/) });
});

test.each([[['--help']], [['-h']], [['an id', '--help']]])('%j asks how it is used', (args) => {
  expect(readArguments(args, {})).toEqual({ kind: 'help' });
});

test.each([
  ['my_id', settings.url, 'npm run chat -- my_id'],
  ['my_id', 'http://127.0.0.1:9', 'npm run chat -- --url http://127.0.0.1:9 my_id'],
  ["it's; rm -rf", settings.url, String.raw`npm run chat -- 'it'\''s; rm -rf'`],
  ['-dash', settings.url, 'npm run chat -- -- -dash'],
])('the way back to %j at %s', (id, url, command) => {
  expect(commandFor(id, url)).toBe(command);
});
