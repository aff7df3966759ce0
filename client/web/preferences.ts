// What a person chose for this device. Storage may be forbidden: then it holds until the page is closed.
type Preference = 'language' | 'theme';

export function readPreference(name: Preference): string | null {
  try {
    return localStorage.getItem(`stillpoint:${name}`);
  } catch {
    return null;
  }
}

export function keepPreference(name: Preference, value: string): void {
  try {
    localStorage.setItem(`stillpoint:${name}`, value);
  } catch {
    // it holds until the page is closed
  }
}
