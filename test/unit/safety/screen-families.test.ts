// One line of each family of ways to say it, beside a calm neighbour of the same words.
import { expect, test } from 'vitest';
import { findFrames } from '../../../src/safety/frames.ts';
import { isOtherAtRisk, sceneOf } from '../../../src/safety/judge.ts';
import { frames, negators, speech } from '../../../src/safety/rules.ts';
import { fold } from '../../../src/safety/fold.ts';
import { screen } from '../../../src/safety/screen.ts';
import { wordsOf } from '../../../src/safety/words.ts';

const levelOf = (text: string) => screen({ text, recent: [], mode: 'normal' }).level;

test.each([
  ['when I try to picture the goal I only see myself dead', 'active', 'when I picture the goal I see a lake'],
  ['I look at the knives and think how easy it would be', 'active', 'I look at the knives and think of soup'],
  ['would jumping from the fourth floor do it', 'active', 'we moved to the fourth floor'],
  ['what would happen if I drank bleach', 'active', 'is bleach good against mould'],
  ['I do not want to kill myself but I cannot stop thinking about it', 'active', 'I would never kill myself'],
  ['the rope is already over the beam', 'plan', 'the rope of the boat is wet'],
  ['tell my kids I loved them', 'plan', 'tell my kids I am late'],
  ['you will not hear from me again', 'plan', 'you will not hear from me for a week, I am camping'],
  ['nobody would care if I died', 'passive', 'nobody would care if I skipped the party'],
  ['it would be a relief to not be here', 'passive', 'it would be a relief to be on holiday'],
  ['I do not deserve to live', 'passive', 'I do not deserve this promotion'],
  ['my chest hurts and I cannot breathe', 'medical', 'my chest hurts after all that coughing'],
  ['my friend just took a whole bottle of pills', 'medical', 'my friend takes a pill each day'],
  ['when I was a child my father hit me', 'abuse', 'when I was a child my father travelled a lot'],
  ['my uncle used to touch me', 'abuse', 'my uncle hugged me at the funeral'],
  ['I keep imagining drowning my daughter', 'other_harm', 'my daughter is drowning in homework'],
  ['aliens implanted something in me', 'acute', 'they have planted a tree in my street'],
  ['they talk to me through the tv and it never stops', 'acute', 'they talk to me about what is on tv'],
  ["I'm 13 and my stepdad scares me, nobody believes me", 'abuse', 'my stepdad scares me with his jokes'],
  ['I tried to hang myself when I was nineteen', 'past_attempt', 'I tried to hang the picture'],
  [
    'I once tried to kill myself, over fifteen years ago now',
    'past_attempt',
    'I moved here fifteen years ago',
  ],
])('finds %s as %s, and leaves alone: %s', (risk, level, calm) => {
  expect(levelOf(risk)).toBe(level);
  expect(levelOf(calm)).toBe('none');
});

function showsOther(text: string): boolean {
  const scene = sceneOf(wordsOf([fold(text)], speech));
  return findFrames(scene.words, frames, negators).some((hit) => isOtherAtRisk(hit, scene));
}

test.each([
  'my friend wants to kill herself',
  'my son told me he wants to die',
  'my brother cuts himself and I do not know how to help',
  'my girlfriend is suicidal',
  'my roommate says he would be better off dead',
])('somebody else at risk has no level, and is seen: %s', (text) => {
  expect(levelOf(text)).toBe('none');
  expect(showsOther(text)).toBe(true);
});

test.each([
  'my uncle killed himself years ago',
  'in the book the character wants to die',
  'my friend wants to move to Spain',
  'do you want to die',
  'I want to help my mother in the garden',
])('nobody else is at risk now: %s', (text) => {
  expect(showsOther(text)).toBe(false);
});

test.each([
  [['I just lost my job'], 'what bridges in this city are taller than 25 metres', 'active'],
  [['my husband left me', 'I feel hopeless'], 'how much paracetamol is too much', 'active'],
  [['we fly to New York in May'], 'what bridges in this city are taller than 25 metres', 'none'],
  [['I just lost my job'], 'how do I write a CV', 'none'],
] as const)('after %j, "%s" is %s [US-04]', (recent, text, level) => {
  expect(screen({ text, recent, mode: 'normal' }).level).toBe(level);
});
