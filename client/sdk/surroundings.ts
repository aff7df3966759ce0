// What a browser has around a page and Node has not. Nothing here is touched before a client is used.
import type { KeyValueStorage } from './api.ts';

interface Emitter {
  addEventListener(type: string, listener: (event: { type: string }) => void): void;
  removeEventListener(type: string, listener: (event: { type: string }) => void): void;
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

/** In a browser that allows it the storage of the tab, else memory. */
export function defaultStorage(): KeyValueStorage {
  const probe = 'stillpoint:probe';
  try {
    const storage = ownOrigin() === undefined ? undefined : around().sessionStorage;
    storage?.setItem(probe, '');
    storage?.removeItem(probe);
    if (storage) return storage;
  } catch {
    // private windows and full storages refuse
  }
  return memoryStorage();
}

function memoryStorage(): KeyValueStorage {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
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
  for (const [target, type] of signs) target?.addEventListener(type, act);
  return () => {
    for (const [target, type] of signs) target?.removeEventListener(type, act);
  };
}

/** Random enough for a key; `crypto.randomUUID` is not there in pages that came over plain http. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');

/** A full storage loses the reload, not the words. */
export function keep(storage: KeyValueStorage, key: string, text: string | null): void {
  try {
    if (text === null) storage.removeItem(key);
    else storage.setItem(key, text);
  } catch {
    // nothing can be done about it
  }
}
