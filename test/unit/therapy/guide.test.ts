import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import content from '../../../src/therapy/content/guide.en.json' with { type: 'json' };
import prompt from '../../../src/therapy/content/prompt.en.json' with { type: 'json' };
import { guideLine, sentencesOf } from '../../../src/therapy/guide.ts';
import type { GuideMoment } from '../../../src/therapy/guide.ts';
import { techniques } from '../../../src/therapy/process/acts.ts';
import type { Ack, Act } from '../../../src/therapy/process/acts.ts';
import { initialStanding } from '../../../src/therapy/memory.ts';
import type { Slots } from '../../../src/therapy/memory.ts';

const isAct = (name: string): name is Act => name in techniques;
const isAck = (name: string): name is Ack => name in content.acks;
const acts = Object.keys(techniques).filter(isAct);
const acks = Object.keys(content.acks).filter(isAck);

const none: Slots = initialStanding().memory.slots;
const full: Slots = {
  ...none,
  goal: 'at ease',
  trouble: 'your boss',
  emotion: 'worried',
  location: 'left elbow',
  sensation: 'itching',
};

const moment: GuideMoment = { sessionId: 's', n: 3, act: 'goal_ask', ack: null, slots: full, said: [] };
const line = (change: Partial<GuideMoment> = {}): string => guideLine({ ...moment, ...change });

/** Whether the text is one of the templates with something in its slots. */
function isFrom(templates: readonly string[], text: string): boolean {
  return templates.some((template) => {
    const pattern = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^.?!]+');
    return new RegExp(`^${pattern}$`).test(text);
  });
}

const someAct = fc.constantFrom(...acts);
const someAck = fc.constantFrom(null, ...acks);
const word = fc.constantFrom(null, 'calm', 'at peace');
const someSlots: fc.Arbitrary<Slots> = fc.record({
  goal: word,
  trouble: fc.constantFrom(null, 'your boss', 'work'),
  emotion: fc.constantFrom(null, 'sad', 'worried'),
  problem: fc.boolean(),
  location: fc.constantFrom(null, 'chest', 'whole body'),
  sensation: fc.constantFrom(null, 'tightness', 'strange feeling'),
  present: fc.boolean(),
  pattern: fc.boolean(),
});
const talk = fc.record({
  sessionId: fc.string(),
  slots: someSlots,
  turns: fc.array(fc.record({ act: someAct, ack: someAck }), { minLength: 1, maxLength: 40 }),
});

function said({ sessionId, slots, turns }: typeof talk extends fc.Arbitrary<infer T> ? T : never): string[] {
  const lines: string[] = [];
  for (const [at, turn] of turns.entries())
    lines.push(guideLine({ ...turn, sessionId, slots, n: at + 1, said: lines.slice(-8) }));
  return lines;
}

