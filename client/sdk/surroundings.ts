// What a browser has around a page and Node has not. Nothing here is touched before a client is used.
import type { KeyValueStorage } from './api.ts';

interface Emitter {
  addEventListener(
    type: string,
    listener: (event: { type: string }) => void,
    options: { signal: AbortSignal },
  ): void;
}
interface Surroundings {
  document?: Emitter & { visibilityState: string };
  window?: Emitter;
  location?: { origin: string };
  sessionStorage?: KeyValueStorage;
}

const around = (): Surroundings => globalThis;

/** Where a page comes from; Node has no such place. */
export const ownOrigin = (): string | undefined => around().location?.origin;

/** The storage of the tab, in a browser that allows it. */
export function defaultStorage(): KeyValueStorage | undefined {
  try {
    return ownOrigin() === undefined ? undefined : around().sessionStorage;
  } catch {
    return undefined;
  }
}

/**
 * Tells when the page may have missed something: it comes back to its person, or the network comes back to it; and when
 * that goes (REALTIME.md 5.14). Answers how to stop it.
 */
export function watchSurroundings(listener: (isOffline: boolean) => void): () => void {
  const { document, window } = around();
  const act = ({ type }: { type: string }) => {
    if (type === 'offline' || document?.visibilityState !== 'hidden') listener(type === 'offline');
  };
  const signs = [
    [document, 'visibilitychange'],
    [document, 'resume'],
    [window, 'pageshow'],
    [window, 'online'],
    [window, 'focus'],
    [window, 'offline'],
  ] as const;
  const stop = new AbortController();
  for (const [target, type] of signs) target?.addEventListener(type, act, stop);
  return () => stop.abort();
}

/** Random enough for a key; `crypto.randomUUID` is not there in pages that came over plain http. */
export const newKey = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-');

/** A full storage, or none, loses the reload, not the words. A null key keeps nothing. */
export function keep(storage: KeyValueStorage | undefined, key: string | null, text: string | null): void {
  try {
    if (key === null) return;
    if (text === null) storage?.removeItem(key);
    else storage?.setItem(key, text);
  } catch {
    // nothing can be done about it
  }
}

/** What is kept there; a storage that cannot be read holds nothing. */
export function recall(storage: KeyValueStorage | undefined, key: string | null): string | null {
  try {
    return (key !== null && storage?.getItem(key)) || null;
  } catch {
    return null;
  }
}
