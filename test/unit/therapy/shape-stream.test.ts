import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createShaper } from '../../../src/therapy/shape.ts';
import type { Shaping } from '../../../src/therapy/shape.ts';
import { anyCut, bare, cut, line, long, say, shaped, slots } from '../../support/shaped.ts';

const words = fc.constantFrom(
  'I hear you',
  'Where in your body',
  'where do you feel it',
  'so',
  'Sure',
  'here is a response',
  'Guide:',

  'Person:',
  'Or:',
  'Option 2',
  '"',
  '“',
  '”',
  "'",
  '**',
  '*',
  '_',
  '\n',
  '\n\n',
  '\n- ',
  '1. ',
  '.',
  '?',
  '!',

  '...',
  '…',
  '。',
  '？',
  ' ',
  '  ',
  'e.g.',
  '3.5',
  '<|',
  '<',
  '<think>',
  '</think>',
  '[INST]',
  '###',
  '{"reply": "',

  '\\n',
  '\\ud83d',
  '🙂',
  '\ud83d',
  '\ude42',
  'é',
  'e\u0301',
  '你好',
  'مرحبا',
  'Dr. ',
  'a',
  '(',
  ')',
  'I',
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.array(words, { maxLength: 24 }).map((list) => list.join('')),
  fc.array(words, { maxLength: 24 }).map((list) => list.join(' ')),
);
const anyShaping: fc.Arbitrary<Shaping> = fc.record({
  sentences: fc.constantFrom(1, 3, 16),
  said: fc.subarray(['I hear you.', 'So. Here is a response!', 'Where else? 你好。', '']),
  answered: fc.subarray([...slots]),
  line: fc.constant(line),
});

