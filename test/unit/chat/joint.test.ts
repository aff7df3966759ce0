import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FreshJoint, openJoint, PrefillJoint, ProofJoint } from '../../../src/chat/joint.ts';
import type { Joint } from '../../../src/chat/joint.ts';

const shown = 'Let us stay with that for a moment. Where in your body do you feel it ';

/** What a follower ends with: what was shown, and what the joint lets through. */
function joined(joint: Joint, before: string, pieces: string[]): string {
  let text = before;
  for (const result of [...pieces.map((piece) => joint.push(piece)), joint.end()]) {
    text = result.kind === 'restart' ? result.text : text + result.text;
  }
  return text;
}

/** `text` cut into pieces of the given sizes. */
function cut(text: string, sizes: number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const anyCut = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

test('lets everything through that just follows', () => {
  expect(joined(openJoint, '', [' a ', 'b'])).toBe(' a b');
});

test('lets everything through but blanks before the first word when nothing is shown yet', () => {
  expect(joined(new FreshJoint(), '', [' \n', ' a', ' ', 'b '])).toBe('a b ');
});

test.each(['Yes', 'So we begin', 'So we begin with this'])(
  'begins anew when a model says %j again and goes on behind it',
  (before) => {
    expect(joined(new PrefillJoint(before), before, [before, ' and more'])).toBe(`${before} and more`);
  },
);

describe('a model that is known to go on', () => {
  test.each([
    ['goes on', 'the most?', `${shown}the most?`],
    ['says the white space again', ' the most?', `${shown}the most?`],
    ['repeats the end', 'your body do you feel it the most?', `${shown}the most?`],
    ['repeats all of it', `${shown}the most?`, `${shown}the most?`],
    ['begins something else', 'Something quite different.', `${shown}Something quite different.`],
    ['says nothing more', '', shown],
  ])('%s', (_, output, expected) => {
    fc.assert(
      fc.property(anyCut, (sizes) => {
        expect(joined(new PrefillJoint(shown), shown, cut(output, sizes))).toBe(expected);
      }),
    );
  });

  test('keeps a repeat that is shorter than twelve characters: it may be meant', () => {
    expect(joined(new PrefillJoint('It goes on and on'), 'It goes on and on', [' and on.'])).toBe(
      'It goes on and on and on.',
    );
  });

  test('takes the output as the new reply when the model began anew', () => {
    const joint = new PrefillJoint(shown);
    const output = 'Let us stay with that for a moment. Is it warm?';

    const results = cut(output, [7]).map((piece) => joint.push(piece));

    expect(results.some((result) => result.kind === 'restart')).toBe(true);
    expect(joined(new PrefillJoint(shown), shown, cut(output, [7]))).toBe(output);
  });

  test('holds a harmless word no longer than it could be a repeat', () => {
    expect(new PrefillJoint(shown).push('xylophone')).toEqual({ kind: 'more', text: 'xylophone' });
  });

  test('joins any split of any reply exactly, with the white space a template may eat', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 60, maxLength: 200 }), fc.nat(), anyCut, (reply, at, sizes) => {
        const before = reply.slice(0, 1 + (at % (reply.length - 1)));
        const rest = reply.slice(before.length);
        fc.pre(before.trim() !== '' && rest.trim() !== '' && rest.trimStart() === rest);
        const repeats = before.includes(rest.slice(0, 12));
        fc.pre(!repeats);

        expect(joined(new PrefillJoint(before), before, cut(rest, sizes))).toBe(reply);
      }),
    );
  });
});

describe('a model of which nothing is known', () => {
  test('has to say the held back words again', () => {
    const joint = new ProofJoint(shown);
    const rest = shown.slice(joint.given?.length);

    expect(joined(joint, shown, cut(`${rest}the most?`, [5]))).toBe(`${shown}the most?`);
  });

  test('is not believed when it says anything else', () => {
    const joint = new ProofJoint(shown);

    const results = cut('Let us begin again, from the top, shall we?', [6]).map((piece) => joint.push(piece));

    expect(results).toContainEqual({ kind: 'restart', text: '' });
  });

  test('is not believed when it stops before the proof is whole', () => {
    const joint = new ProofJoint(shown);
    joint.push(shown.slice(joint.given?.length).slice(0, 3));

    expect(joint.end()).toEqual({ kind: 'restart', text: '' });
  });

  test('is not asked when too little is shown to prove anything', () => {
    expect(new ProofJoint('Hello you').given).toBeUndefined();
  });

  test('is not asked when the proof would be blanks: any output would repeat them', () => {
    expect(new ProofJoint(`Hello friend, stay a while${' '.repeat(40)}`).given).toBeUndefined();
  });

  test('is never given half a surrogate pair', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 30, maxLength: 90 }), (text) => {
        expect(new ProofJoint(text).given?.isWellFormed() ?? true).toBe(true);
      }),
    );
  });
});
