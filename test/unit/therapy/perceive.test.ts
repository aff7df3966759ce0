import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Preprocessing } from '../../../src/contract/model.ts';
import { fold } from '../../../src/safety/fold.ts';
import { perceive } from '../../../src/therapy/perceive.ts';

const nothing = { detected: false, phrases: [] };
const hear = (original: string) =>
  perceive({ original, plain: fold(original), selfHarm: nothing }).preprocessing;
const checks = (original: string) => hear(original).safety_checks;

describe('the text', () => {
  test.each([
    ['  I\u2019m   FEELING\n\treally Stresed!! ', 'i am feeling really stresed!'],
    ["I'm, I've, I'll, I'd, don't, can't", 'i am, i have, i will, i would, do not, cannot'],
    ["won't shouldn\u2019t couldn't wouldn't", 'will not should not could not would not'],
    ["it's, they don'ting, xi'm, i'dle, didn't", "it's, they don'ting, xi'm, i'dle, didn't"],
    ['What??? No... well?! OK!!!', 'what? no. well?! ok!'],
    ['', ''],
    [' \n\t ', ''],
  ])('%j is cleaned to %j', (original, cleaned) => {
    const heard = hear(original);

    expect(heard.original_input).toBe(original);
    expect(heard.cleaned_input).toBe(cleaned);
  });

  test('corrections are told as pairs with the punctuation they carry', () => {
    const heard = hear('I have a PROBEM? It\u2019s realy Dificult');

    expect(heard.cleaned_input).toBe('i have a probem? it\u2019s realy dificult');
    expect(heard.corrected_input).toBe('i have a problem? it\u2019s really difficult');
    expect(heard.spelling_corrections).toEqual([
      ['probem?', 'problem?'],
      ['realy', 'really'],
      ['dificult', 'difficult'],
    ]);
  });

  test('the rules get the folded text, mended, with its punctuation', () => {
    const original = 'I\u2019m  so \u201cANXIOS\u201d!!\nMy he\u0430d hurts...';

    const { text } = perceive({ original, plain: fold(original), selfHarm: nothing });

    expect(text).toBe('i\'m so "anxious"!!\nmy head hurts...');
  });
});

describe('emotional state', () => {
  test.each([
    [
      "I'm feeling really stressed and overwhelmed",
      { negative_high: ['overwhelmed'], negative_moderate: ['stressed'] },
      3,
      'crisis_level',
    ],
    ['stressed, worried.', { negative_moderate: ['stressed', 'worried'] }, 2, 'moderate_distress'],
    ['So STRESED today', { negative_moderate: ['stressed'] }, 2, 'moderate_distress'],
    ['sad and so sad', { negative_low: ['sad'] }, 1, 'mild_distress'],
    ['I feel low and down', { negative_low: ['low', 'down'] }, 1, 'mild_distress'],
    ['I want to feel calm and peaceful', { positive: ['calm', 'peaceful'] }, 0, 'positive_state'],
    ['tired but happy', { negative_low: ['tired'], positive: ['happy'] }, 1, 'mild_distress'],
    ['okay, fine', { neutral: ['okay', 'fine'] }, 0, 'neutral_unclear'],
    ['\uff30\uff21\uff2e\uff29\uff23', { negative_high: ['panic'] }, 3, 'crisis_level'],
    ['No, I feel anxious', { negative_moderate: ['anxious'] }, 2, 'moderate_distress'],
    ["I can't stop worrying", { negative_moderate: ['worrying'] }, 2, 'moderate_distress'],
    ['I can\u2019t cope', { negative_high: ['cannot cope'] }, 3, 'crisis_level'],
    ['I never felt so alone', { negative_moderate: ['so alone'] }, 2, 'moderate_distress'],
    ['not angry, just tired', { negative_low: ['tired'] }, 1, 'mild_distress'],
    [
      'not only sad but afraid',
      { negative_moderate: ['afraid'], negative_low: ['sad'] },
      2,
      'moderate_distress',
    ],
    ["I'm not okay", { negative_low: ['not okay'] }, 1, 'mild_distress'],
  ])('%s', (text, categories, intensity, primary) => {
    expect(hear(text).emotional_state).toEqual({ categories, intensity, primary_emotion: primary });
  });

  test.each([
    'not sad',
    'not so sad',
    'I\u2019m not angry',
    "I don't feel calm or relaxed",
    'I am not sad, angry or anxious',
    'I sit down, slow down and calm down',
    'the water runs down my low back',
    'made a slow blow everybody tents',
    'Good morning',
    'hello',
    '',
  ])('nothing in: %s', (text) => {
    expect(hear(text).emotional_state).toEqual({
      categories: {},
      intensity: 0,
      primary_emotion: 'neutral_unclear',
    });
  });
});

