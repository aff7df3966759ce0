// Where a turn leads (DOMAIN.md 2.7, 2.9): what the golden conversations leave out, one turn at a time.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  CompletionCriteria,
  criteria,
  Navigation,
  PriorityState,
  SessionProgress,
  StateId,
} from '../../../src/contract/progress.ts';
import type { PriorityState as Priority, StateId as State } from '../../../src/contract/types.ts';
import { fold } from '../../../src/safety/fold.ts';
import { hear } from '../../../src/therapy/hear/hear.ts';
import { initialStanding, readMemory, writeMemory } from '../../../src/therapy/memory.ts';
import type { Memory, Slots, Standing } from '../../../src/therapy/memory.ts';
import { navigate, pause } from '../../../src/therapy/navigate.ts';
import type { Step } from '../../../src/therapy/navigate.ts';
import { perceive } from '../../../src/therapy/perceive.ts';
import { states, substates } from '../../../src/therapy/process/states.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';

const selfHarm = { detected: false, phrases: [] };
const DAY_MS = 24 * 3_600_000;

function say(before: Standing, original: string, awayMs = 20_000): Step {
  const { preprocessing, text } = perceive({ original, plain: fold(original), selfHarm });
  return navigate(before, hear({ original, text, preprocessing }), awayMs);
}

interface From {
  asks?: Memory['asks'];
  slots?: Partial<Slots>;
  alpha?: Partial<Memory['alpha']>;
  memory?: Partial<Memory>;
  bodyQuestions?: number;
}

/** A session that has come to the state, whose question was spoken once. */
function at(state: State, { asks, slots, alpha, memory, bodyQuestions = 0 }: From = {}): Standing {
  const standing = initialStanding();
  Object.assign(standing.memory, memory);
  Object.assign(standing.memory.asks, { [state]: 1, ...asks });
  Object.assign(standing.memory.slots, slots);
  Object.assign(standing.memory.alpha, alpha);
  Object.assign(standing.progress, {
    state_id: state,
    current_substate: states[state].substate,
    body_question_count: bodyQuestions,
  });
  return standing;
}

const place = { goal: 'calm', problem: true, location: 'chest' };
const felt = { ...place, sensation: 'tightness' };
const present = { ...felt, present: true };
const essay = `yes, ${'this is how it always goes with me and I have told nobody of it so far '.repeat(5)}`;

