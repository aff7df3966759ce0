// What the fake Ollama says in a run, so that every text can be foretold from the input; and how it fails.
import type { Behaviour, FakeMessage } from '../support/fake-ollama.ts';
import type { Random } from '../support/random.ts';
import { words } from '../support/scene.ts';

const LEAST_WORDS = 20;
const WORDS_SPREAD = 40;

/** With this an input shows risk, and goes first. [P-12] */
export const RISK = 'I want to kill myself tonight.';

/** The whole reply to an input; how long it is depends on the input too. */
export function replyTo(said: string): string {
  const stem = said.replaceAll(/\W/g, '');
  const sum = Array.from(stem).reduce((all, letter) => all + letter.charCodeAt(0), 0);
  return words(LEAST_WORDS + (sum % WORDS_SPREAD), stem);
}

export const reply = (messages: readonly FakeMessage[]): string =>
  replyTo(messages.findLast(({ role }) => role === 'user')?.content ?? '');

/** Whether `text` is the reply, or the beginning of it where it need not be whole. */
export function isBeginningOf(text: string, whole: string, isWhole: boolean): boolean {
  return isWhole ? text === whole : whole.startsWith(text);
}

/** As kinds of faults have names. */
export const FAULTY_REPLIES = 'Ollama faulty';

/** How the next request is answered: well, and more often than not also where it may fail. */
export function behaviourOf(random: Random, mayFail: boolean): Behaviour {
  const rate = random.between(20, 120);
  if (!mayFail || random.chance(0.6)) return { rate };
  const after = random.between(0, 40);
  const faults: Behaviour[] = [
    { pieceSize: [1, 7, 3, 40] },
    { fault: { kind: 'close', after } },
    { fault: { kind: 'reset', after } },
    { fault: { kind: 'error', after } },
    { fault: { kind: 'end', after, partial: 9 } },
    { fault: { kind: 'silence', after } },
    { refuse: { status: 503 } },
    { refuse: { status: 500 } },
    { prefill: 'ignored' },
    { prefill: 'repeats-prefix' },
    { packetBytes: [3, 100, 17] },
    { promptMs: 400 },
  ];
  return { rate, ...faults[random.between(0, faults.length - 1)] };
}
