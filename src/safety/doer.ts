// Who strikes: "he hits me" is told apart from "the sadness hits me". [US-05]
import { numberOf } from './frames.ts';
import type { Hit } from './frames.ts';
import { doers } from './rules.ts';
import { STOP } from './words.ts';
import type { Word } from './words.ts';

type Doer = 'person' | 'thing' | 'unsaid';

/** A doer farther away than this many words is not looked for. */
const REACH = 10;

function textAt(words: readonly Word[], at: number): string {
  return words[at]?.text ?? STOP;
}

function isThing(text: string): boolean {
  return doers.things.has(text) || doers.endings.some((ending) => text.endsWith(ending));
}

function isDeterminer(text: string): boolean {
  return doers.determiners.has(text) || numberOf(text) !== undefined;
}

/**
 * A noun no list knows: with "my" or nothing before it, it counts as a person, as a name does; with "the" or "a" it is a thing, and so is
 * what someone does ("being alone").
 */
function unknownKind(words: readonly Word[], at: number): Doer {
  let kind: Doer = 'person';
  for (let back = at - 1; back > at - 4 && textAt(words, back) !== STOP; back -= 1) {
    const text = textAt(words, back);
    if (text === 'my' || doers.persons.has(text)) return 'person';
    if (isDeterminer(text) || text.endsWith('ing')) kind = 'thing';
  }
  return kind;
}

/** The place of the noun that leads: "a friend of my dad" is led by the friend; -1 when losing or missing someone leads. */
function leaderOf(words: readonly Word[], noun: number): number {
  let at = noun;
  for (let steps = 0; steps < REACH; steps += 1) {
    let before = at - 1;
    while (before > at - 4 && isDeterminer(textAt(words, before))) before -= 1;
    if (doers.gerunds.has(textAt(words, before))) return -1;
    if (!doers.prepositions.has(textAt(words, before)) || textAt(words, before - 1) === STOP) return at;
    at = before - 1;
  }
  return at;
}

function kindOf(words: readonly Word[], noun: number): Doer {
  const at = leaderOf(words, noun);
  const text = textAt(words, at);
  if (at < 0) return 'thing';
  // "The one I love hits me".
  if (textAt(words, at - 1) === 'i') return nearest(words, at - 2);
  if (doers.persons.has(text)) return 'person';
  return isThing(text) ? 'thing' : unknownKind(words, at);
}

/** The nearest one before who or what can be the doer: "he comes home drunk and hits me". */
function nearest(words: readonly Word[], from: number): Doer {
  for (let at = from; at > from - REACH && textAt(words, at) !== STOP; at -= 1) {
    const text = textAt(words, at);
    if (text === 'it') return 'thing';
    if (doers.persons.has(text)) return kindOf(words, at);
  }
  return 'unsaid';
}

function doerBefore(words: readonly Word[], verb: number): Doer {
  let at = verb - 1;
  while (at > verb - REACH && doers.carriers.has(textAt(words, at))) at -= 1;
  const text = textAt(words, at);
  if (text === STOP) return 'unsaid';
  if (text === 'that' || text === 'which') {
    return textAt(words, at - 1) === STOP ? 'thing' : kindOf(words, at - 1);
  }
  return doers.clauses.has(text) ? nearest(words, at - 1) : kindOf(words, at);
}

/** Whether what is done to "me" in a hit is done by a thing. Nobody named is not a thing. */
export function isDoneByThing(hit: Hit, words: readonly Word[]): boolean {
  for (let at = hit.start + 1; at <= hit.end; at += 1) {
    if (textAt(words, at) === 'me') return doerBefore(words, at - 1) === 'thing';
  }
  return false;
}
