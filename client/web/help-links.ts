// Links to call, write to or open a place of help. What is not surely a number gets no link: a wrong number is worse than none. [R3]
import type { Help } from '../sdk/api.ts';

type Resource = Help['resources'][number];

/** Digits as they are written in Arabic, Persian and Hindi. */
const digitZeros = [0x0660, 0x06f0, 0x0966];

function plain(text: string): string {
  return text.normalize('NFKC').replaceAll(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g, (digit) => {
    const code = digit.charCodeAt(0);
    const zero = digitZeros.find((zero) => code >= zero && code < zero + 10) ?? code;
    return String(code - zero);
  });
}

/** A stroke stands in a number after an area code (`0800/111 0 111`); elsewhere it stands between two numbers. */
const NUMBER = String.raw`(?:0\d{2,4}/)?\+?\(?\d(?:[\d\s().\u2010-\u2015-]*\d)?\)?`;
const EXTENSION = String.raw`(?:\s*(?:,+|;\s*ext=|ext\.?|x)\s*|\s*,?\s*\(?\s*(?:then\s+)?press\s+)(?<extension>\d{1,6})\)?`;
const phoneForm = new RegExp(
  `^(?<number>${NUMBER})(?:${EXTENSION})?(?:\\s*(?:,|;|\\bor\\b|\\s/\\s|\\().*)?$`,
  'iu',
);

/** Only what a phone dials: the (0) of `+49 (0)30` is not dialled after a country code. */
function dialled(number: string): string | null {
  const written = number.trim().startsWith('+') ? number.replace(/\(0\)/, '') : number;
  const digits = written.replaceAll(/\D/g, '');
  if (digits.length < 2 || digits.length > 15) return null;
  return (written.trim().startsWith('+') ? '+' : '') + digits;
}

/** `tel:` with the first number of the text; an extension follows after a comma. Null where there is none. */
export function telLink(phone: string): string | null {
  const { number, extension } = phoneForm.exec(plain(phone).trim())?.groups ?? {};
  const digits = number === undefined ? null : dialled(number);
  if (digits === null) return null;
  return `tel:${digits}${extension === undefined ? '' : `,${extension}`}`;
}

export interface TextWay {
  /** As it is shown. */
  number: string;
  /** What to write, where the line asks for a word. */
  word: string | null;
  /** Null where the number is not surely one. */
  href: string | null;
}

const wordForm = new RegExp(
  `^(?:(?:text|send|sms)\\s+)?["'\u201c\u2018]?(?<word>\\p{L}[\\p{L}\\d]*)["'\u201d\u2019]?\\s+(?:to|at|an)\\s+(?<number>${NUMBER})$`,
  'iu',
);
const nameForm = /\((?:text|sms)\s+["'“‘]?(?<word>\p{Lu}[\p{Lu}\d]*)["'”’]?\)/u;

function smsLink(number: string, word: string | null): string | null {
  const form = new RegExp(`^${NUMBER}$`, 'u');
  const digits = form.test(number) ? dialled(number) : null;
  if (digits === null) return null;
  return `sms:${digits}${word === null ? '' : `?&body=${encodeURIComponent(word)}`}`;
}

/** A text to a line: the word it asks for is in the field (`HOME to 741741`) or in the name (`Shout (text SHOUT)`). */
export function textWay({ name, sms }: Pick<Resource, 'name' | 'sms'>): TextWay | null {
  if (sms === undefined || sms.trim() === '') return null;
  const text = plain(sms).trim();
  const asked = wordForm.exec(text)?.groups;
  const number = asked?.['number'] ?? text;
  const word = asked?.['word'] ?? nameForm.exec(name)?.groups?.['word'] ?? null;
  const href = smsLink(number, word);
  return href === null ? { number: sms, word: null, href } : { number, word, href };
}

/** The address of a page, if it is a safe one, and the name it is shown by. */
export function siteLink(url: string): { href: string; site: string } | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, pathname } = new URL(url);
  if (protocol !== 'https:') return null;
  return { href: url, site: host.replace(/^www\./, '') + (pathname === '/' ? '' : pathname) };
}
