// What the guide can do on a turn, and the name each act has in `session_progress.technique` (DOMAIN.md 4.5).
import { sentencesOf } from '../shape/sentence.ts';

export const techniques = {
  goal_ask: 'goal_clarification',
  goal_again: 'goal_clarification',
  goal_kinds: 'goal_clarification_with_menu',
  goal_menu: 'goal_clarification_with_menu',
  goal_redirect: 'goal_redirect',
  vision: 'vision_building',
  vision_bright: 'vision_building',
  vision_check: 'vision_clarification',
  vision_again: 'vision_clarification',
  vision_explain: 'vision_clarification',
  education_brief: 'psycho_education',
  education_concise: 'psycho_education',
  education_full: 'psycho_education',
  education_clarify: 'psycho_education_clarification',
  problem_ask: 'problem_inquiry_initial',
  problem_again: 'clarification',
  seek_body_1: 'guide_to_body',
  seek_body_2: 'guide_to_body',
  seek_body_3: 'guide_to_body',
  location_ask: 'body_location',
  location_options: 'clarification',
  sensation_ask: 'body_sensation',
  sensation_options: 'clarification',
  present_ask: 'affirmation_and_proceed',
  present_guide: 'present_moment_guidance',
  pattern_ask: 'how_do_you_know',
  pattern_again: 'how_do_you_know',
  readiness_ask: 'readiness_assessment',
  readiness_again: 'readiness_assessment',
  alpha_offer: 'alpha_permission_request',
  alpha_reassure: 'alpha_permission_reassurance',
  alpha_again: 'alpha_permission_request',
  alpha_declined: 'alpha_declined',
  alpha_stopped: 'alpha_stopped',
  alpha_jaw: 'alpha_sequence_start',
  alpha_tongue: 'alpha_sequence_checkpoint',
  alpha_breath: 'alpha_sequence_checkpoint',
  alpha_jaw_tense: 'alpha_sequence_checkpoint',
  alpha_jaw_neutral: 'alpha_sequence_checkpoint',
  alpha_jaw_unclear: 'alpha_sequence_checkpoint',
  alpha_tongue_tense: 'alpha_sequence_checkpoint',
  alpha_tongue_neutral: 'alpha_sequence_checkpoint',
  alpha_tongue_unclear: 'alpha_sequence_checkpoint',
  alpha_breath_tense: 'alpha_sequence_checkpoint',
  alpha_breath_neutral: 'alpha_sequence_checkpoint',
  alpha_breath_unclear: 'alpha_sequence_checkpoint',
  noticed: 'post_alpha_inquiry',
  link: 'link_to_vision',
  compare: 'compare_progress',
  close: 'session_conclusion',
  rest: 'post_conclusion_acknowledgment',
  rest_open: 'post_conclusion_acknowledgment',
  rest_hard: 'post_conclusion_support',
  rest_again: 'post_conclusion_acknowledgment',
  rest_here: 'post_conclusion_acknowledgment',
  bye: 'farewell',
  emotion: 'emotion_validation',
  cry: 'crying_support',
  silent_1: 'initial_silence',
  silent_2: 'repeated_silence',
  silent_3: 'critical_silence',
  past: 'past_tense_redirect',
  think: 'thinking_mode_redirect',
  resistance: 'resistance_acknowledgement',
  valid: 'normalisation',
  relation: 'relation_redirect',
  rambling: 'kind_interruption',
  off: 'off_topic_redirect',
} as const;

/** One thing the guide does on a turn; its lines are in content/guide.en.json. */
export type Act = keyof typeof techniques;

/** A short sentence before the line of an act. `who` answers whether this is a human. */
export type Ack =
  | 'goal'
  | 'goal_taken'
  | 'goal_changed'
  | 'emotion'
  | 'trouble'
  | 'place'
  | 'sensation'
  | 'present'
  | 'pattern'
  | 'affirm'
  | 'yes'
  | 'no'
  | 'unsure'
  | 'question'
  | 'long'
  | 'short'
  | 'thanks'
  | 'back'
  | 'more'
  | 'calm'
  | 'move_on'
  | 'plain'
  | 'enough'
  | 'hurt'
  | 'who';

const bodyQuestions: ReadonlySet<Act> = new Set<Act>([
  'seek_body_1',
  'seek_body_2',
  'seek_body_3',
  'location_ask',
  'location_options',
  'sensation_ask',
  'sensation_options',
]);

/** Whether the act asks where or how the body feels (DOMAIN.md 2.6). */
export const asksBody = (act: Act): boolean => bodyQuestions.has(act);

/** Sentences a reply may have; what paints or explains may have more. (DOMAIN.md 4.7) */
const SENTENCES = 3;
const longer: Readonly<Record<string, number>> = { vision_building: 5, psycho_education: 16 };

/** The guide's own line is never cut by it. */
export const sentencesIn = (technique: string, line: string): number =>
  Math.max(longer[technique] ?? SENTENCES, sentencesOf(line).length);
