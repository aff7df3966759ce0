import { describe, expect, test } from 'vitest';
import { fold } from '../../../src/safety/fold.ts';
import { hear } from '../../../src/therapy/hear/hear.ts';
import { perceive } from '../../../src/therapy/perceive.ts';

function listen(original: string) {
  const none = { detected: false, phrases: [] };
  const { preprocessing, text } = perceive({ original, plain: fold(original), selfHarm: none });
  return hear({ original, text, preprocessing });
}

describe('a wish that is turned down', () => {
  test.each([
    'I do not want to feel calm',
    "I don't want to feel calm",
    'I dont want to be calm',
    'I never want to feel calm again',
    'calm is not what I want',
  ])('is no goal, with a wish or bare: %s', (text) => {
    expect(listen(text)).toMatchObject({ goal: null, bareGoal: null });
  });
});

describe('a goal is heard', () => {
  test.each([
    ['I want to feel calm and peaceful', 'calm and peaceful'],
    ["I don't know, I want to be calm", 'calm'],
    ['i cant breathe properly, i want to feel calm', 'calm'],
    ['I have no energy, I want to feel strong', 'strong'],
    ['to be able to relax in the evening', 'relaxed'],
    ['just wanna be chill', 'relaxed'],
    ['i wnat to feel happy', 'happy'],
    ['not stressed, calm', 'calm'],
    ['idk, free i guess', 'free'],
  ])('%s', (text, goal) => {
    expect(listen(text).bareGoal).toBe(goal);
  });
});

describe('a story is no goal', () => {
  test.each([
    'I feel anything but calm',
    'I was calm until my sister called',
    'everyone else seems happy',
    'my husband wants me to be calm and it drives me mad',
    'is it free?',
    'I just want to make my mother happy',
    'I want him to be happy',
  ])('%s', (text) => {
    expect(listen(text)).toMatchObject({ goal: null, bareGoal: null });
  });
});

describe('whose body it is:', () => {
  test.each([
    'Why does the body do that?',
    'What happens in the stomach of a rabbit?',
    'all of it is bad',
    'it is all over with my wife',
    'everywhere I go there is noise',
    'her back hurts',
    'my mother feels tight in her chest',
    'It is a heavy topic',
    'stiff competition',
    'It was intense',
    'My chest does not hurt',
    'my stomach is not tense',
  ])('no place and no quality of one’s own is told by: %s', (text) => {
    expect(listen(text)).toMatchObject({ location: null, sensation: null });
  });
});

describe('the self-harm field of the wire is wide:', () => {
  test.each([
    'I would never hurt myself',
    'My friend wants to kill herself',
    'there is no point living',
    'overdose',
  ])('%s', (original) => {
    const none = { detected: false, phrases: [] };
    const { preprocessing } = perceive({ original, plain: fold(original), selfHarm: none });

    expect(preprocessing.safety_checks.self_harm_detected).toMatchObject({
      detected: true,
      severity: 'high',
    });
  });
});
