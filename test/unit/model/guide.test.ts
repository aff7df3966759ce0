import { getEventListeners } from 'node:events';
import { setImmediate as tick } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createGuide } from '../../../src/model/guide.ts';

async function wordsOf(line: string, prefix = '', wordMs = 0): Promise<string[]> {
  const events = createGuide({ wordMs }).generate(
    { messages: [], prefix, line, host: '' },
    new AbortController().signal,
  );
  return (await Array.fromAsync(events)).flatMap((event) => (event.kind === 'text' ? [event.text] : []));
}

it('says a line word by word, each with the white space behind it', async () => {
  expect(await wordsOf(' Take your  time.\n\nI am here. ')).toEqual([
    ' Take ',
    'your  ',
    'time.\n\n',
    'I ',
    'am ',
    'here. ',
  ]);
});

it('runs without a slot', () => {
  expect(createGuide({ wordMs: 0 }).needsSlot).toBe(false);
});

it('makes a pause between two words', async () => {
  expect(await wordsOf('Take your time.', '', 1)).toEqual(['Take ', 'your ', 'time.']);
});

it('goes on in the middle of a word', async () => {
  expect(await wordsOf('Take your time.', 'Take yo')).toEqual(['ur ', 'time.']);
});

it('says the whole line when the prefix is not of it', async () => {
  expect(await wordsOf('Take your time.', 'Once upon')).toEqual(['Take ', 'your ', 'time.']);
});

it('says nothing of an empty line', async () => {
  expect(await wordsOf('')).toEqual([]);
});

it('lets others go on while it says a long line without pauses', async () => {
  let turns = 0;
  const over = new AbortController();
  const other = (async () => {
    for (; !over.signal.aborted; turns++) await tick();
  })();

  await wordsOf('word '.repeat(1000));
  over.abort();
  await other;

  expect(turns).toBeGreaterThan(5);
});

it('leaves no listener on the signal', async () => {
  const { signal } = new AbortController();

  await Array.fromAsync(
    createGuide({ wordMs: 1 }).generate({ messages: [], prefix: '', line: 'a b c', host: '' }, signal),
  );

  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
