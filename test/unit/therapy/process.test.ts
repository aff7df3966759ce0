// What holds for any client, whatever is said: the process stays within its bounds, and nobody is kept in it for ever.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noRisk } from '../../conformance/store-bench.ts';
import { decide } from '../../../src/chat/decide.ts';
import type { Earlier } from '../../../src/chat/decide.ts';
import { criteria } from '../../../src/contract/progress.ts';
import type { SessionProgress } from '../../../src/contract/types.ts';
import content from '../../../src/therapy/content/guide.en.json' with { type: 'json' };
import { substates } from '../../../src/therapy/process/states.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';
import { seed } from '../../support/random.ts';

/** More of them by hand: PROCESS_RUNS=2000. */
const RUNS = Number(process.env['PROCESS_RUNS'] ?? 40);
const TURNS = 200;
/** How many of the guide's replies it must not repeat a sentence of. */
const KEPT_REPLIES = 8;
const MEMORY_MAX_BYTES = 8_192;

interface Turn {
  reply: string;
  isSafety: boolean;
  /** Said as it is, and again where the rules want it again. */
  isFixed: boolean;
  progress: SessionProgress;
  memory: string;
}

const freeze = <T extends object>(value: T): T => {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) freeze(inner);
  }
  return Object.freeze(value);
};

/** One session, in which everything a turn is given is frozen. */
class Session {
  readonly #sessionId: string;
  #earlier: readonly Earlier[] = [];
  #turns = 0;
  #progress = freeze(initialProgress());
  #memory: string | null = null;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  /** The guide's last words. */
  get heard(): string {
    return this.#earlier.at(-1)?.text ?? '';
  }

  get stateId(): string {
    return this.#progress.state_id;
  }

  say(says: string, awayMs = 60_000): Turn {
    const before = freeze({
      sessionId: this.#sessionId,
      // each turn is judged by itself here: a session that remembers a risk rests
      care: null,
      safety: noRisk,
      human: null,
      locale: null,
      country: null,
      ageBand: null,
      progress: this.#progress,
      memory: this.#memory,
      lastTurn: this.#turns,
    });
    const circumstances = { earlier: freeze([...this.#earlier]), awayMs, now: 0, client: null, ref: 'ref' };
    const { plan } = decide(says, before, circumstances);
    const reply = plan.safety?.text ?? plan.line;
    this.#turns += 1;
    this.#earlier = [...this.#earlier, { userInput: says, text: reply }].slice(-KEPT_REPLIES);
    this.#progress = freeze(structuredClone(plan.progress));
    this.#memory = plan.memory ?? '';
    return {
      reply,
      isSafety: plan.safety !== null,
      isFixed: plan.care.isFixed,
      progress: plan.progress,
      memory: this.#memory,
    };
  }
}

const useful = [
  'I want to feel calm and peaceful',
  'I want to feel confident instead, actually',
  'calm',
  'Yes, that makes sense',
  'yes',
  "I'm feeling really stressed and overwhelmed",
  'My boss gives me too much work and I worry about money',
  'I feel it in my chest',
  'in my shoulders, tight and heavy',
  "It's tight",
  'Right now, yes, I can feel it',
  'whenever I think of my exam it starts in my stomach and goes up',
  'I am sad because of my mother',
  'Nothing more from my side',
  "Yes, I'm ready.",
  'more calm',
  'more tense than before',
  'stop',
  'My neck is stiff and I am angry with my brother',
  "I'm so angry!!!",
];
const useless = [
  'idk',
  "I don't know",
  'not sure',
  'whatever',
  'hm',
  '...',
  '?',
  '🙂',
  'banana',
  'the sofa is blue',
  'what do you mean?',
  "I don't understand",
  'huh?',
  'hello',
  'why?',
  'maybe',
  'no',
  'no idea',
  'same',
  'thanks',
  'are you a bot?',
  'I had toast',
  'word '.repeat(150),
];
const priority = [
  'I CANNOT STAND THIS ANY MORE!!',
  "I'm crying",
  "I can't stop crying",
  'um',
  'years ago I was in the navy',
  'when i was five we lived far away',
  'I think it is because they said so',
  'I think about it',
  'this is stupid',
  "this won't help",
  'is this normal?',
  'am I crazy?',
  'I just want to make them happy',
  'I never say no to people',
  'who won the match?',
  'tell me a joke',
];
const risky = ['I want to kill myself', 'I want to die', 'my husband hits me', 'I took all my pills'];
const own = [...Object.values(content.lines), ...Object.values(content.acks), content.spare].flat();

interface Says {
  text: string | null;
  awayMs: number;
}

/** Null stands for the guide's last words, said back. */
const texts = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...useful) },
  { weight: 5, arbitrary: fc.constantFrom(...useless) },
  { weight: 4, arbitrary: fc.constantFrom(...priority) },
  { weight: 1, arbitrary: fc.constantFrom(...risky) },
  { weight: 1, arbitrary: fc.constantFrom(...own) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\n\n', '\u0000', '{goal}', '__proto__', 'constructor') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...useful, ...useless, ...priority), { minLength: 2, maxLength: 30 })
      .map((parts) => parts.join(', ')),
  },
);
const says: fc.Arbitrary<Says> = fc.record({
  text: texts,
  awayMs: fc.oneof(
    { weight: 20, arbitrary: fc.constant(60_000) },
    { weight: 1, arbitrary: fc.constant(1e8) },
  ),
});
const talk = fc.array(says, { minLength: 1, maxLength: TURNS, size: 'max' });

const walk = (sessionId: string, inputs: readonly Says[]): Turn[] => {
  const session = new Session(sessionId);
  return inputs.map(({ text, awayMs }) => session.say(text ?? session.heard, awayMs));
};

