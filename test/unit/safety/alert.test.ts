// What a receiver of alerts is told of where somebody is: a client may write anything into these fields.
import { expect, test } from 'vitest';
import { alertBody, localeTag } from '../../../src/safety/alert.ts';

const facts = {
  alertId: 'id',
  at: '2026-01-01T00:00:00.000Z',
  ref: 'ref',
  level: 'active',
  mode: 'crisis',
  urgency: 'urgent',
  codes: [],
  locale: null,
  country: null,
  language: null,
  isMinor: false,
  detector: { version: '1', hash: 'a' },
  guard: { version: '1', hash: 'b' },
  model: 'model',
} as const;

test.each([
  ['en', 'en'],
  ['en-GB', 'en-GB'],
  ['EN_gb', 'en-GB'],
  ['zh-Hant-TW', 'zh-TW'],
  ['es-419', 'es-419'],
  ['de-AT-x-anna', 'de-AT'],
  ['de-Anna', 'de'],
  ['my name is Anna', 'my'],
  ['Anna', null],
  ['anna-en', null],
  ['', null],
  [null, null],
])('of the locale %j a receiver gets %j', (locale, tag) => {
  expect(localeTag(locale)).toBe(tag);
  expect(JSON.parse(alertBody({ ...facts, locale })).locale).toBe(tag);
});

test.each([
  ['IE', 'IE'],
  ['nz', 'NZ'],
  ['United States', 'US'],
  ['where Anna lives', null],
  ['', null],
  [null, null],
])('of the country %j a receiver gets %j', (country, tag) => {
  expect(JSON.parse(alertBody({ ...facts, country })).country).toBe(tag);
});
