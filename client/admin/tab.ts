// What lives as long as the tab, and nowhere else.

/** The operator key. */
export const KEY = 'stillpoint:operator-key';
/** Who makes changes; nobody: the page only reads. */
export const ACTOR = 'stillpoint:operator-name';

export function kept(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Null forgets it. */
export function keep(name: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, value);
  } catch {
    // it holds until the page is closed
  }
}
