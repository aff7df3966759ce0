// Walks a conversation through the rules of a turn, the safety first, with the built-in guide answering: what a session would tell.
import { decide } from '../../src/chat/decide.ts';
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

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  say(says: string, awayMs = 60_000): Walked {
    const before = {
      sessionId: this.#sessionId,
      safety: { level: 'none', mode: 'normal' } as const,
      locale: null,
      country: null,
      progress: this.#progress,
      memory: this.#memory,
      lastTurn: this.#earlier.length,
    };
    const { plan } = decide(says, before, this.#earlier.slice(-8), this.#earlier.length > 0 ? awayMs : 0);
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
