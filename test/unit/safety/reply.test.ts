import { describe, expect, test } from 'vitest';
import type { SafetyLevel } from '../../../src/contract/types.ts';
import table from '../../../src/safety/content/resources.json' with { type: 'json' };
import { levels } from '../../../src/safety/levels.ts';
import { reply } from '../../../src/safety/reply.ts';

type Found = Exclude<SafetyLevel, 'none'>;
const found = [
  'passive',
  'active',
  'plan',
  'past_attempt',
  'other_harm',
  'abuse',
  'acute',
  'medical',
] as const;
const us = { locale: 'en-US', country: 'US' };
const unknown = { locale: null, country: null };

function textOf(level: Found, session: { locale: string | null; country: string | null } = us): string {
  return reply({ level }, session)?.text ?? '';
}

function namesOf(level: Found, session: { locale: string | null; country: string | null }): string[] {
  return reply({ level }, session)?.resources.map(({ name }) => name) ?? [];
}

/** What each level's reply must hold (SAFETY.md 1.2, 1.3). */
const items = {
  R1: /Thank you for|I believe you/,
  R2: /\?$/,
  R3: /988[\s\S]*free, confidential/,
  R4: /professional[\s\S]*trust|trust[\s\S]*professional/,
  R5: /911/,
  R6: /Are you able to/,
  R7: /look for someone|safety plan|one small step/,
  R9: /I am an AI, not a person\. I cannot call/,
  R10: /Put distance between you and anything/,
  R11: /come and stay with you/,
  R12: /Everybody's safety matters here[\s\S]*Put space between/,
  R13: /I believe you[\s\S]*not your fault[\s\S]*You choose[\s\S]*1-800-799-7233[\s\S]*this device/,
  R14: /someone you trust today[\s\S]*doctor[\s\S]*Rest/,
  R15: /^Call 911 now\.[\s\S]*1-800-222-1222[\s\S]*Stay in this chat/,
} as const;

const required: Readonly<Record<Found, readonly (keyof typeof items)[]>> = {
  passive: ['R1', 'R2', 'R3', 'R4', 'R7', 'R9'],
  active: ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R9'],
  plan: ['R1', 'R2', 'R3', 'R4', 'R5', 'R9', 'R10', 'R11'],
  past_attempt: ['R1', 'R2', 'R3', 'R7', 'R9'],
  other_harm: ['R1', 'R2', 'R5', 'R9', 'R12'],
  abuse: ['R1', 'R3', 'R9', 'R13'],
  acute: ['R1', 'R3', 'R9', 'R14'],
  medical: ['R9', 'R15'],
};
const cases = found.flatMap((level) => required[level].map((item) => [level, item] as const));

test.each(cases)('the reply to %s holds %s', (level, item) => {
  expect(textOf(level)).toMatch(items[item]);
});

describe.each(found)('the reply to %s', (level) => {
  const sessions = [
    us,
    unknown,
    { locale: 'en-US', country: null },
    ...Object.keys(table.countries).map((country) => ({ locale: null, country })),
  ];

  test('is short: at most two questions, each paragraph one idea in at most four sentences of at most 28 words', () => {
    for (const session of sessions) {
      const paragraphs = textOf(level, session).split('\n\n');
      expect(textOf(level, session).split('?').length - 1).toBeLessThanOrEqual(2);
      expect(paragraphs.length).toBeLessThanOrEqual(10);
      for (const paragraph of paragraphs) {
        const sentences = paragraph.split(/(?<=[.?!])\s+/);
        expect(sentences.length).toBeLessThanOrEqual(4);
        for (const sentence of sentences) expect(sentence.split(' ').length).toBeLessThanOrEqual(28);
      }
    }
  });

  test('has no slot left open and none of what must never be said', () => {
    const never =
      /[{}]|\b(?:commit|committed|failed|successful|selfish|promise|secret|guarantee|cheer up|calm down|at least you|don't worry|overreact|help is on|on (?:the|its) way|someone is coming|therapist|counsellor|counselor|psychologist|licensed|diagnos\w*|disorder|depress\w*|bipolar|psychosis|delusion\w*|dose|pills?|tablets?|rope|gun|knife|bridge|jump|hang|cut|overdose|method|burden|better off|i love you|lonely without|can't talk about|cannot help|unable to help|stop taking|take your)\b/i;
    for (const session of sessions) expect(textOf(level, session)).not.toMatch(never);
  });

  test('always offers the international page last', () => {
    for (const session of sessions) {
      expect(reply({ level }, session)?.resources.at(-1)?.url).toBe('https://findahelpline.com');
    }
  });

  test('shows no number of one country to a person of unknown country', () => {
    const notice = reply({ level }, unknown);
    const shown = [notice?.text, ...(notice?.resources ?? []).flatMap(({ phone, sms }) => [phone, sms])].join(
      ' ',
    );

    expect(shown).not.toMatch(/988|911|999|116|741741/);
    expect(notice?.text).toContain('https://findahelpline.com');
  });
});

