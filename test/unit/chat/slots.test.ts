import { expect, test } from 'vitest';
import { Slots } from '../../../src/chat/slots.ts';
import type { Ticket } from '../../../src/chat/slots.ts';
import type { AppError } from '../../../src/errors.ts';

const positions = (tickets: Ticket[]) => tickets.map((ticket) => ticket.position);

test('grants as many slots as there are and queues the rest in order', () => {
  const slots = new Slots({ size: 2, maxWaiting: 10 });

  const tickets = ['a', 'b', 'c', 'd'].map((client) => slots.reserve(client));

  expect(positions(tickets)).toEqual([null, null, 1, 2]);
});

test('tells each change of the position, and the grant as null', () => {
  const slots = new Slots({ size: 1, maxWaiting: 10 });
  const [first, second, third] = ['a', 'b', 'c'].map((client) => slots.reserve(client));
  const heard: (number | null)[] = [];
  if (third) third.onPosition = (position) => heard.push(position);

  first?.release();
  second?.release();

  expect(heard).toEqual([1, null]);
});

test('settles `granted` when the slot is ours', async () => {
  const slots = new Slots({ size: 1, maxWaiting: 10 });
  const [first, second] = [slots.reserve('a'), slots.reserve('b')];

  first.release();

  await expect(second.granted).resolves.toBeUndefined();
});

test('puts a second turn of a client behind the first turns of all others', () => {
  const slots = new Slots({ size: 1, maxWaiting: 100 });
  slots.reserve('busy');
  const own = Array.from({ length: 3 }, () => slots.reserve('busy'));
  const others = ['x', 'y'].map((client) => slots.reserve(client));

  expect(positions(others)).toEqual([1, 2]);
  expect(positions(own)).toEqual([3, 4, 5]);
});

test('serves 100 clients before the tail of one that sent 50', () => {
  const slots = new Slots({ size: 2, maxWaiting: 1000 });
  const heavy = Array.from({ length: 50 }, () => slots.reserve('heavy'));
  const light = Array.from({ length: 100 }, (_, i) => slots.reserve(`light ${i}`));
  const served: string[] = [];
  const all = [
    ...heavy.map((ticket) => ({ ticket, who: 'heavy' })),
    ...light.map((ticket) => ({ ticket, who: 'light' })),
  ];

  for (let i = 0; i < 150; i++) {
    const next = all.find(({ ticket }) => ticket.position === null);
    if (!next) break;
    all.splice(all.indexOf(next), 1);
    served.push(next.who);
    next.ticket.release();
  }

  expect(served).toHaveLength(150);
  expect(served.slice(0, 101).filter((who) => who === 'heavy')).toHaveLength(2);
});

test('refuses what the queue cannot hold, and says when to come again', () => {
  const slots = new Slots({ size: 1, maxWaiting: 1 });
  slots.reserve('a');
  slots.reserve('b');

  expect(() => slots.reserve('c')).toThrow(
    expect.objectContaining<Partial<AppError>>({ code: 'MODEL_BUSY', retryAfterMs: 5_000 }),
  );
});

test('never refuses a turn that was admitted before', () => {
  const slots = new Slots({ size: 1, maxWaiting: 0 });
  slots.reserve('a');

  expect(slots.reserve('b', true).position).toBe(1);
});

test('a place given back lets the ones behind it move up, once', () => {
  const slots = new Slots({ size: 1, maxWaiting: 10 });
  const [first, second, third] = ['a', 'b', 'c'].map((client) => slots.reserve(client));

  second?.release();
  second?.release();
  first?.release();

  expect(third?.position).toBeNull();
});
