import { expect, test } from 'vitest';
import { STEPS, stepOf } from '../../../client/web/journey-steps.ts';
import { textsOf } from '../../../client/web/words.ts';
import { Substate } from '../../../src/contract/progress.ts';

test('counts the states of the contract in their order', () => {
  expect(Substate.options.map((substate) => stepOf(substate)?.step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(STEPS).toBe(Substate.options.length);
});

test('has words for every state', () => {
  const names = Substate.options.map((substate) => textsOf('en').get(stepOf(substate)?.name ?? ''));

  expect(new Set(names).size).toBe(STEPS);
  expect(names).not.toContain(undefined);
});

test('knows no step of a state that is not in the contract', () => {
  expect(stepOf('4.2_something_new')).toBeUndefined();
});