describe('a row', () => {
  test.each<[state: State, says: string, to: State, act: string, from: From]>([
    ['1.1', 'hello', '1.1', 'goal_ask', { asks: { '1.1': 0 } }],
    ['1.1', 'calm', '1.2', 'vision', { asks: { '1.1': 0 } }],
    ['1.1', 'calm', '1.2', 'vision', {}],
    ['1.1', 'I do not know', '1.1', 'goal_menu', {}],
    ['1.1', 'banana', '1.2', 'vision', { asks: { '1.1': 3 } }],
    ['1.1_redirect', 'I want to feel better', '1.1_redirect', 'goal_kinds', {}],
    ['1.1_redirect', 'I do not know', '1.1_redirect', 'goal_menu', {}],
    ['1.1_redirect', 'banana', '1.1_redirect', 'goal_redirect', {}],
    ['1.1_redirect', 'banana', '1.1', 'goal_menu', { asks: { '1.1_redirect': 2 } }],
    [
      '1.2',
      'I would rather feel free',
      '1.1.5',
      'education_concise',
      { asks: { '1.2': 3 }, slots: { goal: 'calm' } },
    ],
    ['1.2', 'no', '1.1.5', 'education_concise', { asks: { '1.2': 3 }, slots: { goal: 'calm' } }],
    ['1.2', 'no', '1.2', 'vision_again', { slots: { goal: 'calm' } }],
    ['1.2', 'what is that for?', '1.2', 'vision_explain', { slots: { goal: 'calm' } }],
    ['1.2', essay, '1.1.5', 'education_full', { slots: { goal: 'calm' } }],
    ['1.3', 'yes', '1.1.5', 'education_concise', { slots: { goal: 'calm' } }],
    ['1.1.5', 'ok', '2.1', 'problem_ask', { slots: { goal: 'calm' } }],
    ['1.1.5', 'ok', '2.1_seek', 'seek_body_1', { slots: { goal: 'calm', problem: true } }],
    ['1.1.5', 'ok', '2.3', 'sensation_ask', { slots: place }],
    ['1.1.5', 'ok', '2.4', 'present_ask', { slots: felt }],
    ['1.1.5', 'why?', '1.1.5', 'education_clarify', { slots: place }],
    ['1.1.5', 'why?', '2.3', 'sensation_ask', { slots: place, memory: { educationClarified: true } }],
    ['2.1', "it's tight", '2.2', 'location_ask', {}],
    ['2.1', 'my chest', '2.3', 'sensation_ask', {}],
    ['2.1', 'my chest is tight', '2.4', 'present_ask', {}],
    ['2.1', 'nothing is wrong', '3.1', 'readiness_ask', {}],
    ['2.1', 'hm banana', '2.1', 'problem_again', {}],
    ['2.1', 'hm banana', '2.1_seek', 'seek_body_1', { asks: { '2.1': 2 } }],
    ['2.1', 'the neighbours play drums', '2.1_seek', 'seek_body_1', {}],
    ['2.1_seek', 'banana', '2.1_seek', 'seek_body_2', { bodyQuestions: 1 }],
    ['2.1_seek', 'banana', '3.1', 'readiness_ask', { bodyQuestions: 3 }],
    ['2.2', 'banana', '2.2', 'location_options', { bodyQuestions: 1 }],
    ['2.2', 'banana', '3.1', 'readiness_ask', { bodyQuestions: 3 }],
    ['2.3', 'weird', '2.4', 'present_ask', { slots: place }],
    ['2.3', 'banana', '2.4', 'present_ask', { slots: place, bodyQuestions: 3 }],
    ['2.4', 'yes', '2.5', 'pattern_ask', { slots: felt }],
    ['2.4', 'no', '2.4', 'present_guide', { slots: felt }],
    ['2.4', 'no', '2.5', 'pattern_ask', { slots: felt, memory: { guidedToNow: true } }],
    ['2.5', 'it starts when I open my mail', '3.1', 'readiness_ask', { slots: present }],
    ['2.5', 'nothing more', '3.2', 'alpha_offer', { slots: present }],
    ['2.5', 'I am also lonely', '2.1_seek', 'seek_body_1', { slots: present }],
    ['2.5', 'I have no energy left', '3.1', 'readiness_ask', { slots: present }],
    ['2.5', 'ok', '2.5', 'pattern_again', { slots: present }],
    ['2.5', 'banana', '3.1', 'readiness_ask', { slots: present, asks: { '2.5': 2 } }],
    ['3.1', 'yes', '3.2', 'alpha_offer', { slots: present }],
    ['3.1', "No, I'm sad", '2.1_seek', 'seek_body_1', { slots: present }],
    ['3.1', 'banana', '3.1', 'readiness_again', { slots: present }],
    ['3.1', 'banana', '3.2', 'alpha_offer', { slots: present, asks: { '3.1': 2 } }],
    ['3.2', 'yes', '3.3', 'alpha_jaw', { slots: present }],
    ['3.2', "no problem, let's go", '3.3', 'alpha_jaw', { slots: present }],
    ['3.2', "I don't want to feel anxious any more, so yes", '3.3', 'alpha_jaw', { slots: present }],
    ['3.2', 'is it safe?', '3.2', 'alpha_reassure', { slots: present }],
    ['3.2', 'is it safe?', '3.2', 'alpha_again', { slots: present, alpha: { reassured: true } }],
    ['3.2', 'no', '3.2', 'alpha_declined', { slots: present }],
    ['3.2', 'stop', '3.2', 'alpha_declined', { slots: present }],
    ['3.2', 'banana', '3.2', 'alpha_declined', { slots: present, asks: { '3.2': 3 } }],
    ['3.2', 'yes, I am ready', '3.3', 'alpha_jaw', { slots: present, alpha: { closed: true } }],
    ['3.2', 'ok, thanks, bye', '3.2', 'rest_open', { slots: present, alpha: { closed: true } }],
    ['3.2', 'Thank you, good night', '3.2', 'rest_open', { slots: present, alpha: { closed: true } }],
    ['3.3', 'calm', '3.3', 'alpha_breath', { alpha: { step: 1 } }],
    ['3.3', 'more tense', '3.3', 'alpha_tongue_tense', { alpha: { step: 1 } }],
    ['3.3', 'more tense', '3.3', 'alpha_breath', { alpha: { step: 1, attempt: 4 } }],
    ['3.3', 'calm', '3.4', 'noticed', { alpha: { step: 2 } }],
    ['3.3', 'stop', '3.3', 'alpha_stopped', { alpha: { step: 1 } }],
    ['3.3', 'ok thanks', '3.3', 'rest_open', { alpha: { step: 1, closed: true } }],
    ['3.3', 'yes, go on', '3.3', 'alpha_tongue', { alpha: { step: 1, closed: true } }],
    ['3.4', 'lighter', '3.5', 'link', {}],
    ['3.4', 'I am still tense', '3.6', 'compare', {}],
    ['3.5', 'banana', '3.6', 'compare', {}],
    ['3.6', 'banana', '4.1', 'close', {}],
    ['4.1', 'banana', '4.1', 'rest', {}],
  ])('%s, "%s": %s %s', (state, says, to, act, from) => {
    const step = say(at(state, from), says);

    expect({ to: step.standing.progress.state_id, act: step.act }).toEqual({ to, act });
  });

  test('of the picture takes a third goal over, and says so', () => {
    const step = say(at('1.2', { asks: { '1.2': 3 }, slots: { goal: 'calm' } }), 'I would rather feel free');

    expect(step.ack).toBe('goal_changed');
    expect(step.standing.memory.slots.goal).toBe('free');
  });

  test('of the picture takes a place in the body for no goal', () => {
    const step = say(at('1.2', { slots: { goal: 'calm' } }), 'my whole body');

    expect(step.standing.memory.slots).toMatchObject({ goal: 'calm', location: 'whole body' });
  });

  test('has "anything else" at its end, in every state', () => {
    for (const id of StateId.options) expect(states[id].on.at(-1)?.[0]).toBe('anything else');
  });
});

