// A short name for what a list of rules holds. [US-10]
import { hash } from 'node:crypto';

/** A name for a content, not a seal. */
export function hashOf(text: string): string {
  return hash('sha256', text).slice(0, 16);
}
