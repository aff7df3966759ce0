// Second step of a turn: where it goes (DOMAIN.md 4.2).
import type { Navigation, SessionProgress } from '../contract/types.ts';

/** Stays where the session is, with the documented neutral decision. */
export function navigate(progress: SessionProgress): Navigation {
  return { decision: 'unknown', next_state: progress.current_substate, rag_query: null, reasoning: null };
}
