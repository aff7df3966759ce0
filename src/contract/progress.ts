// The guided process as the wire names it: closed sets, and how far a session has come.
import { z } from 'zod';

export const Substate = z
  .enum([
    '1.1_goal_and_vision',
    '1.1.5_psycho_education',
    '1.2_problem_and_body',
    '3.1_assess_readiness',
    '3.1.5_alpha_permission',
    '3.2_alpha_sequence',
    'stage_1_complete',
  ])
  .meta({ id: 'Substate', description: 'The coarse state; it never goes back' });

export const StateId = z
  .enum([
    '1.1',
    '1.1_redirect',
    '1.2',
    '1.3',
    '1.1.5',
    '2.1',
    '2.1_seek',
    '2.2',
    '2.3',
    '2.4',
    '2.5',
    '3.1',
    '3.2',
    '3.3',
    '3.4',
    '3.5',
    '3.6',
    '4.1',
  ])
  .meta({ id: 'StateId', description: 'The fine state within the coarse one' });

export const PriorityState = z
  .enum([
    'SELFHARM',
    'CRISIS',
    'PAST',
    'THINK',
    'AFFIRM',
    'EMOTION',
    'CRY',
    'SILENT',
    'OFF',
    'VALID',
    'RELATION',
    'RESISTANCE',
    'RAMBLING',
  ])
  .meta({ id: 'PriorityState', description: 'What came before the fine state on this turn' });

export const Decision = z
  .enum([
    'unknown',
    'clarify_goal',
    'build_vision',
    'provide_psycho_education',
    'explore_problem',
    'body_awareness_inquiry',
    'body_symptoms_exploration',
    'present_moment_focus',
    'pattern_inquiry',
    'assess_readiness',
    'session_conclusion',
    'transition_to_stage_2',
    'general_inquiry',
    'safety_protocol',
    'redirect_past',
    'redirect_thinking',
    'validate_emotion',
    'support_crying',
    'prompt_silence',
    'redirect_off_topic',
    'normalise',
    'redirect_relation',
    'acknowledge_resistance',
    'interrupt_rambling',
  ])
  .meta({ id: 'Decision', description: 'What the rules made of the input' });

/** Under what name examples for a turn are kept. The names of the older service where it had one. */
export const RagQuery = z
  .enum([
    'dr_q_goal_clarification',
    'dr_q_redirect_outcome',
    'dr_q_future_self_vision_building',
    'dr_q_problem_construction',
    'dr_q_to_body',
    'dr_q_body_location',
    'dr_q_sensation',
    'dr_q_body_symptom_present_moment_inquiry',
    'dr_q_present_moment',
    'dr_q_how_do_you_know_technique',
    'dr_q_ready',
    'dr_q_transition_to_intervention',
    'dr_q_think_redirect',
    'general_dr_q_approach',
  ])
  .meta({ id: 'RagQuery', description: 'Which examples fit the turn' });

/** The eleven names of DOMAIN.md 2.5, as integrators of the older service read them. */
export const criteria = [
  'goal_established',
  'vision_created',
  'problem_identified',
  'body_awareness_present',
  'body_location_identified',
  'body_sensation_identified',
  'present_moment_focus',
  'pattern_understood',
  'rapport_established',
  'alpha_state_achieved',
  'ready_for_stage_2',
] as const;
export const Criterion = z.enum(criteria);
export const CompletionCriteria = z.record(Criterion, z.boolean()).meta({ id: 'CompletionCriteria' });

export const CriterionDetail = z.enum([
  'emotion_identified',
  'vision_presented',
  'psycho_education_provided',
  'education_understood',
  'problem_asked',
  'second_cycle',
  'alpha_started',
  'alpha_declined',
]);
export const CriteriaDetail = z
  .record(CriterionDetail, z.boolean())
  .meta({ id: 'CriteriaDetail', description: 'What else is known of the way so far, beside the criteria' });

export const AlphaStep = z.enum(['LOWER_JAW', 'RELAX_TONGUE', 'BREATHE_SLOWER']).meta({ id: 'AlphaStep' });
/** How often one step is tried at most. */
export const ALPHA_ATTEMPTS_MAX = 4;
export const AlphaCheckpoint = z
  .object({
    step: AlphaStep,
    attempt: z.int().min(1).max(ALPHA_ATTEMPTS_MAX).meta({ description: '1 is the first try of this step' }),
  })
  .meta({ id: 'AlphaCheckpoint' });

export const SessionProgress = z
  .object({
    current_substate: Substate,
    body_question_count: z.int().min(0),
    completion_criteria: CompletionCriteria,
    state_id: StateId,
    priority_state: PriorityState.nullable().meta({
      description: 'Null where the fine state itself answered the turn',
    }),
    criteria_detail: CriteriaDetail,
    technique: z
      .string()
      .meta({ description: 'How the guide answered the last turn; "none" before the first' }),
    handoff_recommended: z.boolean().meta({
      description: 'Whether a person should be asked to take over: the conversation does not get anywhere',
    }),
    alpha: AlphaCheckpoint.nullable().meta({
      description: 'The step of the exercise whose outcome was asked for; null outside of it',
    }),
  })
  .meta({ id: 'SessionProgress' });

export const Navigation = z
  .object({
    decision: Decision,
    next_state: Substate.nullable(),
    rag_query: RagQuery.nullable(),
    reasoning: z.string().nullable(),
  })
  .meta({ id: 'Navigation' });
