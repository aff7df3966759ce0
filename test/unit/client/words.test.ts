import { describe, expect, test } from 'vitest';
import { chooseLanguage, createWords, languages, textsOf } from '../../../client/web/words.ts';

const english = textsOf('en');
const placeholders = (text = ''): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

describe.for(languages)('the words in %s', (language) => {
  const texts = textsOf(language);

  test('are there for every key, and for no other', () => {
    expect([...texts.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test('are never empty', () => {
    expect([...texts].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  test('have the same placeholders as the English ones', () => {
    const other = [...texts].filter(
      ([key, text]) => String(placeholders(text)) !== String(placeholders(english.get(key))),
    );

    expect(other).toEqual([]);
  });
});

describe('a language', () => {
  test.for([
    [null, ['en-GB'], 'en'],
    [null, ['de-AT', 'en'], 'de'],
    [null, ['AR-eg'], 'ar'],
    [null, ['fr', 'nl-BE', 'ar'], 'ar'],
    [null, ['fr'], 'en'],
    [null, [], 'en'],
    ['de', ['ar'], 'de'],
    ['xx', ['ar'], 'ar'],
    ['toString', ['de'], 'de'],
  ] as const)('chosen as %j by a browser that asks for %j is %s', ([chosen, wanted, language]) => {
    expect(chooseLanguage(chosen, wanted)).toBe(language);
  });

  test('is written from right to left in Arabic only', () => {
    expect(languages.filter((language) => createWords(language).dir === 'rtl')).toEqual(['ar']);
  });
});

describe('a text', () => {
  test('has its values in their places', () => {
    expect(createWords('en').t('chat.queuedAt', { position: 3 })).toBe(
      'Waiting for the guide: number 3 in line.',
    );
  });

  test('writes numbers as its language does', () => {
    expect(createWords('de').t('chat.queuedAt', { position: 1234.5 })).toContain('1.234,5');
  });

  test('takes a value with a placeholder or a replacement pattern in it as it is', () => {
    expect(createWords('en').t('chat.thisConversation', { id: "{id} $& $'" })).toBe(
      "Conversation id: {id} $& $'",
    );
  });

  test('keeps a placeholder that has no value', () => {
    expect(createWords('en').t('chat.thisConversation')).toBe('Conversation id: {id}');
  });
});
