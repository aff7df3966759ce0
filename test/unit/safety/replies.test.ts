// The fixed replies of every language hold what SAFETY.md 1.3 asks for, and nothing of what 1.4 forbids.
import { describe, expect, test } from 'vitest';
import { isSafe } from '../../../src/safety/guard.ts';
import { allReplies, english, repliesFor } from '../../../src/safety/replies.ts';
import type { Found, Replies } from '../../../src/safety/replies.ts';
import { reply } from '../../../src/safety/reply.ts';
import { placeOf } from '../../../src/safety/resources.ts';

const required: Readonly<Record<Found, readonly string[]>> = {
  passive: ['R1', 'R2', 'R3', 'R4', 'R7'],
  active: ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R9'],
  plan: ['R1', 'R2', 'R3', 'R4', 'R5', 'R9', 'R10', 'R11'],
  past_attempt: ['R1', 'R2', 'R3', 'R7'],
  other_harm: ['R1', 'R2', 'R5', 'R12'],
  abuse: ['R1', 'R3', 'R13'],
  acute: ['R1', 'R3', 'R14'],
  medical: ['R15'],
};
/** A repeat says less: that it was heard, where help is, and the question. */
const repeated = ['R1', 'R2', 'R3'];
const levels = [
  'passive',
  'active',
  'plan',
  'past_attempt',
  'other_harm',
  'abuse',
  'acute',
  'medical',
] as const;

/** What an AI is called. */
const ai: Readonly<Record<string, RegExp>> = {
  en: /\bAI\b/,
  es: /\bIA\b/,
  fr: /\bIA\b/,
  pt: /\bIA\b/,
  it: /\bIA\b|intelligenza artificiale/i,
  de: /\bKI\b/,
  nl: /\bAI\b/,
  sv: /\bAI\b/,
  pl: /\bAI\b|sztuczn/i,
  ru: /\bИИ\b|ИИ|искусственн/i,
  uk: /ШІ|штучн/i,
  tr: /yapay zek|\bYZ\b/i,
  id: /\bAI\b|kecerdasan buatan/i,
  vi: /\bAI\b|trí tuệ nhân tạo/i,
  ar: /ذكاء (?:ا|إ)صطناعي|الذكاء الاصطناعي|AI/,
  hi: /AI|एआई|कृत्रिम/,
  'hi-Latn': /\bAI\b/,
  zh: /AI|人工智能|人工智慧/,
  ja: /AI|人工知能/,
  ko: /AI|인공지능/,
};

/** One place of each kind: known, without a line of its own, unknown. */
const places = [
  { country: 'US', locale: null },
  { country: 'DE', locale: null },
  { country: 'JP', locale: null },
  { country: 'XX', locale: null },
  { country: null, locale: null },
  { country: null, locale: 'en-GB' },
];

const everyText = (replies: Replies): string[] => [
  ...Object.values(replies.first).flatMap((lines) => lines.map(({ text }) => text)),
  ...Object.values(replies.again).flatMap((lines) => lines.map(({ text }) => text)),
  ...Object.values(replies.later).flat(),
  ...Object.values(replies.disclosure),
];
const slotsIn = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
const languages = [...allReplies.values()].map((replies) => [replies.language, replies] as const);

test('there are replies in twenty languages', () => {
  expect([...allReplies.keys()].sort()).toEqual(Object.keys(ai).sort());
});

describe.each(languages)('in %s', (language, replies) => {
  test.each(levels)('the first reply to %s holds every item', (level) => {
    const items = new Set(replies.first[level].flatMap(({ items: held }) => held));

    expect(required[level].filter((item) => !items.has(item))).toEqual([]);
  });

  test.each(levels)(
    'a repeat of the reply to %s says that it was heard, where help is, and asks',
    (level) => {
      const items = new Set(replies.again[level].flatMap(({ items: held }) => held));

      expect(repeated.filter((item) => !items.has(item) && level !== 'medical')).toEqual([]);
    },
  );

  test.each(levels)('the reply to %s fills every slot, everywhere, and names the number', (level) => {
    for (const place of places) {
      for (const isRepeat of [false, true]) {
        const text = reply({ level }, { ...place, language }, isRepeat)?.text ?? '';
        const found = placeOf(place);
        const needsEmergency = replies[isRepeat ? 'again' : 'first'][level].some((line) =>
          line.text.includes('{emergency}'),
        );

        expect(text).not.toMatch(/\{\w+\}|undefined|\n\n\n/);
        if (needsEmergency) expect(text).toContain(found?.emergency ?? '112');
        if (place.country === 'US' && level !== 'abuse') expect(text).toContain('988');
        if (!found) expect(text).toContain('findahelpline.com');
      }
    }
  });

  test.each(levels)('the reply to %s ends with a question', (level) => {
    for (const lines of [replies.first[level], replies.again[level]]) {
      expect(lines.at(-1)?.text).toMatch(/[?？؟]\s*$/u);
    }
  });

  test.each(levels)('the reply to %s says that this is an AI', (level) => {
    const text = replies.first[level].map((line) => line.text).join(' ');

    expect(text).toMatch(ai[language] ?? /never/);
  });

  test('every disclosure says that this is an AI', () => {
    for (const text of Object.values(replies.disclosure)) expect(text).toMatch(ai[language] ?? /never/);
  });

  test('it has the items and the slots of the English, line by line', () => {
    for (const part of ['first', 'again'] as const) {
      for (const level of levels) {
        const shape = ({ [part]: { [level]: lines } }: Replies) =>
          lines.map(({ items, text }) => [...items, ...slotsIn(text)]);
        expect(shape(replies)).toEqual(shape(english));
      }
    }
    for (const [name, text] of Object.entries(english.phrases)) {
      const said = Object.entries(replies.phrases).find(([key]) => key === name)?.[1] ?? '';
      expect([name, slotsIn(said)]).toEqual([name, slotsIn(text)]);
    }
  });

  test('nothing in it trips the guard', () => {
    expect(everyText(replies).filter((text) => !isSafe(text))).toEqual([]);
  });

  test.each(levels)('a repeat of the reply to %s is said in other words', (level) => {
    const said = new Set(replies.first[level].map(({ text }) => text));
    const isOwn = (text: string) => !/^\{\w+\}$/.test(text) && !/[?？؟]\s*$/u.test(text);

    expect(
      replies.again[level].filter(
        ({ text }) => isOwn(text) && said.has(text) && !text.includes('{emergency}'),
      ),
    ).toEqual([]);
  });
});

describe('the language of a reply', () => {
  test.each([
    [['es', 'en-US'], 'es'],
    [[null, 'fr-CA'], 'fr'],
    [[undefined, 'pt_BR'], 'pt'],
    [['hi-Latn', null], 'hi-Latn'],
    [[null, 'zh-Hant-TW'], 'zh'],
    [[null, 'fi-FI'], 'en'],
    [[null, null], 'en'],
    [[null, ''], 'en'],
  ] as const)('for %j is %s', (asked, language) => {
    expect(repliesFor(...asked).language).toBe(language);
  });
});
