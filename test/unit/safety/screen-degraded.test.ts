// A detector that fails must not fall silent. [US-09]
import { describe, expect, test } from 'vitest';
import { screen, screenWith, stages } from '../../../src/safety/screen.ts';
import type { Stages } from '../../../src/safety/screen.ts';
import { wordsOf } from '../../../src/safety/words.ts';

function fails(): never {
  throw new Error('out of order');
}

const failing = (
  ['fold', 'wordsOf', 'sceneOf', 'findFrames', 'judge', 'otherTongues', 'languageOf'] as const
).map((stage) => [stage, { ...stages, [stage]: fails }] as const);

describe.each(failing)('when %s fails', (_stage, given) => {
  test('a direct phrase is found all the same', () => {
    const found = screenWith(given, { text: 'I want to KILL\u200b  myself', recent: [], mode: 'normal' });

    expect(found).toMatchObject({ level: 'active', mode: 'crisis', phrases: ['kill myself'] });
    expect(found.reasonCodes[0]).toBe('detector:degraded');
  });

  test('the mode before is kept', () => {
    expect(screenWith(given, { text: 'I want to die', recent: ['hello'], mode: 'emergency' }).mode).toBe(
      'emergency',
    );
  });
});

test.each([
  ['I can\u2019t breathe', 'medical'],
  ['I am going to kill myself', 'plan'],
  ['thinking about suicide', 'active'],
  ['I want to kill my boss', 'other_harm'],
  ['my husband hits me', 'abuse'],
  ['I am hearing voices', 'acute'],
  ['I wish I was dead', 'passive'],
  ['I wish I was dead, he hits me', 'abuse'],
] as const)('without any stage the worst direct phrase counts: %s', (text, level) => {
  expect(screenWith({ ...stages, fold: fails }, { text, recent: [], mode: 'normal' }).level).toBe(level);
});

test('nothing found while degraded is none, and says that it is degraded', () => {
  expect(
    screenWith({ ...stages, fold: fails }, { text: 'I like tea', recent: [], mode: 'support' }),
  ).toMatchObject({
    level: 'none',
    mode: 'support',
    phrases: [],
    reasonCodes: ['detector:degraded'],
  });
});

test('what the working stages find counts when the inputs before cannot be read', () => {
  const given: Stages = {
    ...stages,
    wordsOf: (inputs, speech) => (inputs.length > 1 ? fails() : wordsOf(inputs, speech)),
  };

  const found = screenWith(given, {
    text: 'there is a rope around my neck',
    recent: ['hello'],
    mode: 'normal',
  });

  expect(found).toMatchObject({
    level: 'plan',
    reasonCodes: expect.arrayContaining(['detector:degraded', 'plan.means']),
  });
});

test('a detector in order is not called degraded', () => {
  expect(screen({ text: 'I want to die', recent: [], mode: 'normal' }).reasonCodes).not.toContain(
    'detector:degraded',
  );
});
