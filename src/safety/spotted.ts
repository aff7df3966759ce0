// The check for when the detector has failed: a few direct phrases and nothing else, so that little of it can fail. It asks neither who
// nor when, and leans to the careful side. [US-09]
import type { SafetyLevel } from '../contract/types.ts';
import { levels } from './levels.ts';

export interface Spotted {
  level: SafetyLevel;
  phrase: string;
}

const direct: readonly (readonly [SafetyLevel, readonly string[]])[] = [
  [
    'medical',
    [
      'took all my pills',
      'took all the pills',
      'overdosed',
      'took an overdose',
      'stop bleeding',
      'bleeding out',
      'not breathing',
      "isn't breathing",
      "can't breathe",
      'cannot breathe',
      'heart attack',
      'slit my wrists',
      'unconscious',
    ],
  ],
  [
    'plan',
    [
      'going to kill myself',
      'gonna kill myself',
      'will kill myself',
      "i'll kill myself",
      'going to end my life',
      'suicide note',
      'goodbye everyone',
      'noose',
      'about to jump',
    ],
  ],
  [
    'active',
    [
      'kill myself',
      'killing myself',
      'killed myself',
      'suicid',
      'kms',
      'unalive',
      'end my life',
      'ending my life',
      'take my own life',
      'taking my own life',
      'want to die',
      'wanna die',
      'ready to die',
      'time to die',
      'way to die',
      'end it all',
      'ending it all',
      'self harm',
      'self-harm',
      'selfharm',
      'hurt myself',
      'hurting myself',
      'cut myself',
      'cutting myself',
      'hang myself',
      'shoot myself',
      'jump off a bridge',
      'overdose',
    ],
  ],
  [
    'other_harm',
    [
      'want to kill him',
      'want to kill her',
      'want to kill them',
      'want to kill someone',
      'want to kill people',
      'want to kill my boss',
      'want to kill my wife',
      'want to kill my husband',
      'homicidal',
    ],
  ],
  [
    'abuse',
    [
      'hits me',
      'beats me',
      'hit me',
      'beat me',
      'raped',
      'molested',
      'abuses me',
      'abusing me',
      'going to kill me',
    ],
  ],
  ['acute', ['hear voices', 'hearing voices', 'voices tell me', 'voices are telling me']],
  [
    'passive',
    [
      'wish i was dead',
      'wish i were dead',
      'better off dead',
      'better off without me',
      'want to live',
      'wanna live',
      'reason to live',
      'worth living',
      'want to exist',
      'want to disappear',
      'never wake up',
      'not wake up',
      "can't go on",
      'cannot go on',
      'be dead',
    ],
  ],
];

/** The direct phrases in a text, worst first. */
export function spotted(text: string): Spotted[] {
  const plain = text
    .replace(/\p{Cf}/gu, '')
    .toLowerCase()
    .replaceAll('\u2019', "'")
    .replace(/\s+/g, ' ');
  return direct
    .flatMap(([level, phrases]) =>
      phrases.filter((phrase) => plain.includes(phrase)).map((phrase) => ({ level, phrase })),
    )
    .sort((a, b) => levels[b.level].rank - levels[a.level].rank);
}
