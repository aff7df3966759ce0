// The cost is counted in steps, not in time, so that a slow machine says nothing.
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fold } from '../../../src/safety/fold.ts';
import { findFrames } from '../../../src/safety/frames.ts';
import { frames, negators, speech } from '../../../src/safety/rules.ts';
import { wordsOf } from '../../../src/safety/words.ts';

/** How often the matcher looks at a word. */
function looks(text: string): number {
  let count = 0;
  const counted = new Proxy(wordsOf([fold(text)], speech), {
    get(words, key, receiver): unknown {
      if (typeof key === 'string' && /^\d+$/.test(key)) count += 1;
      return Reflect.get(words, key, receiver);
    },
  });
  findFrames(counted, frames, negators);
  return count;
}

test.each([
  'I walked through the park and felt lighter. ',
  'want to ',
  'i want to kill myself and ',
  'he hit me ',
  'took all my ',
  'voices tell ',
  'i ',
  'k i l l ',
  'not ',
])(
  'twice the text is at most twice the work, and a word is looked at a bounded number of times: %s',
  (piece) => {
    const words = piece.trim().split(' ').length;
    const single = looks(piece.repeat(200));
    const double = looks(piece.repeat(400));

    expect(double).toBeLessThanOrEqual(single * 2.1 + 100);
    expect(single).toBeLessThanOrEqual(words * 200 * 200);
  },
);

test('no regular expression of the room repeats what repeats already', () => {
  const room = new URL('../../../src/safety/', import.meta.url);
  const sources = readdirSync(room).filter((name) => name.endsWith('.ts'));
  const nested = sources.flatMap((name) =>
    readFileSync(new URL(name, room), 'utf8')
      .split('\n')
      .filter((line) => /\([^()]*[^()[\\][+*][^()\]]*\)[+*{]/.test(line)),
  );

  // The pieces of a text: the classes inside and outside the group share no character.
  expect(nested.filter((line) => !line.startsWith('const PIECE = '))).toEqual([]);
});
