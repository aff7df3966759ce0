import { describe, expect, test } from 'vitest';
import { initialStanding, readMemory, writeMemory } from '../../../src/therapy/memory.ts';

const { memory: initial } = initialStanding();

describe('the memory', () => {
  test('comes back as it was written', () => {
    const memory = { ...initial, cycle: 2 as const, named: ['sad'], asks: { '1.1': 2 } };

    expect(readMemory(writeMemory(memory))).toEqual(memory);
  });

  test.each([
    null,
    '',
    '{',
    'null',
    '[]',
    '7',
    '{"version":1}',
    '{"version":1,"slots":{}}',
    JSON.stringify({ ...initial, version: 2 }),
    JSON.stringify({ ...initial, alpha: null }),
    JSON.stringify({ ...initial, named: 'sad' }),
  ])('begins anew with %s', (text) => {
    expect(readMemory(text)).toEqual(initial);
  });
});
