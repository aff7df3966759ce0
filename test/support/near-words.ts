// The correct English words that lie one slip away from a word the speller corrects to, of two dictionaries together.
import words from 'an-array-of-english-words' with { type: 'json' };
import dictionary from 'dictionary-en';
import nspell from 'nspell';
import { nearest } from '../../src/therapy/hear/spelling.ts';

/** Every word form of both dictionaries, in lower case, sorted. */
export function englishWords(): string[] {
  const forms = Object.keys(nspell(dictionary).data);
  return [...new Set([...forms, ...words].map((word) => word.toLowerCase()))].sort();
}

export function nearWords(): string[] {
  return englishWords().filter((word) => /^[a-z]+$/.test(word) && nearest(word) !== undefined);
}