describe('what is said first', () => {
  test.each<[ack: string, state: State, says: string]>([
    ['thanks', '2.1', 'thank you'],
    ['who', '2.1', 'are you human?'],
    ['long', '3.1', 'we went on and on about the garden and the fence '.repeat(7)],
    ['unsure', '2.2', 'I do not know'],
    ['yes', '1.1.5', 'yes'],
    ['place', '2.2', 'my chest'],
    ['question', '2.2', 'what do you mean?'],
  ])('%s', (ack, state, says) => {
    expect(say(at(state), says).ack).toBe(ack);
  });

  test('is no place that was not just told: after the body a part of it is no answer', () => {
    for (const state of ['3.4', '3.5', '3.6'] as const)
      expect(say(at(state, { slots: felt }), 'my face is soft').ack).not.toBe('place');
  });
});

describe('somebody who comes back with a greeting', () => {
  test.each([
    [0, 'alpha_jaw_unclear'],
    [1, 'alpha_tongue_unclear'],
    [2, 'alpha_breath_unclear'],
  ])('is at the step of the exercise where they were: %s', (step, act) => {
    const back = say(at('3.3', { alpha: { step } }), 'hello', DAY_MS);

    expect({ act: back.act, ack: back.ack }).toEqual({ act, ack: 'back' });
  });

  test('is not asked again for what was turned down', () => {
    expect(say(at('3.2', { alpha: { closed: true } }), 'hello', DAY_MS).act).toBe('rest_open');
  });

  test('by "I\'m back" has told of no place', () => {
    const back = say(at('2.2'), "I'm back");

    expect(back.standing.memory.slots.location).toBeNull();
  });
});

