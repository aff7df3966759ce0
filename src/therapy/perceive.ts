// First step of a turn: what was heard, in the fields integrators of the older service read (DOMAIN.md 3).
import type { Preprocessing } from '../contract/types.ts';

export interface Findings {
  selfHarm: { detected: boolean; phrases: readonly string[] };
}

/** The original stays byte for byte; what the rules have no word on carries its documented neutral value. */
export function perceive(userInput: string, findings: Findings): Preprocessing {
  const { detected, phrases } = findings.selfHarm;
  const cleaned = userInput.trim().replace(/\s+/g, ' ').toLowerCase();
  return {
    original_input: userInput,
    cleaned_input: cleaned,
    corrected_input: cleaned,
    emotional_state: { categories: {}, intensity: 0, primary_emotion: 'neutral_unclear' },
    input_category: 'general_statement',
    spelling_corrections: [],
    safety_checks: {
      self_harm_detected: {
        detected,
        phrases_found: detected ? [...phrases] : [],
        severity: detected ? 'high' : 'none',
      },
      thinking_mode_detected: { detected: false, phrases_found: [] },
      past_tense_detected: { detected: false, phrases_found: [] },
      i_dont_know_detected: { detected: false, phrases_found: [], context: 'general', note: '' },
    },
  };
}
