// A yes is needed for the three steps, and one that is taken back is none.
import { describe, expect, test } from 'vitest';
import { Walk } from '../../support/golden-walk.ts';

const toOffer = ['I want to feel calm', 'yes', 'I feel it in my chest', 'tight', 'right now', 'nothing more'];

function after(lines: readonly string[], says: string) {
  const walk = new Walk('consent');
  for (const line of lines) walk.say(line);
  return walk.say(says).progress;
}

describe('at the offer of the three steps', () => {
  test.each([
    'ok no',
    'yeah no',
    'yes... no',
    'ok I guess not',
    "okay but I can't",
    'yes, maybe later',
    'ok, later',
    'sure but later',
    'yes, tomorrow',
    'yes but not now',
    'yes and no',
    'yes but I am scared',
    'ok whatever',
    'I said yes to that before but I do not trust you',
    'not yet',
    'absolutely not',
    'definitely not',
    'of course not',
    'sure, if it were that easy',
    'not a chance',
  ])('no step begins with: %s', (says) => {
    expect(after(toOffer, says).alpha).toBeNull();
  });

  test.each([
    'yes',
    "Yes, I'm ready.",
    'ok',
    'sure, go ahead',
    'no problem',
    "no problem, let's go",
    "I don't mind",
    "I don't want to feel anxious any more, so yes",
    '👍',
  ])('the first step begins with: %s', (says) => {
    expect(after(toOffer, says).alpha).toEqual({ step: 'LOWER_JAW', attempt: 1 });
  });
});

describe('once they were turned down', () => {
  const declined = [...toOffer, 'no thanks'];

  test.each(['ok', 'okay thanks', 'ok bye', 'fine', 'ok thank you, good night', 'good', 'I said no'])(
    'no step begins with: %s',
    (says) => {
      expect(after(declined, says)).toMatchObject({ state_id: '3.2', alpha: null });
    },
  );

  test.each(['yes', "let's try it", 'I want to try it', 'I am ready now'])(
    'the first step begins with: %s',
    (says) => {
      expect(after(declined, says).alpha).toEqual({ step: 'LOWER_JAW', attempt: 1 });
    },
  );
});

describe('in the three steps', () => {
  test.each(['ok but my heart races', 'okay not really', "yes, I can't breathe", 'ok, this is odd for me'])(
    'is no word of calm: %s',
    (says) => {
      expect(after([...toOffer, 'yes'], says).alpha?.step).toBe('LOWER_JAW');
    },
  );

  test.each(['ok', 'yes', 'ok, better', 'a bit calmer'])('goes on with: %s', (says) => {
    expect(after([...toOffer, 'yes'], says).alpha?.step).toBe('RELAX_TONGUE');
  });
});

describe('a goodbye', () => {
  test.each(['bye', 'I have to go', 'good night', "I'll come back later", 'can we stop'])(
    'is answered as one and moves nothing: %s',
    (says) => {
      const lines = toOffer.slice(0, 3);
      const walk = new Walk('goodbye');
      for (const line of lines) walk.say(line);
      const before = walk.say('my shoulders too').progress;

      const { progress } = walk.say(says);

      expect(progress).toEqual({ ...before, technique: 'farewell' });
    },
  );

  test('in the three steps stops them', () => {
    expect(after([...toOffer, 'yes'], 'I have to go')).toMatchObject({ state_id: '3.3', alpha: null });
  });
});
