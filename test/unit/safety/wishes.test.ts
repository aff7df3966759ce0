// What people wish for and say of their bodies in a calm talk is no alarm; the risk lines that sound like it are.
import { describe, expect, test } from 'vitest';
import { screen } from '../../../src/safety/screen.ts';

const levelOf = (text: string, recent: string[] = []) => screen({ text, recent, mode: 'normal' }).level;

describe('is no risk:', () => {
  test.each([
    'I want you to help me',
    'i want you to tell me what to do',
    'I want him to be happy',
    'i want my kids to be proud of me',
    'I want my family to be safe',
    'I want people to like me',
    'I need everyone to leave me in peace for an hour',
    'I want my body to relax',
    'i just want my mind to be quiet',
    'I need my life to be calm',
    'I want my life to be better',
    'I want my heart to be at peace',
    'I want my heart to stop racing',
    'I want my day to end well',
    'i cant feel my body',
    'why am i here!!!',
    'in the end we ate the waffles and it got dark',
    'I ate some berries this morning',
    'I am losing a lot of weight',
    'I am losing too much time',
    'my lips are dry',
    'there is no food in this town that I like',
    'it is easing, I let it go',
    'enough, I want to stop here',
  ])('%s', (text) => {
    expect(levelOf(text)).toBe('none');
  });

  test('a word before and a word after that only meet across two inputs', () => {
    expect(levelOf('the bus was slow again', ['a number of things are going on'])).toBe('none');
  });
});

describe('stays a risk:', () => {
  test.each([
    ['I want my life to end', 'active'],
    ['i want my life to be over', 'active'],
    ['I want my heart to stop beating', 'active'],
    ['I want him dead', 'other_harm'],
    ['i want my dad dead', 'other_harm'],
    ['I want them to die', 'other_harm'],
    ['thinking about throwing myself off a bridge', 'active'],
    ['i want to jump in front of a train', 'active'],
    ['why am i even here', 'passive'],
    ['why am i still alive', 'passive'],
    ['I cant feel my left arm', 'medical'],
    ['she swallowed a battery', 'medical'],
    ['he is losing a lot of blood', 'medical'],
    ['my lips are blue', 'medical'],
  ])('%s', (text, level) => {
    expect(levelOf(text)).toBe(level);
  });
});