describe('input category', () => {
  test.each([
    ['I want to feel calm, hard as it is', 'goal_statement'],
    ["I'd like some peace", 'goal_statement'],
    ['I need to send it to my boss', 'goal_statement'],
    ['The problem is that I feel bad', 'problem_description'],
    ['Work is dificult', 'problem_description'],
    ['I\u2019m sad, why?', 'feeling_statement'],
    ['I feel it in my chest', 'feeling_statement'],
    ['Okay, what now', 'question'],
    ['Really?', 'question'],
    ['Yes, that makes sense', 'affirmation'],
    ['That sounds true', 'affirmation'],
    ['Good morning', 'greeting'],
    ['hi', 'greeting'],
    ['nothing', 'general_statement'],
    ['whatever', 'general_statement'],
    ['somehow, hardly a tissue', 'general_statement'],
    ['my right shoulder', 'general_statement'],
    ['No problem', 'general_statement'],
    ['', 'general_statement'],
  ])('%s is a %s', (text, category) => {
    expect(hear(text).input_category).toBe(category);
  });
});

describe('thinking', () => {
  test.each([
    ['I think my boss hates me', ['i think']],
    ['Because he lied. I suppose, because of money', ['because', 'i suppose']],
    ['I think it is in my chest. I believe he lies', ['i believe']],
  ])('found in: %s', (text, phrases) => {
    expect(checks(text).thinking_mode_detected).toEqual({ detected: true, phrases_found: phrases });
  });

  test.each([
    'I think it is in my chest',
    'I feel sad because he left',
    'I think I want to be at ease',
    "I've been thinking about hurting myself",
    'I think so',
    'thinking',
    '',
  ])('not found in: %s', (text) => {
    expect(checks(text).thinking_mode_detected).toEqual({ detected: false, phrases_found: [] });
  });
});

describe('the past', () => {
  test.each([
    ['When I was small, years ago', ['when i was', 'years ago']],
    ['I used to live there, I know the snow', ['used to']],
    ['A long time ago', ['long time ago']],
  ])('found in: %s', (text, phrases) => {
    expect(checks(text).past_tense_detected).toEqual({ detected: true, phrases_found: phrases });
  });

  test.each(['It was there before', 'before work', "I'm used to it", 'I never got used to it', ''])(
    'not found in: %s',
    (text) => {
      expect(checks(text).past_tense_detected).toEqual({ detected: false, phrases_found: [] });
    },
  );

  test.each(['I used to cry and now I do', 'Years ago, and today', 'Back then as at the moment'])(
    'the present beside it is noted: %s',
    (text) => {
      expect(checks(text).past_tense_detected).toEqual({
        detected: false,
        phrases_found: [],
        note: expect.stringMatching(/./),
      });
    },
  );
});

describe('not knowing', () => {
  test.each([
    ["I don't know", ['i do not know'], 'general'],
    ['i dont know', ['i dont know'], 'general'],
    ['I\u2019m not sure what I feel', ['i am not sure'], 'feelings'],
    ['No idea what I want', ['no idea'], 'goal'],
    ['Hard to say, no sensation', ['hard to say'], 'body_awareness'],
    ["I don't know why my chest is tight", ['i do not know'], 'body_awareness'],
    ['I really can\u2019t say. Unsure', ['cannot say', 'unsure'], 'general'],
  ])('found in: %s', (text, phrases, context) => {
    expect(checks(text).i_dont_know_detected).toEqual({
      detected: true,
      phrases_found: phrases,
      context,
      note: expect.stringMatching(/./),
    });
  });

  test.each(["You don't know me", 'I know it for sure', 'not pressured', ''])('not found in: %s', (text) => {
    expect(checks(text).i_dont_know_detected).toEqual({
      detected: false,
      phrases_found: [],
      context: 'general',
      note: '',
    });
  });
});

describe('self-harm', () => {
  test('tells what the screening found', () => {
    const original = 'I want to die';

    const { preprocessing } = perceive({
      original,
      plain: fold(original),
      selfHarm: { detected: true, phrases: ['want to die'] },
    });

    expect(preprocessing.safety_checks.self_harm_detected).toEqual({
      detected: true,
      phrases_found: ['want to die'],
      severity: 'high',
    });
  });

  test('tells nothing of its own', () => {
    expect(checks('I need to send it to my boss').self_harm_detected).toEqual({
      detected: false,
      phrases_found: [],
      severity: 'none',
    });
  });
});

describe('any text', () => {
  test.each(['', '   ', '😀', '{{constructor}}', '__proto__ constructor toString', '*3\r\n$3', '<script>'])(
    'fits the contract: %j',
    (text) => {
      expect(Preprocessing.parse(hear(text))).toEqual(hear(text));
      expect(hear(text).original_input).toBe(text);
    },
  );

  test('keeps the original and fits the contract', () => {
    const pieces = fc.constantFrom(
      "I don't know",
      'Anxios',
      'used to',
      'down',
      '\u2019',
      '.',
      '?',
      '\n',
      'not ',
      'or ',
    );
    const texts = fc
      .array(fc.oneof(fc.string({ unit: 'binary' }), pieces), { maxLength: 30 })
      .map((parts) => parts.join(' '));
    fc.assert(
      fc.property(texts, (text) => {
        const heard = hear(text);

        expect(heard.original_input).toBe(text);
        expect(Preprocessing.parse(heard)).toEqual(heard);
        expect(heard.corrected_input.split(' ')).toHaveLength(heard.cleaned_input.split(' ').length);
      }),
      { numRuns: 500 },
    );
  });
});
