// The words of the page in every language it speaks. The English files say which keys there are.
import { createContext, useContext } from 'react';
import chatAr from './words/chat.ar.json' with { type: 'json' };
import chatDe from './words/chat.de.json' with { type: 'json' };
import chatEn from './words/chat.en.json' with { type: 'json' };
import partsAr from './words/parts.ar.json' with { type: 'json' };
import partsDe from './words/parts.de.json' with { type: 'json' };
import partsEn from './words/parts.en.json' with { type: 'json' };

interface WordFiles {
  chat: typeof chatEn;
  parts: typeof partsEn;
}

const files = {
  en: { chat: chatEn, parts: partsEn },
  de: { chat: chatDe, parts: partsDe },
  ar: { chat: chatAr, parts: partsAr },
} as const satisfies Record<string, WordFiles>;

export type Language = keyof typeof files;
export type WordKey =
  `chat.${Extract<keyof typeof chatEn, string>}` | `parts.${Extract<keyof typeof partsEn, string>}`;
/** What the placeholders of a text stand for; numbers are written as the language writes them. */
type WordValues = Readonly<Record<string, string | number>>;

export interface Words {
  readonly language: Language;
  readonly dir: 'ltr' | 'rtl';
  /** The text of that key; each `{name}` in it is replaced by the value of that name. */
  readonly t: (key: WordKey, values?: WordValues) => string;
}

/** In the order of the menu, each by the name its speakers have for it. */
export const languageNames: Readonly<Record<Language, string>> = {
  en: 'English',
  de: 'Deutsch',
  ar: 'العربية',
};

export const languages: readonly Language[] = ['en', 'de', 'ar'];

export function isLanguage(text: unknown): text is Language {
  return languages.some((language) => language === text);
}

/** The language somebody chose, else the first that the browser asks for and the page speaks, else English. */
export function chooseLanguage(chosen: string | null, wanted: readonly string[]): Language {
  if (isLanguage(chosen)) return chosen;
  for (const tag of wanted) {
    const [primary] = tag.toLowerCase().split('-');
    if (isLanguage(primary)) return primary;
  }
  return 'en';
}

/** Every text of a language by its key. */
export function textsOf(language: Language): ReadonlyMap<string, string> {
  const { chat, parts } = files[language];
  return new Map([
    ...Object.entries(chat).map(([key, text]): [string, string] => [`chat.${key}`, text]),
    ...Object.entries<string>(parts).map(([key, text]): [string, string] => [`parts.${key}`, text]),
  ]);
}

export function createWords(language: Language): Words {
  const texts = textsOf(language);
  const numbers = new Intl.NumberFormat(language);
  const write = (value: string | number): string =>
    typeof value === 'number' ? numbers.format(value) : value;
  return {
    language,
    dir: language === 'ar' ? 'rtl' : 'ltr',
    t: (key, values = {}) =>
      (texts.get(key) ?? key).replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => {
        const value = values[name];
        return value === undefined ? placeholder : write(value);
      }),
  };
}

const WordsContext = createContext<Words>(createWords('en'));

export const WordsProvider = WordsContext.Provider;

/** The words of the language the page is shown in. */
export const useWords = (): Words => useContext(WordsContext);
