// The stage between whoever speaks and everything that keeps or shows the words: only what it releases exists. [US-50]
import type { SafetyMode } from '../contract/types.ts';

export interface Guard {
  /** Takes the next piece and returns what may be shown now, perhaps nothing. All releases together are well-formed. */
  push(text: string): string;
  /** The rest, once the speaker has ended. */
  end(): string;
}

function endsInHalfAPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/**
 * A guard for one reply. Every mode releases text as it comes, except the first half of a surrogate pair, which waits for the
 * second. A half that stays alone becomes U+FFFD.
 */
export function createGuard(_mode: SafetyMode): Guard {
  let held = '';
  return {
    push(text) {
      const whole = held + text;
      held = endsInHalfAPair(whole) ? whole.slice(-1) : '';
      return whole.slice(0, whole.length - held.length).toWellFormed();
    },
    end() {
      const rest = held.toWellFormed();
      held = '';
      return rest;
    },
  };
}
