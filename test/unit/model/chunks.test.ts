import { once } from 'node:events';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { Chunks } from '../../../src/model/chunks.ts';

const bodyOf = (read: () => void = () => undefined) => new Readable({ read });

const closeOf = (body: Readable) => new Promise<void>((resolve) => void body.once('close', resolve));

/** All pieces up to the end, as text. @throws what broke the body off */
async function restOf(chunks: Chunks, heard: string[] = []): Promise<string[]> {
  for (;;) {
    if (!chunks.isReady) await chunks.ready();
    const piece = chunks.next();
    if (!piece) return heard;
    heard.push(Buffer.from(piece).toString());
  }
}

it('gives what comes, in order, to its end', async () => {
  const body = bodyOf();
  using chunks = new Chunks(body);
  const rest = restOf(chunks);
  for (const word of ['one', 'two', 'three', null]) body.push(word);

  expect(await rest).toEqual(['one', 'two', 'three']);
});

it('gives what came before an error, and then the error', async () => {
  const body = bodyOf();
  using chunks = new Chunks(body);
  body.push('one');
  await once(body, 'data');
  body.destroy(new Error('gone'));
  await closeOf(body);
  const heard: string[] = [];

  await expect(restOf(chunks, heard)).rejects.toThrow('gone');
  expect(heard).toEqual(['one']);
});

it.each([
  ['ended', () => undefined, undefined],
  ['failed', () => new Error('gone'), 'gone'],
])('is over where the body was before anybody listened, and had %s', async (_, errorOf, message) => {
  const body = bodyOf();
  const closed = closeOf(body);
  const error = errorOf();
  if (error) body.once('error', () => undefined);
  body.destroy(error);
  await closed;
  using chunks = new Chunks(body);
  const rest = restOf(chunks);

  if (message === undefined) expect(await rest).toEqual([]);
  else await expect(rest).rejects.toThrow(message);
});

it('is over when the other side just leaves', async () => {
  const body = bodyOf();
  using chunks = new Chunks(body);
  const rest = restOf(chunks);
  body.destroy();

  expect(await rest).toEqual([]);
});

it('takes no more while many pieces wait, and goes on once they are taken', async () => {
  let made = 0;
  const body = new Readable({
    highWaterMark: 1,
    read() {
      made += 1;
      this.push(made <= 1_000 ? `${made}` : null);
    },
  });
  using chunks = new Chunks(body);
  while (!body.isPaused()) await new Promise((resolve) => void setImmediate(resolve));

  expect(made).toBeLessThan(30);
  expect(await restOf(chunks)).toHaveLength(1_000);
});

it('leaves the body when it is disposed of', () => {
  const body = bodyOf();
  new Chunks(body)[Symbol.dispose]();

  expect(body.destroyed).toBe(true);
});