test('nothing found means no reply', () => {
  expect(reply({ level: 'none' }, us)).toBeNull();
});

test.each([
  ['US', '988'],
  ['usa', '988'],
  ['CA', '988'],
  ['GB', '116 123'],
  ['UK', '116 123'],
  ['AU', '13 11 14'],
  ['DE', '0800 111 0 111'],
  ['AT', '142'],
  ['FR', '3114'],
  ['ES', '024'],
  ['IN', '14416'],
  ['BR', '188'],
])('a person in %s is given %s in the text and as data', (country, number) => {
  const notice = reply({ level: 'active' }, { locale: 'en', country });

  expect(notice?.text).toContain(number);
  expect(notice?.resources.map(({ phone }) => phone)).toContain(number);
});

test('the given country wins over the locale', () => {
  expect(textOf('active', { locale: 'en-US', country: 'GB' })).toContain('116 123');
  expect(textOf('active', { locale: 'en-US', country: 'GB' })).not.toContain('988');
});

test('a country without an entry gets the international page, whatever the locale', () => {
  expect(namesOf('active', { locale: 'en-US', country: 'KE' })).toEqual([
    'Emergency services (112 in many countries, or your local number)',
    'Find A Helpline',
  ]);
});

test('a country guessed from the locale is named as a guess, beside the way for everywhere else', () => {
  const text = textOf('plan', { locale: 'en-US', country: null });

  expect(text).toContain('In the United States, ');
  expect(text).toContain('Anywhere else, https://findahelpline.com');
  expect(text).toContain('often 112 elsewhere');
});

test('a locale without a region says nothing about the country', () => {
  expect(textOf('active', { locale: 'en', country: null })).toBe(textOf('active', unknown));
});

test('every country has an emergency number and a crisis line that is named in the text', () => {
  for (const country of Object.keys(table.countries)) {
    const line = table.resources.find((entry) => entry.country === country && entry.need === 'crisis');
    expect(line, country).toBeDefined();
    expect(textOf('plan', { locale: null, country })).toContain(line?.phone ?? 'no phone');
  }
});

test('every reply has a way that needs no voice', () => {
  for (const country of Object.keys(table.countries)) {
    const notice = reply({ level: 'active' }, { locale: null, country });
    expect(notice?.text).toMatch(/text|https:/);
    expect(notice?.resources.some(({ sms, url }) => sms !== undefined || url !== undefined)).toBe(true);
  }
});

test('every entry of the table says when and where it was checked', () => {
  for (const entry of table.resources) {
    expect(entry.source, entry.id).toBeTruthy();
    expect(entry, entry.id).toHaveProperty('last_verified');
  }
  expect(new Set(table.resources.map(({ id }) => id)).size).toBe(table.resources.length);
});

test('resources hold only what the contract names', () => {
  const fields = ['name', 'phone', 'sms', 'url', 'hours', 'country', 'language'];
  const resources = found.flatMap((level) => reply({ level }, us)?.resources ?? []);

  expect(
    resources.flatMap((resource) => Object.keys(resource)).filter((key) => !fields.includes(key)),
  ).toEqual([]);
});

test('the levels that get a reply are all but none', () => {
  expect(
    Object.keys(levels)
      .filter((level) => level !== 'none')
      .toSorted(),
  ).toEqual([...found].toSorted());
});
