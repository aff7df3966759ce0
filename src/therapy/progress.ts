// Where every session begins (DOMAIN.md 2.3, 2.5).
import type { SessionProgress } from '../contract/types.ts';

/** Where every session begins. A new object each time. */
export function initialProgress(): SessionProgress {
  return {
    current_substate: '1.1_goal_and_vision',
    body_question_count: 0,
    completion_criteria: {
      goal_established: false,
      vision_created: false,
      problem_identified: false,
      body_awareness_present: false,
      body_location_identified: false,
      body_sensation_identified: false,
      present_moment_focus: false,
      pattern_understood: false,
      rapport_established: false,
      alpha_state_achieved: false,
      ready_for_stage_2: false,
    },
    state_id: '1.1',
    priority_state: null,
    criteria_detail: {
      emotion_identified: false,
      vision_presented: false,
      psycho_education_provided: false,
      education_understood: false,
      problem_asked: false,
      second_cycle: false,
      alpha_started: false,
      alpha_declined: false,
    },
    technique: 'none',
    handoff_recommended: false,
    alpha: null,
  };
}
