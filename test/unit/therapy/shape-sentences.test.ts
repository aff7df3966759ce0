import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import guide from '../../../src/therapy/content/guide.en.json' with { type: 'json' };
import openings from '../../../src/therapy/content/openings.en.json' with { type: 'json' };
import { sentencesIn, techniques } from '../../../src/therapy/process/acts.ts';
import { createShaper } from '../../../src/therapy/shape.ts';
import type { Answered } from '../../../src/therapy/shape.ts';
import { bare, line, long, say, slots } from '../../support/shaped.ts';

describe('length', () => {
  test('is bounded in sentences', () => {
    expect(say('One. Two! Three… Four. Five.')).toBe('One. Two! Three…');
    expect(say('One. Two. Three. Four.', { sentences: 2 })).toBe('One. Two.');
  });

  test.each([
    ['Is it there? Is it warm? Yes.', 'Is it there?'],
    ['Good. Is it there?! Yes.', 'Good. Is it there?!'],
    ['Is it there?What else', 'Is it there?'],
    ['¿Dónde está? Bien.', '¿Dónde está?'],
    ['Comment ça va ? Bien.', 'Comment ça va ?'],
    ['你好。你在哪里？好的。', '你好。你在哪里？'],
    ['أين تشعر بذلك؟ نعم.', 'أين تشعر بذلك؟'],
    ['Is it there? 🙂', 'Is it there?'],
    ['Is it there?\n\nTake your time.', 'Is it there?'],
  ])('of %j ends with the first question', (text, expected) => {
    const shaper = createShaper(bare, '');
    const out = shaper.push(text);

    expect(out).toBe(expected);
    expect(shaper.isOver).toBe(true);
    expect(shaper.push(' More.')).toBe('');
    expect(shaper.end()).toBe('');
  });

  test.each([
    'Rest, e.g. on a chair, i.e. sit. Dr. Who and Mrs. Miller at 3 a.m. woke. Done.',
    'It is 3.5 or 7. something like that. Wait... what about that. J. Smith.',
    'The U.S. team, z.B. heute, am 3. Mai. Two. Three.',
    'You asked “why me?” and then “what now!” went by. Two. Three.',
    'See example.com/?q=1 now. Two. Three.',
    'a.b.c.d 1.2.3.4 Two... three…four. Two. Three.',
  ])('of %j counts three sentences', (text) => {
    expect(say(`${text} Four.`)).toBe(text);
  });

  test('does not count lines that just go on, but new ones', () => {
    expect(say('I hear\nyou and\nsee you. Two. Three. Four.')).toBe('I hear\nyou and\nsee you. Two. Three.');
    expect(say('One\nTwo\nThree\nFour')).toBe('One\nTwo\nThree');
  });

  test('keeps white space between sentences, without more than one blank line', () => {
    expect(say('One.  Two.\n\n\n\n\nThree.   \n\n')).toBe('One.  Two.\n\nThree.');
  });

  test('never ends in white space, whenever the model stops', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('One', '.', ' ', '\n', '?', '"', '…', ' a')), (pieces) => {
        const shaper = createShaper(long, '');
        for (const piece of pieces) expect(shaper.push(piece)).not.toMatch(/\s$/);
        expect(shaper.end()).not.toMatch(/\s$/);
      }),
    );
  });
});

describe('what was said before', () => {
  const said = ['I hear you. What’s it like to rest?', 'Take **your** time.'];

  test.each([
    'I hear you. What is there?',
    'i  HEAR, you! What is there?',
    "What's it like — to rest?",
    'Take your time.',
    'Guide: "I hear you."',
    'I hear you',
  ])('in %j gives way to the line', (text) => {
    expect(say(text, { said })).toBe(line);
  });

  test('gives way behind what is shown', () => {
    expect(say('Good.\n\nTake your time. More.', { said })).toBe(`Good.\n\n${line}`);
  });

  test.each([
    'I hear you well. Good.',
    'I hear. Good.',
    'What is it like to rest at sea?',
    'Take your timer.',
  ])('is not %j', (text) => {
    expect(say(text, { said })).toBe(text);
  });

  test('is held only as long as it may be said again', () => {
    const shaper = createShaper({ ...bare, said }, '');

    expect(shaper.push('I hear yo')).toBe('');
    expect(shaper.push('ur')).toBe('I hear your');
  });

  test('is left out of the line too', () => {
    expect(say('Good. I hear you.', { said: [...said, 'There is time.'] })).toBe(
      'Good. What would help you now?',
    );
    expect(say('There is time. I hear you.', { said })).toBe('There is time. What would help you now?');
  });

  test('ends the reply', () => {
    const shaper = createShaper({ ...bare, said }, '');
    shaper.push('I hear you. ');

    expect(shaper.isOver).toBe(true);
    expect(shaper.push('More.')).toBe('');
  });

  test('counts within the reply: a model that loops is stopped', () => {
    expect(say('It is warm. It is warm. It is warm.')).toBe(`It is warm. ${line}`);
  });

  test('may be nothing, marks or a book', () => {
    const book = 'a b. '.repeat(20_000);

    expect(say('Good.', { said: ['', '...', '?!', book] })).toBe('Good.');
    expect(say('A b.', { said: ['', '...', '?!', book] })).toBe(line);
  });
});