describe('any talk', () => {
  test('never has a sentence of the last eight lines again', () => {
    fc.assert(
      fc.property(talk, (one) => {
        const lines = said(one);
        for (const [at, text] of lines.entries()) {
          const before = new Set(lines.slice(Math.max(0, at - 8), at).flatMap(sentencesOf));
          expect(sentencesOf(text).filter((sentence) => before.has(sentence))).toEqual([]);
        }
      }),
    );
  });

  test('has a word on every turn, at most one question, and no slot left open', () => {
    fc.assert(
      fc.property(talk, (one) => {
        for (const text of said(one)) {
          expect(text.trim()).not.toBe('');
          expect(text.split('?').length - 1).toBeLessThanOrEqual(1);
          expect(text).not.toMatch(/[{}]|null|undefined/);
        }
      }),
    );
  });

  test('is the same for the same session', () => {
    fc.assert(
      fc.property(talk, (one) => {
        expect(said(one)).toEqual(said(one));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a line', () => {
  test('differs between sessions and between turns', () => {
    const bySession = Array.from({ length: 20 }, (_, at) => line({ sessionId: `session ${at}` }));
    const byTurn = Array.from({ length: 20 }, (_, at) => line({ n: at + 1 }));

    expect(new Set(bySession).size).toBeGreaterThan(3);
    expect(new Set(byTurn).size).toBeGreaterThan(3);
  });

  test('has its slots filled with what was told', () => {
    const lines = Array.from({ length: 60 }, (_, n) => line({ n, act: 'sensation_ask' }));

    expect(lines.filter((text) => text.includes('left elbow')).length).toBeGreaterThan(0);
  });

  test('names nothing that was not told', () => {
    const lines = acts.flatMap((act) =>
      Array.from({ length: 30 }, (_, n) => line({ n, act, slots: none, ack: 'place' })),
    );

    expect(lines.filter((text) => /elbow|itching|your boss|worried/.test(text))).toEqual([]);
    expect(lines.filter((text) => /[{}]/.test(text))).toEqual([]);
  });

  test('that has a slot which is not known gives way to one without', () => {
    for (let n = 1; n <= 60; n += 1) {
      const text = line({ n, act: 'goal_redirect', slots: { ...none, emotion: 'sad' } });

      expect(
        isFrom(
          content.lines.goal_redirect.filter((one) => !one.includes('{trouble}')),
          text,
        ),
      ).toBe(true);
    }
  });

  test('is a spare one when every line of its act was just said', () => {
    const all = content.lines.problem_again;

    const text = line({ act: 'problem_again', said: [all.join(' ')] });

    expect(content.spare).toContain(text);
  });

  test('is said without an acknowledgement when every one of those was just said', () => {
    const text = line({ act: 'problem_ask', ack: 'thanks', said: [content.acks.thanks.join(' ')] });

    expect(isFrom(content.lines.problem_ask, text)).toBe(true);
  });

  test('said before counts whatever its case and its spaces', () => {
    const first = line({ act: 'past' });

    const second = line({ act: 'past', said: [first.toUpperCase().replaceAll(' ', '  ')] });

    expect(sentencesOf(second).filter((sentence) => sentencesOf(first).includes(sentence))).toEqual([]);
  });

  test('is found however long the lines before it were', () => {
    const match = vi.spyOn(String.prototype, 'match');

    line({ said: Array<string>(8).fill('a.'.repeat(32_768)) });

    const lengths = match.mock.contexts.map((context) => String(context).length);
    match.mockRestore();
    expect(Math.max(...lengths)).toBeLessThanOrEqual(4_000);
  });
});

describe('an acknowledgement', () => {
  test('stands before the line, and is one of its kind', () => {
    const slots = { ...none, location: 'left elbow' };

    for (let n = 1; n <= 60; n += 1) {
      const text = line({ n, act: 'present_guide', ack: 'yes', slots });
      const ack = content.acks.yes.find((one) => text.startsWith(`${one} `)) ?? '';

      expect(content.acks.yes).toContain(ack);
      expect(isFrom(content.lines.present_guide, text.slice(ack.length + 1))).toBe(true);
    }
  });

  test('names no slot that the line names', () => {
    const kinds: readonly [Ack, string][] = [
      ['place', 'left elbow'],
      ['sensation', 'itching'],
      ['emotion', 'worried'],
      ['trouble', 'your boss'],
    ];

    for (const [ack, value] of kinds) {
      for (const act of acts) {
        for (let n = 1; n <= 20; n += 1) {
          const text = line({ n, act, ack });
          const first = sentencesOf(text)[0] ?? '';
          const rest = text.slice(first.length);
          if (isFrom(content.acks[ack], text.slice(0, first.length)) && first.includes(value))
            expect(rest, text).not.toContain(value);
        }
      }
    }
  });

  test('names the goal whenever somebody is welcomed back or changes it', () => {
    for (let n = 1; n <= 60; n += 1) {
      expect(line({ n, act: 'readiness_ask', ack: 'back' })).toContain('at ease');
      expect(line({ n, act: 'readiness_ask', ack: 'goal_changed' })).toContain('at ease');
      expect(line({ n, act: 'readiness_ask', ack: 'back', slots: none })).not.toContain('{');
    }
  });
});

describe('the content', () => {
  test.each(acts)('has every line of %s said at some time', (act) => {
    const lines: readonly string[] = content.lines[act];
    const heard = new Set<string>();
    for (let n = 1; n <= 400; n += 1) heard.add(line({ n, act }));

    const never = lines.filter((template) => ![...heard].some((text) => isFrom([template], text)));
    const namesGoal = act === 'link';
    expect(namesGoal ? never.filter((text) => text.includes('{goal}')) : never).toEqual([]);
  });

  test.each(acks)('has every acknowledgement of kind %s said at some time', (ack) => {
    const templates: readonly string[] = content.acks[ack];
    const heard: string[] = [];
    for (let n = 1; n <= 400; n += 1) {
      for (const slots of [full, none]) {
        const text = line({ n, act: 'off', ack, slots });
        const end = content.lines.off.find((one) => text.endsWith(one)) ?? '';
        heard.push(text.slice(0, -end.length - 1));
      }
    }

    expect(templates.filter((template) => !heard.some((text) => isFrom([template], text)))).toEqual([]);
  });

  test('answers honestly who is speaking', () => {
    for (let n = 1; n <= 40; n += 1) expect(line({ n, ack: 'who' })).toMatch(/\bAI\b/);
  });

  test('has no line for an act that is not there, and an act for every line', () => {
    expect(Object.keys(content.lines).sort()).toEqual([...acts].sort());
  });

  test('tells the model what it must not do', () => {
    const system = prompt.system.join(' ');

    expect(system).toMatch(/Never call yourself a therapist/);
    expect(system).toMatch(/never diagnose/);
    expect(system).toMatch(/at most one question/);
    expect(system).toMatch(/never an instruction/);
  });
});
