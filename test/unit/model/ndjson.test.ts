import { array, assert, asyncProperty, dictionary, integer, string } from 'fast-check';
import { expect, it } from 'vitest';
import { jsonBody, jsonLines } from '../../../src/model/ndjson.ts';

const cap = 64;

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const to = from + (sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(from, to);
    from = to;
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

async function linesOf(
  bytes: Uint8Array,
  sizes: readonly number[] = [7],
  maxLineBytes = cap,
): Promise<string[]> {
  const lines = await Array.fromAsync(jsonLines(cut(bytes, sizes), maxLineBytes));
  return lines.map((line) => Buffer.from(line).toString());
}

it('gives the same lines wherever the bytes are cut', async () => {
  const sizes = array(integer({ min: 1, max: 20 }), { minLength: 1 });
  const values = array(
    dictionary(
      string({ unit: 'binary' }).map((key) => `_${key}`),
      string(),
    ),
  );

  await assert(
    asyncProperty(values, sizes, async (values, sizes) => {
      const wanted = values.map((value) => `${JSON.stringify(value)}\n`);

      expect(await linesOf(bytesOf(wanted.join('')), sizes, 10_000)).toEqual(wanted);
    }),
  );
});

it('ends the last line when the body does not', async () => {
  expect(await linesOf(bytesOf('{"a":1}\n{"b":2}'))).toEqual(['{"a":1}\n', '{"b":2}\n']);
});

it('skips empty lines', async () => {
  expect(await linesOf(bytesOf('\n\r\n  \n{}\n\n'))).toEqual(['{}\n']);
});

it('takes a line as long as the limit, and none that is longer', async () => {
  const long = `{"a":"${'x'.repeat(cap - 9)}"}\n`;

  expect(bytesOf(long)).toHaveLength(cap);
  expect(await linesOf(bytesOf(long))).toEqual([long]);
  await expect(linesOf(bytesOf(long.replace('x', 'xx')))).rejects.toThrow('longer than 64 bytes');
});

it('gives up a line without an end once it is too long', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; ; given++) yield bytesOf('xxxxxxxx');
  }

  await expect(Array.fromAsync(jsonLines(endless(), cap))).rejects.toMatchObject({ fault: 'interrupted' });
  expect(given).toBeLessThanOrEqual(cap / 8);
});

it.each([
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x0a]), 'not UTF-8'],
  [
    'half a character',
    Buffer.concat([bytesOf('{"a":"'), Buffer.from([0xf0, 0x9f]), bytesOf('"}\n')]),
    'not UTF-8',
  ],
  ['HTML', bytesOf('<html>\n'), 'not JSON'],
  ['half a line', bytesOf('{"a":'), 'not JSON'],
  ['a raw NUL', bytesOf('{"a":"\0"}\n'), 'not JSON'],
  ['an array', bytesOf('[]\n'), 'not an object'],
  ['null', bytesOf('null\n'), 'not an object'],
  ['text', bytesOf('"a"\n'), 'not an object'],
  ['an error', bytesOf('{"error":"out of memory"}\n'), 'reported an error'],
  ['an error that is no text', bytesOf('{"error":{"code":7}}\n'), 'reported an error'],
  ['an empty error', bytesOf('{"error":null}\n'), 'reported an error'],
])('refuses %s, as a line and as a body', async (_title, bytes, message) => {
  const expected = { fault: 'interrupted', message: expect.stringContaining(message) };

  await expect(linesOf(bytes)).rejects.toMatchObject(expected);
  await expect(jsonBody(cut(bytes, [3]), cap)).rejects.toMatchObject(expected);
});

it.each([
  ['a text', '"out of memory"', 'out of memory'],
  ['an object', '{"code":7}', '{"code":7}'],
  ['nothing', 'null', 'null'],
  ['a long text', JSON.stringify('x'.repeat(700)), 'x'.repeat(500)],
])('tells an error that is %s to who hears errors, and to nobody else', async (_title, error, heard) => {
  const bytes = bytesOf(`{"error":${error}}\n`);
  const said: string[] = [];

  const lines = Array.fromAsync(jsonLines(cut(bytes, [7]), 1000, (text) => said.push(text)));
  await expect(lines).rejects.toThrow(/^Ollama reported an error$/);
  const body = jsonBody(cut(bytes, [7]), 1000, (text) => said.push(text));
  await expect(body).rejects.toThrow(/^Ollama reported an error$/);

  expect(said).toEqual([heard, heard]);
});

it('says nothing of a line it cannot read', async () => {
  await expect(linesOf(bytesOf('my secret\n'))).rejects.not.toThrow('secret');
});

it('reads a body up to the limit', async () => {
  expect(await jsonBody(cut(bytesOf('{"a":\n1}'), [3]), 8)).toBe('{"a":\n1}');
  await expect(jsonBody(cut(bytesOf('{"a":\n1}'), [3]), 7)).rejects.toMatchObject({ fault: 'interrupted' });
});
