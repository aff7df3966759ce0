import { expect, it } from 'vitest';
import { Gate } from '../../../src/store/gate.ts';

it('lets so many in at once, the others in their order, and each whoever else fails', async () => {
  const gate = new Gate(3);
  const order: number[] = [];
  let inside = 0;
  let most = 0;

  const visits = Array.from({ length: 20 }, async (_, index) => {
    using _entry = await gate.enter();
    order.push(index);
    inside += 1;
    most = Math.max(most, inside);
    await new Promise(setImmediate);
    inside -= 1;
    if (index % 2 === 0) throw new Error('failed inside');
  });
  await Promise.allSettled(visits);

  expect(most).toBe(3);
  expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
  using entry = await gate.enter();
  expect(entry).toBeDefined();
});