describe('what is known', () => {
  test.each([
    ['goal', 'What would you like to feel?'],
    ['goal', 'So, what do you want to feel instead?'],
    ['goal', 'Can you tell me how you would like to feel?'],
    ['problem', "What's been getting in the way of that?"],
    ['problem', 'And now… what is bothering you the most?'],
    ['location', 'Where in your body do you notice that?'],
    ['location', 'Okay, so, where do you feel it?'],
    ['location', 'I wonder where you feel that.'],
    ['sensation', 'What does it feel like?'],
    ['sensation', 'Could you describe the sensation?'],
    ['present', 'Are you feeling it right now?'],
    ['present', 'As we talk, is it there now?'],
    ['pattern', 'How do you know when it starts?'],
    ['pattern', 'When do you usually notice it?'],
  ] as const)('(%s) is not asked for: %s', (slot, text) => {
    expect(say(text, { answered: [slot] })).toBe(line);
    expect(say(`Good. ${text}`, { answered: [slot] })).toBe(`Good. ${line}`);
    expect(say(text, { answered: slots.filter((other) => other !== slot) })).toBe(text);
  });

  test.each([
    'What do you notice now?',
    'How is your body now, compared with the start?',
    'Where in the day would you like more of it?',
    'So you feel it in your chest.',
    'What would you like to do with it?',
    'What you would like to feel is close.',
    'I wonder what changes.',
    'Is it more tense or more calm?',
    'What is going on in your body?',
  ])('does not forbid: %s', (text) => {
    expect(say(text, { answered: slots })).toBe(text);
  });

  test('is caught before a word of it is shown, and a harmless sentence goes on at once', () => {
    const shaper = createShaper({ ...bare, answered: ['location'] }, '');

    expect(shaper.push('So, where in your')).toBe('');
    expect(shaper.push(' life')).toBe('So, where in your life');
  });

  test.each(slots)('has openings enough for %s', (slot) => {
    const { direct, asked } = openings.slots[slot];

    expect(direct.length).toBeGreaterThanOrEqual(8);
    expect(asked.length).toBeGreaterThanOrEqual(8);
    expect(new Set(direct).size).toBe(direct.length);
  });
});

/** Which acts of the guide ask for a slot. No other may be caught by its openings. */
const asks: Readonly<Record<Answered, RegExp>> = {
  goal: /^(?:arrive|wish|offer_wish|goal_)/,
  problem: /^problem_/,
  location:
    /^(?:body_where|offer_body|location_|seek_body_|relation|rambling|emotion|past|think|off|resistance)/,
  sensation: /^(?:body_quality|sensation_|valid|off|relation|emotion|past|think|rambling|resistance)/,
  present: /^(?:stay|present_)/,
  pattern: /^(?:widen|pattern_)/,
};

describe('the lines of the guide', () => {
  const lines: readonly [string, string][] = Object.entries(guide.lines).flatMap(([act, list]) =>
    list.map((text): [string, string] => [act, text]),
  );

  test.each(slots)('are not taken for a question about the %s unless they are one', (slot) => {
    const others = lines.filter(([act]) => !asks[slot].test(act));
    const caught = others.filter(([, text]) => say(text, { answered: [slot], sentences: 20 }) !== text);

    expect(caught).toEqual([]);
  });

  test('are speech as they are', () => {
    const changed = lines.filter(([, text]) => say(text, { sentences: 20 }) !== text);

    expect(changed).toEqual([]);
  });
});

describe('a model that says the line of the guide', () => {
  const lines = Object.entries(guide.lines).flatMap(([act, list]) =>
    list.map((line) => [act, line] as const),
  );

  test.each(Object.keys(guide.lines))('is not cut: %s', (act) => {
    for (const [, line] of lines.filter(([name]) => name === act)) {
      const technique = Object.entries(techniques).find(([name]) => name === act)?.[1] ?? '';
      const shaper = createShaper(
        { sentences: sentencesIn(technique, line), said: [], answered: [], line },
        '',
      );
      expect(shaper.push(line) + shaper.end()).toBe(line);
    }
  });
});
