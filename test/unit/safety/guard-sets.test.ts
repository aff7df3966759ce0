// The guard against the sets of sentences in test/safety/sets. [US-54]
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createGuard, isSafe, tripOf } from '../../../src/safety/guard.ts';
import checkpoint from '../../../src/therapy/content/checkpoint.en.json' with { type: 'json' };
import guide from '../../../src/therapy/content/guide.en.json' with { type: 'json' };
import { ownInstructions } from '../../../src/therapy/prompt.ts';
import openings from '../../../src/therapy/content/openings.en.json' with { type: 'json' };
import sets from '../../safety/sets/output.json' with { type: 'json' };

const before = 'Thank you for telling me. ';
const after = ' Shall we go on?';

function run(pieces: readonly string[]): { text: string; reason: string | undefined } {
  const guard = createGuard({ mode: 'normal' });
  const text = pieces.map((piece) => guard.push(piece)).join('') + guard.end();
  return { text, reason: guard.tripped?.reason };
}

function linesOf(value: unknown): string[] {
  if (typeof value === 'string') return value.includes(' ') ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(linesOf);
}

/** How many words came after a word before it was out, for each word of a text that comes word by word. */
function delaysOf(text: string): number[] {
  // with what it keeps back in a server
  const guard = createGuard({ mode: 'normal', canaries: ownInstructions });
  const words = text.match(/\s*\S+/g) ?? [];
  const delays: number[] = [];
  let end = 0;
  let out = 0;
  const ends: number[] = [];
  for (const [at, word] of words.entries()) {
    end += word.length;
    ends.push(end);
    out += guard.push(word).length;
    while (delays.length < ends.length && (ends[delays.length] ?? 0) <= out) delays.push(at - delays.length);
  }
  while (delays.length < words.length) delays.push(words.length - 1 - delays.length);
  return delays;
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
}

test('every unsafe sentence trips', () => {
  expect(sets.unsafe.filter(({ text }) => isSafe(text)).map(({ text }) => text)).toEqual([]);
});

test('every look-alike and every harmless reply is safe', () => {
  expect([...sets.safe, ...sets.harmless].filter((text) => !isSafe(text))).toEqual([]);
});

test('every line of the guide is safe', () => {
  expect([checkpoint, guide, openings].flatMap(linesOf).filter((text) => !isSafe(text))).toEqual([]);
});

test('a look-alike comes out unchanged among other sentences', () => {
  const changed = sets.safe.filter((text) => run([before, text, after]).text !== before + text + after);

  expect(changed).toEqual([]);
});

describe('an unsafe sentence among others', () => {
  test('is never shown, and what is shown is safe by itself', () => {
    const bad = sets.unsafe.filter(({ text }) => {
      const { text: shown } = run((before + text + after).split(''));
      return shown.includes(text) || shown.includes(after) || !isSafe(shown);
    });

    expect(bad).toEqual([]);
  });

  test('is stopped at the same place wherever the text is split', () => {
    for (const { text } of sets.unsafe) {
      const whole = before + text + after;
      const expected = run([whole]);
      for (let cut = 1; cut < whole.length; cut += 1)
        expect(run([whole.slice(0, cut), whole.slice(cut)])).toEqual(expected);
    }
  });

  test('is stopped at the same place in random pieces', () => {
    const texts = sets.unsafe.map(({ text }) => before + text + after);
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        (text, sizes) => {
          const pieces: string[] = [];
          let from = 0;
          for (const size of sizes) {
            pieces.push(text.slice(from, from + size));
            from += size;
            if (from >= text.length) break;
          }

          expect(run(pieces)).toEqual(run([text]));
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('no invisible character hides an unsafe sentence', () => {
  const text = 'You should stop taking your medication.';
  for (let place = 0; place <= text.length; place += 1)
    expect(tripOf(`${text.slice(0, place)}\u200b${text.slice(place)}`)).toEqual({ reason: 'N8' });
});

test('the first word of a harmless reply is out before the second comes, in 95 of 100', () => {
  const firsts = [...sets.harmless, ...linesOf(guide)].map((text) => delaysOf(text)[0] ?? 0);

  expect(at(firsts, 0.95)).toBe(0);
});

test('a word of a harmless reply waits for less than two others on average', () => {
  const all = sets.harmless.flatMap(delaysOf);

  expect(all.reduce((sum, delay) => sum + delay, 0) / all.length).toBeLessThan(2);
});

test('two of three words of a harmless reply do not wait for the next one', () => {
  const all = [...sets.harmless, ...linesOf(guide)].flatMap(delaysOf);

  expect(all.filter((delay) => delay === 0).length / all.length).toBeGreaterThan(2 / 3);
});

test('every reason has at least eight sentences', () => {
  const counts = Map.groupBy(sets.unsafe, ({ reason }) => reason);

  expect([...counts].filter(([, list]) => list.length < 8).map(([reason]) => reason)).toEqual([]);
});
