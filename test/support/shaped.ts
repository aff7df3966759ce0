// How a shaper is asked in tests.
import fc from 'fast-check';
import { createShaper } from '../../src/therapy/shape.ts';
import type { Answered, Shaping } from '../../src/therapy/shape.ts';

export const line = 'There is time. What would help you now?';
export const bare: Shaping = { sentences: 3, said: [], answered: [], line };
export const long: Shaping = { ...bare, sentences: 1_000 };
export const slots: readonly Answered[] = ['goal', 'problem', 'location', 'sensation', 'present', 'pattern'];

/** All that is shown of the pieces, behind `shown`. */
export function shaped(pieces: readonly string[], shaping: Shaping = bare, shown = ''): string {
  const shaper = createShaper(shaping, shown);
  return [...pieces.map((piece) => shaper.push(piece)), shaper.end()].join('');
}

export const say = (text: string, shaping: Partial<Shaping> = {}): string =>
  shaped([text], { ...bare, ...shaping });

export function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

export const anyCut = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 });
