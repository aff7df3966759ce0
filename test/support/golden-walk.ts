// Walks a conversation through the rules of a turn, the safety first, with the built-in guide answering: what a session would tell.
import { noRisk } from '../conformance/store-bench.ts';
import { decide, storedCare } from '../../src/chat/decide.ts';
import type { Earlier } from '../../src/chat/decide.ts';
import type { Preprocessing, SessionProgress } from '../../src/contract/types.ts';
import { initialProgress } from '../../src/therapy/progress.ts';

interface Walked {
  reply: string;
  progress: SessionProgress;
  preprocessing: Preprocessing;
  status: 'active' | 'completed';
}

/** One session whose turns are taken one after another. */
export class Walk {
  readonly #sessionId: string;
  readonly #earlier: Earlier[] = [];
  #progress = initialProgress();
  #memory: string | null = null;
  #care: string | null = null;
  #now = Date.UTC(2026, 0, 1);

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  say(says: string, awayMs = 60_000): Walked {
    const before = {
      sessionId: this.#sessionId,
      care: this.#care,
      safety: noRisk,
      human: null,
      locale: null,
      country: null,
      ageBand: null,
      progress: this.#progress,
      memory: this.#memory,
      lastTurn: this.#earlier.length,
    };
    this.#now += awayMs;
    const decision = decide(says, before, {
      earlier: this.#earlier.slice(-8),
      awayMs: this.#earlier.length > 0 ? awayMs : 0,
      now: this.#now,
      client: null,
      ref: 'ref',
    });
    const { plan } = decision;
    this.#care = storedCare(decision);
    const reply = plan.safety?.text ?? plan.line;
    this.#earlier.push({ userInput: says, text: reply });
    this.#progress = plan.progress;
    this.#memory = plan.memory;
    const status = plan.progress.completion_criteria.ready_for_stage_2 ? 'completed' : 'active';
    return { reply, progress: plan.progress, preprocessing: plan.preprocessing, status };
  }
}

export function walk(sessionId: string, turns: { says: string; awayMs: number }[]): Walked[] {
  const session = new Walk(sessionId);
  return turns.map(({ says, awayMs }) => session.say(says, awayMs));
}
