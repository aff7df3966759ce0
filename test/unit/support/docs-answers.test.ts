import { expect, test } from 'vitest';
import { judgeCalls, printed } from '../../support/docs-answers.ts';

const ok = { status: 200, body: '{"n":1,"list":[{"a":1}],"id":"session_20260101_000000_00000000"}' };
const refused = { status: 404, body: '{}' };

test.each([
  ['a status behind the command', 'curl $URL # 200', [ok]],
  ['a status below it', 'curl $URL\n# 200', [ok]],
  ['a part of the body', 'curl $URL\n# 200 {"n": 1, …}', [ok]],
  ['anything for …', 'curl $URL\n# 200 {"n": "…", "list": [{"a": "…"}], …}', [ok]],
  ['a made id', 'curl $URL\n# 200 {"id": "session_20251015_083406_0432b008", …}', [ok]],
  ['a command over two lines', 'curl $URL \\\n  -d "{}" # 404', [refused]],
  ['a command that says nothing', 'curl $URL', [ok]],
  ['words about curl', '# curl is needed\ncurl-config $URL', []],
])('%s is taken', (_, code, calls) => {
  expect(() => judgeCalls(code, calls)).not.toThrow();
});

test.each([
  ['another status', 'curl $URL # 200', [refused]],
  ['another status below', 'curl $URL\n# 404 {…}', [ok]],
  ['a refusal that was not said', 'curl $URL', [refused]],
  ['another value', 'curl $URL\n# 200 {"n": 2, …}', [ok]],
  ['a field that is not there', 'curl $URL\n# 200 {"gone": "…", …}', [ok]],
  ['a request too few', 'curl $URL\ncurl $URL', [ok]],
  ['a request too many', 'curl $URL', [ok, ok]],
])('%s is a fault', (_, code, calls) => {
  expect(() => judgeCalls(code, calls)).toThrow();
});

test('what is printed stands behind an arrow', () => {
  expect(printed('a(); // → 1\nb() # → two words\nc()')).toEqual(['1', 'two words']);
});