describe('the ladder', () => {
  const story = 'and then we went on to the next town and looked at the old bridge '.repeat(11);
  const inputs: readonly [first: Priority, second: Priority, says: string][] = [
    ['EMOTION', 'CRY', "I'M CRYING ALL DAY LONG!!"],
    ['CRY', 'PAST', "I'm crying as I did years ago"],
    ['PAST', 'THINK', 'I think it was like that years ago'],
    ['THINK', 'RESISTANCE', 'I think this is pointless'],
    ['RESISTANCE', 'VALID', 'this is pointless, or am I crazy'],
    ['VALID', 'RELATION', 'am I crazy, I never say no to people'],
    ['RELATION', 'RAMBLING', `I never say no to people, ${story}`],
    ['RAMBLING', 'OFF', `${story} in that weather`],
  ];

  test.each(inputs)('%s comes before %s', (first, _second, says) => {
    expect(say(at('2.1_seek'), says).standing.progress.priority_state).toBe(first);
  });

  test('SILENT is met in three levels', () => {
    let standing = at('2.1_seek');
    const acts = ['...', 'um', ''].map((text) => {
      const step = say(standing, text);
      standing = step.standing;
      return step.act;
    });

    expect(acts).toEqual(['silent_1', 'silent_2', 'silent_3']);
    expect(standing.progress.handoff_recommended).toBe(true);
  });

  test.each(['3.2', '3.3', '3.4', '3.5', '3.6', '4.1'] as const)('is suspended in %s', (state) => {
    for (const [, , says] of inputs) expect(say(at(state), says).standing.progress.priority_state).toBeNull();
  });

  test.each([
    ['2.5', 'I think it is because they said so'],
    ['2.1', 'I think it is because of my boss'],
  ] as const)('lets a thought be an answer in %s', (state, says) => {
    expect(say(at(state, { slots: present }), says).standing.progress.priority_state).toBeNull();
  });

  test.each(inputs)('moves nothing: %s', (_first, _second, says) => {
    const before = at('2.3', { slots: place });

    const { progress, memory } = say(before, says).standing;

    const { priority_state: _priority, technique: _technique, ...rest } = progress;
    expect(before.progress).toMatchObject(rest);
    expect(memory.slots).toEqual(before.memory.slots);
    expect(memory.asks).toEqual(before.memory.asks);
  });

  test('takes pleasing others for no goal', () => {
    const step = say(at('2.1_seek', { slots: { goal: 'calm' } }), 'I just want to make them happy');

    expect(step.standing.progress.priority_state).toBe('RELATION');
    expect(step.standing.memory.slots.goal).toBe('calm');
  });
});

describe('the contract', () => {
  const Script = z.object({
    turns: z.array(
      z.object({
        says: z.union([z.string(), z.object({ repeat: z.string(), times: z.int() })]),
        away_hours: z.number().optional(),
      }),
    ),
  });
  const folder = join(import.meta.dirname, '../../golden');

  test('has a name for all that a golden conversation tells, and nothing is told besides', () => {
    for (const file of globSync('*.json', { cwd: folder })) {
      let standing = initialStanding();
      for (const { says, away_hours } of Script.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
        .turns) {
        const text = typeof says === 'string' ? says : says.repeat.repeat(says.times);
        const step = say(standing, text, (away_hours ?? 0) * 3_600_000);
        standing = step.standing;
        expect(SessionProgress.strict().parse(standing.progress)).toEqual(standing.progress);
        expect(Navigation.strict().parse(step.navigation)).toEqual(step.navigation);
        expect(step.navigation.next_state).toBe(standing.progress.current_substate);
      }
    }
  });

  test('has a name for a pause', () => {
    for (const priority of PriorityState.options) {
      const before = at('2.3', { slots: place });
      const { progress, navigation } = pause(before.progress, priority);
      expect(SessionProgress.strict().parse(progress).priority_state).toBe(priority);
      expect(Navigation.strict().parse(navigation).decision).toBe('safety_protocol');
    }
  });

  test('has the states of the table, and their coarse ones in order', () => {
    const order = StateId.options.map((id) => substates.indexOf(states[id].substate));

    expect(Object.keys(states).sort()).toEqual([...StateId.options].sort());
    expect(order).not.toContain(-1);
    expect(new Set(substates).size).toBe(7);
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

  test('is the first fine state, with nothing begun', () => {
    const progress = initialProgress();

    expect(progress).toMatchObject({ state_id: '1.1', priority_state: null, technique: 'none' });
    expect(progress).toMatchObject({ handoff_recommended: false, alpha: null });
    expect(Object.values(progress.criteria_detail)).toEqual(Array(8).fill(false));
  });

  test('is a new object each time', () => {
    initialProgress().completion_criteria.goal_established = true;

    expect(initialProgress().completion_criteria.goal_established).toBe(false);
  });
});

describe('the memory', () => {
  test('comes back as it was written', () => {
    const { memory } = say(at('2.3', { slots: place }), 'tight').standing;

    expect(readMemory(writeMemory(memory))).toEqual(memory);
  });

  test.each([null, '', '{"version":2}'])('begins anew from %j', (text) => {
    expect(readMemory(text)).toEqual(initialStanding().memory);
  });
});
