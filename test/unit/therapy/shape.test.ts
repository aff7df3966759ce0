import { describe, expect, test } from 'vitest';
import { createShaper } from '../../../src/therapy/shape.ts';
import { bare, line, say } from '../../support/shaped.ts';

describe('before the speech', () => {
  test.each([
    'Guide: ',
    'Therapist:\n',
    'Assistant: ',
    '**Guide:** ',
    '**Therapist**: ',
    'Dr. Q: ',
    'Dr. Anna Smith: ',
    'AI: ',
    'Response: ',
    'Answer:\n\n',
    'Guide：',
    '## ',
    '### Response:\n',
    '- ',
    '* ',
    '• ',
    '1. ',
    '1) ',
    'Option 1: ',
    'Sure, here is a response:\n\n',
    'Sure! Here is a possible response: ',
    "Sure, here's a warm and supportive response that the guide might give to this person:\n",
    "Here's what you could say: ",
    'Here is what I would say:\n',
    'You could say: ',
    'As the guide, I would say: ',
    'Certainly! ',
    'Of course! ',
    'Certainly! Here is the reply:\nGuide: ',
    ' \n\n ',
    '<think>They feel sad. Where? Person: no.</think>\n\n',
    '<s> ',
  ])('%j is not said', (prefix) => {
    expect(say(`${prefix}I hear you. What is there?`)).toBe('I hear you. What is there?');
  });

  test.each([
    'Sure. Take your time.',
    'Sure, take your time.',
    'Of course you may rest.',
    'Here is a chair: sit down.',
    'You could say it is heavy.',
    'I would like to stay with that.',
    'Guide your breath a little lower.',
    'Responses like that are common.',
    'Dr. Smith may know that better than I do.',
    'Ai, that hurts.',
    '10 breaths from now, look again.',
    '-5 degrees is cold.',
    '#1 is you.',
    '<3 to you.',
    '{ it is a lot }',
    'In your own time: look around.',
  ])('%j is speech', (text) => {
    expect(say(text)).toBe(text);
  });

  test('a name of the person cuts: the model talks for them', () => {
    expect(say('Person: I feel sad.\nGuide: That is a lot.')).toBe(line);
  });

  test('holds no more than forty units back', () => {
    const texts = [
      'Okay, here is an enormous lot of time and quiet',
      'Dr. Wolfeschlegelsteinhausenbergerdorff is',
    ];
    for (const text of texts) {
      const shaper = createShaper(bare, '');

      expect(shaper.push(text.slice(0, 41)).length).toBeGreaterThan(0);
    }
  });

  test('gives the first harmless word at once', () => {
    expect(createShaper(bare, '').push('Welcome')).toBe('Welcome');
  });
});

describe('a quotation mark at the beginning', () => {
  test.each([
    ['"I hear you. What is there?"', 'I hear you. What is there?'],
    ['“I hear you. What is there?”', 'I hear you. What is there?'],
    ['„Ich höre dir zu.“ Das ist gut.', 'Ich höre dir zu.'],
    ['« Je vous écoute. »', 'Je vous écoute.'],
    ['「聞いています。」', '聞いています。'],
    ["'I don't know.' That is fine.", "I don't know."],
    ['"I hear you." This answer is warm and short.', 'I hear you.'],
    ['"I hear you"\n"Or this"', 'I hear you'],
    ['Guide: "I hear you."', 'I hear you.'],
    ['"You said "heavy". Where is it?" And more.', 'You said "heavy". Where is it?'],
    ['"Calm" is a good word. What is there?', 'Calm is a good word. What is there?'],
    ['"I hear you. What', 'I hear you. What'],
  ])('of %j goes with its partner', (text, expected) => {
    expect(say(text)).toBe(expected);
  });

  test.each(['You said "heavy". What is there?', 'Let\'s rest. It\'s "fine".'])('%j keeps others', (text) => {
    expect(say(text)).toBe(text);
  });
});

describe('an answer wrapped in JSON', () => {
  test.each([
    [
      '{"response": "I hear you.\\nWhat is \\"there\\"?", "confidence": 0.9}',
      'I hear you.\nWhat is "there"?',
    ],
    ['```json\n{\n  "reply": "caf\\u00e9 \\ud83d\\ude42 ok."\n}\n```', 'café 🙂 ok.'],
  ])('%j is unwrapped', (text, expected) => {
    expect(say(text)).toBe(expected);
  });
});

describe('the reply ends before', () => {
  test.each([
    '\n- calm\n- light',
    '\n* calm',
    '\n1. calm',
    '\n\nPerson: I feel it too.',
    '\nUser: hello',
    '\n**Client:** hello',
    '\nGuide: hello',
    '\n### Instruction',
    '\n---\nhello',
    '\n```',
    '\n\nOr:\nI am here.',
    ' Or: I am here.',
    ' Alternatively: I am here.',
    '\n\nAlternatively, you could say: I am here.',
    '\n\nOption 2: I am here.',
    '\n\n**Option 2**\nI am here.',
    '\n\n(Note: this answer is warm.)',
    '<|im_end|>\n<|im_start|>user',
    '<|eot_id|>',
    '[INST] hello',
    ' [/INST]',
    ' ### Instruction: hello',
    '</s>',
    '<end_of_turn>',
  ])('%j', (rest) => {
    expect(say(`I hear you.${rest}`)).toBe('I hear you.');
    expect(say(`I hear you${rest}`)).toMatch(/^I hear you(?: ?(?:Or|Alternatively): I am here\.)?$/);
  });

  test.each([
    'I hear you.\n\nYou are here - now.',
    'I hear you. <3 a [short] pause # 1.',
    'I hear you.\n10 breaths. 2 more.',
    'I hear you.\nOr rest a little.',
    'I hear you.\nPersonal things are fine.',
    'I hear you. Note that: it is there.',
  ])('nothing of %j', (text) => {
    expect(say(text)).toBe(text);
  });

  test('thoughts, which are dropped wherever they are', () => {
    expect(say('I hear <thinking>hm. ok? no.</thinking>you.')).toBe('I hear you.');
  });
});

describe('emphasis', () => {
  test.each([
    ['I **hear** you.', 'I hear you.'],
    ['*Breathe in* and _out_.', 'Breathe in and out.'],
    ['***Now.*** Then.', 'Now. Then.'],
    ['Take **3** breaths.', 'Take 3 breaths.'],
    ['这是**重要**的。', '这是重要的。'],
  ])('of %j goes', (text, expected) => {
    expect(say(text)).toBe(expected);
  });

  test.each(['2 * 3 * 4 is 24.', 'a*b*c', 'snake_case_word', '^_^ and T_T', '5*', 'I feel ___.', 'f(x)**2'])(
    '%j has none',
    (text) => {
      expect(say(text)).toBe(text);
    },
  );
});

test('the guide speaks when nothing is left', () => {
  for (const text of [
    '',
    ' \n ',
    'Guide:',
    'Certainly!',
    '<think>on and on',
    '<|eot_id|>',
    'Here is a response:',
    '""',
  ]) {
    expect(say(text)).toBe(line);
  }
});
