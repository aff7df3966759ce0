import { describe, expect, test } from 'vitest';
import {
  CompletionCriteria,
  Navigation,
  Preprocessing,
  SessionProgress,
  criteria,
} from '../../../src/contract/model.ts';
import { navigate } from '../../../src/therapy/navigate.ts';
import { perceive } from '../../../src/therapy/perceive.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';

const nothing = { selfHarm: { detected: false, phrases: [] } };

describe('perceive', () => {
  test('keeps the original as it was sent and cleans a copy', () => {
    const heard = perceive('  I\u2019m   FEELING\n\treally Stresed!! ', nothing);

    expect(heard.original_input).toBe('  I\u2019m   FEELING\n\treally Stresed!! ');
    expect(heard.cleaned_input).toBe('i\u2019m feeling really stresed!!');
    expect(heard.corrected_input).toBe(heard.cleaned_input);
  });

  test('carries the documented neutral values', () => {
    expect(perceive('hello', nothing)).toEqual({
      original_input: 'hello',
      cleaned_input: 'hello',
      corrected_input: 'hello',
      emotional_state: { categories: {}, intensity: 0, primary_emotion: 'neutral_unclear' },
      input_category: 'general_statement',
      spelling_corrections: [],
      safety_checks: {
        self_harm_detected: { detected: false, phrases_found: [], severity: 'none' },
        thinking_mode_detected: { detected: false, phrases_found: [] },
        past_tense_detected: { detected: false, phrases_found: [] },
        i_dont_know_detected: { detected: false, phrases_found: [], context: 'general', note: '' },
      },
    });
  });

  test('tells what the screening found', () => {
    const heard = perceive('I want to die', { selfHarm: { detected: true, phrases: ['want to die'] } });

    expect(heard.safety_checks.self_harm_detected).toEqual({
      detected: true,
      phrases_found: ['want to die'],
      severity: 'high',
    });
  });

  test.each(['', '   ', '😀', '{{constructor}}', '*3\r\n$3', '<script>'])(
    'fits the contract for %j',
    (text) => {
      expect(Preprocessing.parse(perceive(text, nothing)).original_input).toBe(text);
    },
  );
});

describe('navigate', () => {
  test('stays where the session is, undecided', () => {
    const navigation = navigate({ ...initialProgress(), current_substate: '1.2_problem_and_body' });

    expect(Navigation.parse(navigation)).toEqual({
      decision: 'unknown',
      next_state: '1.2_problem_and_body',
      rag_query: null,
      reasoning: null,
    });
  });
});

describe('initialProgress', () => {
  test('is the first substate with eleven criteria open', () => {
    const progress = initialProgress();

    expect(SessionProgress.parse(progress)).toEqual(progress);
    expect(progress).toMatchObject({ current_substate: '1.1_goal_and_vision', body_question_count: 0 });
    expect(Object.keys(CompletionCriteria.parse(progress.completion_criteria))).toEqual([...criteria]);
    expect(Object.values(progress.completion_criteria)).toEqual(Array(11).fill(false));
  });

  test('is a new object each time', () => {
    initialProgress().completion_criteria.goal_established = true;

    expect(initialProgress().completion_criteria.goal_established).toBe(false);
  });
});