const walked = new Map<string, Turn[]>();

/** With one seed every property is checked on the same talks: each is walked once. */
const walkOnce = (sessionId: string, inputs: readonly Says[]): readonly Turn[] => {
  const name = JSON.stringify([sessionId, inputs]);
  const turns = walked.get(name) ?? walk(sessionId, inputs);
  walked.set(name, turns);
  return turns;
};

const plain = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ').trim();
const sentencesOf = (reply: string): string[] => reply.split(/(?<=[.?!])\s+/).map(plain);

/** For every talk of the guide with anybody. */
function always(check: (turns: readonly Turn[], inputs: readonly Says[]) => void): void {
  fc.assert(
    fc.property(fc.uuid(), talk, (sessionId, inputs) => {
      check(walkOnce(sessionId, inputs), inputs);
    }),
    { numRuns: RUNS, seed },
  );
}

describe(`any two hundred inputs (SEED=${seed})`, () => {
  test('keep the counters within their bounds', () => {
    always((turns) => {
      for (const { progress } of turns) {
        expect(progress.body_question_count).toBeGreaterThanOrEqual(0);
        expect(progress.body_question_count).toBeLessThanOrEqual(3);
        if (progress.alpha) {
          expect(progress.state_id).toBe('3.3');
          expect(progress.alpha.attempt).toBeGreaterThanOrEqual(1);
          expect(progress.alpha.attempt).toBeLessThanOrEqual(4);
        }
      }
    });
  });

  test('never lead to an earlier stage, never unset a criterion, never lower a count', () => {
    always((turns) => {
      let last = initialProgress();
      for (const { progress } of turns) {
        const [now, before] = [progress, last].map((one) => substates.indexOf(one.current_substate));
        expect(now).toBeGreaterThanOrEqual(before ?? 0);
        expect(progress.body_question_count).toBeGreaterThanOrEqual(last.body_question_count);
        for (const name of criteria) {
          if (last.completion_criteria[name]) expect(progress.completion_criteria[name]).toBe(true);
        }
        last = progress;
      }
    });
  });

  test('are answered with at least a word, at most one question and no slot left open', () => {
    always((turns) => {
      for (const { reply, isSafety } of turns) {
        expect(reply.trim()).not.toBe('');
        if (isSafety) continue;
        expect(reply.split('?').length - 1, reply).toBeLessThanOrEqual(1);
        expect(reply).not.toMatch(/[{}]/);
      }
    });
  });

  test('never bring back a sentence of the last eight replies', () => {
    always((turns) => {
      for (const [at, { reply, isFixed }] of turns.entries()) {
        if (isFixed) continue;
        const kept = turns
          .slice(Math.max(0, at - KEPT_REPLIES), at)
          .flatMap((turn) => sentencesOf(turn.reply));
        expect(sentencesOf(reply).filter((sentence) => kept.includes(sentence))).toEqual([]);
      }
    });
  });

  test('move nothing where a risk is answered', () => {
    always((turns) => {
      for (const [at, { progress, memory, isSafety }] of turns.entries()) {
        const before = turns[at - 1];
        if (!isSafety || !before) continue;
        const { priority_state, technique, ...rest } = progress;
        expect(before.progress).toMatchObject(rest);
        expect(['SELFHARM', 'CRISIS']).toContain(priority_state);
        expect(technique).toBe('safety_protocol');
        expect(memory).toBe(before.memory);
      }
    });
  });

  test('leave a memory that is small and survives being written down', () => {
    always((turns) => {
      for (const { memory } of turns) {
        expect(Buffer.byteLength(memory)).toBeLessThan(MEMORY_MAX_BYTES);
        // before the first turn that is not about a risk there is none
        if (memory !== '') expect(JSON.stringify(JSON.parse(memory))).toBe(memory);
      }
    });
  });

  test('give the same talk when they are said again', () => {
    fc.assert(
      fc.property(fc.uuid(), talk, (sessionId, inputs) => {
        expect(walk(sessionId, inputs)).toEqual(walkOnce(sessionId, inputs));
      }),
      { numRuns: RUNS, seed },
    );
  });
});

const isOver = ({ progress }: Turn): boolean =>
  progress.state_id === '4.1' ||
  (['3.2', '3.3'].includes(progress.state_id) && progress.criteria_detail.alpha_declined);

/** Turns until the closing lines. */
function turnsToClose(lines: readonly string[], sessionId: string, yesses: number): number {
  const session = new Session(sessionId);
  let left = yesses;
  for (const [at, line] of lines.entries()) {
    const isYes = left > 0 && session.stateId === '3.2';
    if (isYes) left -= 1;
    if (isOver(session.say(isYes ? 'yes' : line))) return at + 1;
  }
  return Infinity;
}

describe('a client who never answers usefully', () => {
  const lines = fc.oneof(
    fc.array(fc.constantFrom(...useless, ...priority), { minLength: 60, maxLength: 60 }),
    fc
      .array(fc.constantFrom(...useless, ...priority), { minLength: 1, maxLength: 4 })
      .map((few) => Array.from({ length: 60 }, (_, at) => few[at % few.length] ?? '')),
  );

  test.each([
    ['never says yes', 0],
    ['says yes to the three steps once', 1],
  ])('and %s reaches the closing lines within 40 turns', (_title, yesses) => {
    fc.assert(
      fc.property(fc.uuid(), lines, (sessionId, said) => {
        expect(turnsToClose(said, sessionId, yesses)).toBeLessThanOrEqual(40);
      }),
      { numRuns: RUNS * 3 },
    );
  });
});
