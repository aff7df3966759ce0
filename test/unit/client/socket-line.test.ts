import { expect, test } from 'vitest';
import { withoutEvent } from '../../../client/sdk/socket-line.ts';
import { operations } from '../../../src/contract/operations.ts';

const rows = Object.entries(operations).filter(([, { needs }]) => needs !== 'operator');

test.each(rows)('%s goes over a socket if it is an event, else over HTTP', (name, { socket }) => {
  // what the SDK does not ask for is not in its table of routes
  expect(withoutEvent.test(name)).toBe(!socket && name !== 'server:safety');
});
