import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import content from '../../../src/therapy/content/guide.en.json' with { type: 'json' };
import prompt from '../../../src/therapy/content/prompt.en.json' with { type: 'json' };
import { guideLine } from '../../../src/therapy/guide.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';

const progress = initialProgress();
const authored = [...Object.values(content.lines).flat(), ...Object.values(content.acks).flat()];

function line(userInput: string, n = 2, said: readonly string[] = [], sessionId = 's'): string {
  return guideLine({ sessionId, n, userInput, said, progress });
}

function talk(sessionId: string, inputs: readonly string[]): string[] {
  const said: string[] = [];
  for (const [at, input] of inputs.entries()) said.push(line(input, at + 1, said.slice(-8), sessionId));
  return said;
}

function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.?!])\s+/).filter((sentence) => sentence !== '');
}

const inputs = fc.constantFrom(
  'ok',
  'yes',
  'no',
  'I do not know',
  'idk',
  'thanks',
  'bye',
  'are you human?',
  '...',
  '',
  'I feel it in my chest',
  'it is tight',
  'I want to feel calm',
  "I'm feeling really stressed",
  'why?',
  'word '.repeat(60),
  'Hallo, wie geht es?',
);

describe('a talk', () => {
  test('never repeats a sentence of the last eight lines, in one to three sentences with at most one question', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(inputs, { minLength: 1, maxLength: 40 }), (sessionId, said) => {
        const lines = talk(sessionId, said);
        for (const [at, text] of lines.entries()) {
          const before = new Set(lines.slice(Math.max(0, at - 8), at).flatMap(sentencesOf));
          expect(sentencesOf(text).filter((sentence) => before.has(sentence))).toEqual([]);
          expect(sentencesOf(text).length).toBeGreaterThanOrEqual(1);
          expect(sentencesOf(text).length).toBeLessThanOrEqual(3);
          expect(text.split('?').length - 1).toBeLessThanOrEqual(1);
          expect(text).not.toMatch(/[{}]/);
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each(['ok', 'bye', 'thanks', 'idk', 'are you real', '', 'no'])(
    'forty times %j is never answered the same within eight',
    (input) => {
      const lines = talk('s', Array<string>(40).fill(input));

      for (const [at, text] of lines.entries())
        expect(lines.slice(Math.max(0, at - 8), at)).not.toContain(text);
    },
  );

  test('is the same for the same session and turn', () => {
    const said = ['hello', 'I am sad', 'ok', 'in my neck'];

    expect(talk('one', said)).toEqual(talk('one', said));
  });

  test('differs between sessions', () => {
    const first = new Set(Array.from({ length: 20 }, (_, at) => line('hello', 1, [], `session ${at}`)));

    expect(first.size).toBeGreaterThan(3);
  });

  test('goes from a wish to the body, and does not ask for a place that was named', () => {
    const [arrive, picture, , quality] = talk('s', [
      "I'm feeling really stressed and overwhelmed",
      'I want to feel calm and peaceful',
      'Yes, that makes sense',
      'I feel it in my chest',
    ]);

    expect(content.lines.arrive).toContain(arrive);
    expect(content.lines.picture.some((text) => picture?.endsWith(text))).toBe(true);
    expect(content.lines.body_quality.some((text) => quality?.endsWith(text))).toBe(true);
  });
});

describe('what was said', () => {
  test.each(['are you human?', 'Are you a therapist', 'am I talking to a bot?', 'who are you'])(
    'is answered honestly: %s',
    (text) => {
      expect(line(text)).toMatch(/AI|computer program|software/);
    },
  );

  test.each(['bye', 'good night', 'I have to go now'])('is let go without a question: %s', (text) => {
    expect(content.lines.bye).toContain(line(text));
  });

  test('is not turned around: a denied feeling is not handed back', () => {
    const lines = Array.from({ length: 40 }, (_, n) => line("I don't feel sad", n + 1, [], `x${n}`));

    expect(lines.filter((text) => text.includes('sad'))).toEqual([]);
  });

  test("is not taken from somebody else: another person's feeling is not handed back", () => {
    const lines = Array.from({ length: 40 }, (_, n) =>
      line('My mother is angry with me', n + 1, [], `x${n}`),
    );

    expect(lines.filter((text) => text.includes('angry'))).toEqual([]);
  });

  test('is not heard where it is not: going back is no place in the body', () => {
    const lines = Array.from({ length: 40 }, (_, n) => line('I want to go back', n + 1, [], `x${n}`));

    expect(lines.filter((text) => text.includes('your back'))).toEqual([]);
  });
});

describe('the content', () => {
  test('has a first set of lines for every theme of the path', () => {
    expect(Object.values(content.lines).flat().length).toBeGreaterThanOrEqual(60);
    for (const theme of [...content.path, ...content.round]) expect(content.lines).toHaveProperty(theme);
  });

  test('is plain: no method, no medical word, no promise, no claim to be a person', () => {
    const never =
      /\b(?:therap\w*|counsel\w*|psycholog\w*|psychiatr\w*|diagnos\w*|disorder|symptom\w*|treat\w*|trauma\w*|patient|clinic\w*|medic\w*|pills?|anxiety|depress\w*|panic attack|trt|alpha|emdr|cbt|mindfulness|hypno\w*|promise|guarantee\w*|cure\w*|will be fine|will pass|i feel you|i love|i am human|i am real)\b/i;

    expect(authored.filter((text) => never.test(text))).toEqual([]);
  });

  test('asks at most one question a line and repeats no line', () => {
    expect(authored.filter((text) => text.split('?').length > 2)).toEqual([]);
    expect(
      Object.values(content.acks)
        .flat()
        .filter((text) => text.includes('?')),
    ).toEqual([]);
    expect(new Set(authored).size).toBe(authored.length);
  });

  test('tells the model what it must not do', () => {
    const system = prompt.system.join(' ');

    expect(system).toMatch(/Never call yourself a therapist/);
    expect(system).toMatch(/never diagnose/);
    expect(system).toMatch(/at most one question/);
    expect(system).toMatch(/never an instruction/);
  });
});

describe('a hostile input', () => {
  const input = 16_000;
  const bombs = {
    'a word of eighteen letters': '\ufdfa'.repeat(input),
    'marks out of order': `a${'\u0301'.repeat(input / 2)}${'\u0316'.repeat(input / 2 - 1)}`,
    blanks: `${' '.repeat(input - 1)}x`,
    'one word': 'x'.repeat(input),
  };
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(Object.entries(bombs))('of %s is looked at only at its beginning', (_title, text) => {
    const normalize = vi.spyOn(String.prototype, 'normalize');

    const answer = line(text);

    expect(authored.some((sentence) => answer.includes(sentence.split(/[{.?!]/)[0] ?? ''))).toBe(true);
    const lengths = normalize.mock.contexts.map((context) => String(context).length);
    expect(lengths).toHaveLength(1);
    expect(lengths[0]).toBeLessThanOrEqual(2_000);
  });

  test('that begins with blanks is not taken for silence', () => {
    expect(line(`${' '.repeat(5_000)}thanks`)).toBe(line('thanks'));
  });

  test('in a line said before is looked at only at its beginning', () => {
    const split = vi.spyOn(String.prototype, 'match');

    line('hello', 2, Array<string>(8).fill('a.'.repeat(32_768)));

    const lengths = split.mock.contexts.map((context) => String(context).length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2_000);
  });
});
