import { describe, expect, test } from 'vitest';
import { siteLink, telLink, textWay } from '../../../client/web/help-links.ts';
import table from '../../../src/safety/content/resources.json' with { type: 'json' };

interface Entry {
  name: string;
  phone?: string;
  sms?: string;
  url?: string;
}
const entries: readonly Entry[] = [...table.resources, table.international];
const emergencies = [...Object.values(table.countries).map(({ emergency }) => emergency), '112'];

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '');

describe('the places of the server', () => {
  const phones = [...entries.flatMap(({ phone }) => phone ?? []), ...emergencies];
  test.each([...new Set(phones)])('can be called: %s', (phone) => {
    expect(telLink(phone)).toBe(`tel:${digitsOf(phone)}`);
  });

  const texts = entries.flatMap(({ name, sms }) => (sms === undefined ? [] : [{ name, sms }]));
  test.each(texts)('can be written to: $name, $sms', (place) => {
    const word = /\(text ([A-Z]+)\)/.exec(place.name)?.[1];

    const href = textWay(place)?.href;

    expect(href).toBe(`sms:${digitsOf(place.sms)}${word === undefined ? '' : `?&body=${word}`}`);
  });

  test.each(entries.flatMap(({ url }) => url ?? []))('can be opened: %s', (url) => {
    expect(siteLink(url)?.href).toBe(url);
  });

  test('can each be reached', () => {
    const unreachable = entries.filter(
      (place) => !telLink(place.phone ?? '') && !textWay(place)?.href && !siteLink(place.url ?? ''),
    );

    expect(unreachable).toEqual([]);
  });
});

test.each([
  ['+44 116 123', 'tel:+44116123'],
  ['+49 (0)800 111 0 111', 'tel:+498001110111'],
  ['(020) 7946 0000', 'tel:02079460000'],
  ['0800/111 0 111', 'tel:08001110111'],
  ['1‑800‑422‑4453', 'tel:18004224453'],
  ['٩٨٨', 'tel:988'],
  ['９８８', 'tel:988'],
  ['988,1', 'tel:988,1'],
  ['988 ext. 1', 'tel:988,1'],
  ['1-800-273-8255 x12', 'tel:18002738255,12'],
  ['988 (press 1)', 'tel:988,1'],
  ['988, then press 1', 'tel:988,1'],
  ['116 123 or 0800 111 222', 'tel:116123'],
  ['116 123 / 0800 111 222', 'tel:116123'],
  ['116 123, 0800 111 222', 'tel:116123'],
  ['116 123 (free)', 'tel:116123'],
])('calls the number of %s', (phone, link) => {
  expect(telLink(phone)).toBe(link);
});

test.each([
  '',
  'see the site',
  '1-800-273-TALK',
  '1-800-273-TALK (8255)',
  '116123/112',
  '7',
  '+123456789012345678',
  'HOME to 741741',
])('makes no link of what is not surely a number: %s', (phone) => {
  expect(telLink(phone)).toBeNull();
});

test.each([
  ['HOME to 741741', '741741', 'HOME', 'sms:741741?&body=HOME'],
  ['Text HELLO to 50808', '50808', 'HELLO', 'sms:50808?&body=HELLO'],
  ['"Hi" to +1 555 0100', '+1 555 0100', 'Hi', 'sms:+15550100?&body=Hi'],
  ['HILFE an 85258', '85258', 'HILFE', 'sms:85258?&body=HILFE'],
  ['مرحبا to 85258', '85258', 'مرحبا', 'sms:85258?&body=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7'],
  ['0477 13 11 14', '0477 13 11 14', null, 'sms:0477131114'],
])('writes as %s says', (sms, number, word, href) => {
  expect(textWay({ name: 'A line', sms })).toEqual({ number, word, href });
});

test('takes the word from the name of the line', () => {
  expect(textWay({ name: 'Shout (text SHOUT)', sms: '85258' })?.word).toBe('SHOUT');
});

test.each(['write to us on the site', 'HOME', 'HOME to us', '741741?body=X&x=1'])(
  'shows a way to write that it does not know, without a link: %s',
  (sms) => {
    expect(textWay({ name: 'A line', sms })).toEqual({ number: sms, word: null, href: null });
  },
);

test('has no way to write where there is none', () => {
  expect(textWay({ name: 'A line' })).toBeNull();
});

test.each(['http://example.org', 'javascript:alert(1)', 'data:text/html,x', 'example.org', ''])(
  'opens nothing but https: %s',
  (url) => {
    expect(siteLink(url)).toBeNull();
  },
);

test('shows a page by its name and path', () => {
  expect(siteLink('https://www.samaritans.org/ireland')?.site).toBe('samaritans.org/ireland');
});
