declare module 'nspell' {
  import type { Dictionary } from 'dictionary-en';

  /** A spelling dictionary in memory; `data` has every word form it knows. */
  export default function nspell(dictionary: Dictionary): {
    data: Readonly<Record<string, unknown>>;
    correct(word: string): boolean;
  };
}
