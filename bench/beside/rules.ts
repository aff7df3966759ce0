// What the rules cost that read every input and every word of a reply.
import { createGuard } from '../../src/safety/guard.ts';
import { screen } from '../../src/safety/screen.ts';
import type { Screening } from '../../src/safety/screen.ts';
import { hear } from '../../src/therapy/hear/hear.ts';
import { readMemory } from '../../src/therapy/memory.ts';
import { navigate } from '../../src/therapy/navigate.ts';
import { perceive } from '../../src/therapy/perceive.ts';
import { initialProgress } from '../../src/therapy/progress.ts';
import { load } from '../shared/machine.ts';
import { median } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';

const said =
  'I had a long day at work and my boss shouted at me again. It sits in my chest like a tight knot, and when I think of tomorrow it gets heavier. My sister says that I should rest, but I do not know how. ';
const replied =
  'Thank you for telling me. Where in your body do you notice it most right now, and what is it like there? There is no hurry. Let us stay with it for a moment, and see whether it moves or stays as it is. ';
const recent = ['I feel tense today', 'it sits in my chest'];

const long = (text: string, chars: number): string =>
  text.repeat(Math.ceil(chars / text.length)).slice(0, chars);

/** CPU of one of them, in µs. */
function costOf(times: number, work: () => unknown): number {
  const before = process.cpuUsage();
  for (let n = 0; n < times; n += 1) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function step(original: string, { plain }: Screening): unknown {
  const { preprocessing, text } = perceive({ original, plain, selfHarm: { detected: false, phrases: [] } });
  const standing = { progress: initialProgress(), memory: readMemory(null) };
  return navigate(standing, hear({ original, text, preprocessing }));
}

function guarded(words: readonly string[]): void {
  const guard = createGuard({ mode: 'normal' });
  for (const word of words) guard.push(word);
  guard.end();
}

interface Measure {
  what: string;
  unit: string;
  /** What it is divided by. */
  per: number;
  work: () => unknown;
}

function ofInput(name: string, text: string): Measure[] {
  const read = { text, recent, mode: 'normal' } as const;
  const screening = screen(read);
  return [
    { what: `an input of ${name} is screened`, unit: 'µs', per: 1, work: () => screen(read) },
    { what: `an input of ${name} moves the guide`, unit: 'µs', per: 1, work: () => step(text, screening) },
  ];
}

function measures(): Measure[] {
  const reply = long(replied, 2_000);
  const words = reply.match(/\s*\S+/g) ?? [];
  return [
    ...ofInput('5 words', 'it sits in my chest'),
    ...ofInput('2,000 characters', long(said, 2_000)),
    ...ofInput('10,000 characters', long(said, 10_000)),
    { what: 'a character of a reply is guarded', unit: 'µs', per: reply.length, work: () => guarded(words) },
  ];
}

export function rules({ quick }: { quick: boolean }): Promise<Part> {
  const [repeats, budgetUs] = quick ? [1, 50_000] : [5, 200_000];
  const rows = measures().map(({ what, unit, per, work }): Row => {
    // what runs for the first time is not what runs all day
    costOf(20, work);
    const times = Math.max(5, Math.floor(budgetUs / costOf(20, work)));
    const costs = Array.from({ length: repeats }, () => costOf(times, work) / per);
    return { what, unit, cells: [median(costs)] };
  });
  return Promise.resolve({
    name: 'rules',
    title: 'CPU of the rules that read what is said',
    systems: ['Stillpoint'],
    rows,
    notes: ['A relay has none of this. Two inputs came before each, as in a session that goes on.'],
    load: load(),
  });
}