describe('any text', () => {
  test('comes out the same however it is cut', () => {
    fc.assert(
      fc.property(
        anyText,
        anyCut,
        anyShaping,
        fc.constantFrom('', 'So I', 'Good.', 'Good. '),
        (text, sizes, shaping, shown) => {
          expect(shaped(cut(text, sizes), shaping, shown)).toBe(shaped([text], shaping, shown));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('gives something to say, without blanks around it', () => {
    fc.assert(
      fc.property(anyText, anyShaping, (text, shaping) => {
        const out = shaped([text], shaping);

        expect(out.trim()).not.toBe('');
        expect(out).toBe(out.trim());
      }),
      { numRuns: 500 },
    );
  });

  test('shows nothing new once it is over', () => {
    fc.assert(
      fc.property(anyText, anyText, anyShaping, (text, more, shaping) => {
        const shaper = createShaper(shaping, '');
        shaper.push(text);
        fc.pre(shaper.isOver);

        expect(shaper.push(more)).toBe('');
      }),
    );
  });

  test('goes on where another shaper stopped as if it had not stopped', () => {
    const plain = fc.constantFrom(
      'I hear you.',
      'Where in your body is it?',
      'so where do you feel it?',
      'It is e.g. 3.5 cm…',
      'Wait... what?',

      '你好。',
      'No end',
      '\n\n',
      'Rest now!',
      'Über den Wolken.',
      'a.m. is early.',
      'go on (or not).',
      'Good. ',
    );
    const texts = fc.array(plain, { minLength: 1, maxLength: 8 }).map((list) => `Well, ${list.join(' ')}`);
    fc.assert(
      fc.property(texts, fc.nat(), anyShaping, (text, at, shaping) => {
        const whole = shaped([text], shaping);
        const first = createShaper(shaping, '');
        const shown = first.push(text.slice(0, at % text.length));
        fc.pre(shown !== '' && !first.isOver && text.startsWith(shown));

        expect(shown + shaped([text.slice(shown.length)], shaping, shown)).toBe(whole);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['German', 'Ich höre dir zu. Das klingt z. B. schwer – und doch: Du bist hier. Was spürst du?'],
    ['French', 'Je vous écoute. « Calme » est un beau mot ; oui ! Où le sentez-vous ?'],
    ['Spanish', 'Te escucho. ¡Qué bien! ¿Dónde lo sientes en el cuerpo?'],
    ['Russian', 'Я слышу вас. Это непросто… Где вы это чувствуете?'],
    ['Arabic', 'أنا أسمعك. هذا صعب. أين تشعر بذلك؟'],
    ['Hindi', 'मैं सुन रहा हूँ। यह कठिन है। आप इसे कहाँ महसूस करते हैं?'],
    ['Japanese', '聞いています。それは大変でしたね。今、どこで感じますか？'],
    ['Thai', 'ฉันฟังอยู่ คุณรู้สึกอย่างไร'],
    ['Hebrew', 'אני שומע אותך. איפה זה בגוף?'],
    ['Greek', 'Σε ακούω. Πού το νιώθεις;'],
    ['emoji', '👩‍👩‍👧 I hear you 🙂. 🇩🇪 is far ✨.'],
  ])('in %s is left as it is', (_, text) => {
    expect(say(text, { sentences: 4, answered: slots, said: ['I see.'] })).toBe(text);
  });
});

describe('harmless text', () => {
  test('is shown as it comes, but for its last blanks and marks, and what may be a label', () => {
    const text =
      'Good to meet you here, friend. You bring a lot with you, and there is room: for all, e.g. rest. Are you well';
    const shaper = createShaper(bare, '');
    let shown = '';
    for (let at = 0; at < text.length; at += 1) {
      shown += shaper.push(text.charAt(at));
      const late = text.slice(shown.length, at + 1);
      expect(late.replace(/^[\s.?!]+/, '').length).toBeLessThanOrEqual(4);
    }

    expect(shown).toBe(text);
  });

  test('is not looked at again and again: a long text costs little more than its length', () => {
    const bombs = [
      'Guide: ',
      '"',
      '* ',
      '<thi',
      'so ',
      '...',
      'I hear you ',
      '\n',
      '{"reply": "\\',
      '###',
      '**_',
      'a',
      '1. ',
    ];
    for (const bomb of bombs) {
      const text = bomb.repeat(Math.ceil(40_000 / bomb.length));

      expect(typeof shaped([text], { ...long, said: ['I hear you so.'], answered: slots })).toBe('string');
    }
  });
});

describe('behind words that are shown', () => {
  test('no label is looked for, and the sentence goes on', () => {
    expect(shaped(['Guide', ': yes. More.'], bare, 'I am your')).toBe('Guide: yes. More.');
    expect(shaped([' Guide of a kind.'], bare, 'I am your')).toBe(' Guide of a kind.');
  });

  test('the sentences that are shown count', () => {
    expect(shaped([' Three. Four.'], bare, 'One. Two.')).toBe(' Three.');
    expect(shaped(['wo. Three. Four.'], bare, 'One. T')).toBe('wo. Three.');
    expect(shaped(['Two. Three. Four.'], bare, 'One. ')).toBe('Two. Three.');
  });

  test.each([
    'One. Is it there?',
    'One. Two. Three.',
    `One. ${line}`,
    'One. There is time. What would help you now?',
  ])('nothing is wanted behind %j', (shown) => {
    const shaper = createShaper(bare, shown);

    expect(shaper.isOver).toBe(true);
    expect(shaper.push(' More.') + shaper.end()).toBe('');
  });

  test('a sentence begun there is finished, though it was said before; the next one gives way', () => {
    const shaping: Shaping = { ...bare, said: ['I hear you. Take your time.'], answered: ['location'] };

    // two sentences are shown: of the line there is room for its question
    const end = line.slice(line.indexOf('What'));
    expect(shaped(['r you. Take your time.'], shaping, 'Good. I hea')).toBe(`r you. ${end}`);
    expect(shaped(['ody is it? More.'], shaping, 'Where in your b')).toBe('ody is it?');
  });

  test('a sentence begun behind a question is the last one', () => {
    expect(shaped(['t is well. More.'], bare, 'Is it there? I')).toBe('t is well.');
  });

  test('nothing is added when the model says nothing', () => {
    expect(shaped([], bare, 'I am')).toBe('');
  });

  test('an emphasis that is open there is closed', () => {
    expect(shaped(['r** you.'], bare, 'I hea')).toBe('r you.');
  });
});
