// What all slots must do, of one process or of many. Each case gets slots of its own from `open`.
import {
  array,
  assert,
  asyncProperty,
  integer,
  oneof,
  record,
  subarray,
  constant,
  boolean,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Slots, Ticket } from '../../src/store/slots.ts';
import { turnOf } from '../support/slot-request.ts';
import { deadline } from '../support/wait.ts';
import { fairCases } from './slots-fair.ts';
import type { OpenSlots } from './slots-fair.ts';

/** Resolves when the ticket stands there; null: when it has its slot. */
export async function standsAt(ticket: Ticket, position: number | null): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = ticket.onPosition;
  ticket.onPosition = (now) => {
    before(now);
    if (now === position) resolve();
  };
  if (ticket.position !== position) {
    await deadline(promise, () => `position ${position}, but it is ${ticket.position}`);
  }
  ticket.onPosition = before;
}

/** Tickets of these clients, one after the other. */
export async function reserveAll(slots: Slots, clients: readonly string[]): Promise<Ticket[]> {
  const tickets: Ticket[] = [];
  for (const client of clients) tickets.push(await slots.reserve(turnOf(client)));
  return tickets;
}

const positions = (tickets: readonly Ticket[]) => tickets.map(({ position }) => position);

const busy = { code: 'MODEL_BUSY', retryAfterMs: 5_000 };

function queueCases(open: OpenSlots): void {
  it('grants as many slots as there are and queues the rest in order', async () => {
    await using slots = await open({ size: 2, maxWaiting: 10 });

    const tickets = await reserveAll(slots, ['a', 'b', 'c', 'd']);

    expect(positions(tickets)).toEqual([null, null, 1, 2]);
    expect(tickets.map(({ host }) => host)).toEqual(['', '', null, null]);
  });

  it('tells each change of the position, and the grant as null', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    const [first, second, third] = await reserveAll(slots, ['a', 'b', 'c']);
    const heard: (number | null)[] = [];
    if (third) third.onPosition = (position) => heard.push(position);

    first?.release();
    await second?.granted;
    if (third) await standsAt(third, 1);
    second?.release();
    await deadline(third?.granted ?? Promise.reject(new Error('no ticket')), 'the slot');

    expect(heard).toEqual([1, null]);
    expect(third?.host).toBe('');
  });

  it('puts a second turn of a client behind the first turns of all others', async () => {
    await using slots = await open({ size: 1, maxWaiting: 100 });
    await slots.reserve(turnOf('busy'));
    const own = await reserveAll(slots, ['busy', 'busy', 'busy']);
    const others = await reserveAll(slots, ['x', 'y']);

    expect(positions(others)).toEqual([1, 2]);
    await Promise.all(own.map((ticket, index) => standsAt(ticket, index + 3)));
  });

  it('serves 100 clients before the tail of one that sent 50: each one only moves up', async () => {
    await using slots = await open({ size: 2, maxWaiting: 1000 });
    const heavy = await reserveAll(slots, Array<string>(50).fill('heavy'));
    const light = await reserveAll(
      slots,
      Array.from({ length: 100 }, (_, index) => `light ${index}`),
    );
    const served: string[] = [];
    let running = 0;
    let most = 0;
    const serve = async (ticket: Ticket, who: string) => {
      await ticket.granted;
      most = Math.max(most, ++running);
      served.push(who);
      // whoever comes next is seen while this one runs
      await Promise.resolve();
      running -= 1;
      ticket.release();
    };
    const heard = light.map((ticket) => {
      const all = [ticket.position];
      ticket.onPosition = (position) => all.push(position);
      return all;
    });

    const all = [
      ...heavy.map((ticket) => serve(ticket, 'heavy')),
      ...light.map((ticket) => serve(ticket, 'light')),
    ];
    await deadline(Promise.all(all), () => `all of them, but it were ${served.length}`, 30_000);

    expect(served).toHaveLength(150);
    expect(most).toBeLessThanOrEqual(2);
    // the two that had both slots before anybody else came, and one that may be told before the last of the others
    expect(served.slice(0, 101).filter((who) => who === 'heavy').length).toBeLessThanOrEqual(3);
    for (const row of heard) {
      const numbers = row.filter((position) => position !== null);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => b - a));
    }
  });

  it('does not put off the tail of a client for those who come later', async () => {
    await using slots = await open({ size: 1, maxWaiting: 100 });
    const [running, tail] = await reserveAll(slots, ['heavy', 'heavy']);
    const [early] = await reserveAll(slots, ['early']);

    running?.release();
    await early?.granted;
    early?.release();
    await deadline(tail?.granted ?? Promise.reject(new Error('no ticket')), 'the tail');
    const [late] = await reserveAll(slots, ['late']);

    expect(late?.position).toBe(1);
  });

  it('refuses what the queue cannot hold, and says when to come again', async () => {
    await using slots = await open({ size: 1, maxWaiting: 1 });
    await reserveAll(slots, ['a', 'b']);

    await expect(slots.reserve(turnOf('c'))).rejects.toMatchObject(busy);
  });

  it('takes the next one when a place is given back', async () => {
    await using slots = await open({ size: 1, maxWaiting: 1 });
    const [running, waiting] = await reserveAll(slots, ['a', 'b']);

    running?.release();
    await waiting?.granted;

    expect((await slots.reserve(turnOf('c'))).position).toBe(1);
  });

  it('never refuses a turn that was admitted before', async () => {
    await using slots = await open({ size: 1, maxWaiting: 0 });
    await slots.reserve(turnOf('a'));

    expect((await slots.reserve(turnOf('b', { always: true }))).position).toBe(1);
  });

  it('lets one with words shown go before all that have none, and not before its like', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    const [, second, third] = await reserveAll(slots, ['a', 'b', 'c']);

    const shown = [
      await slots.reserve(turnOf('d', { first: true })),
      await slots.reserve(turnOf('e', { first: true })),
    ];

    expect(positions(shown)).toEqual([1, 2]);
    if (second && third) await Promise.all([standsAt(second, 3), standsAt(third, 4)]);
  });

  it('a place given back lets the ones behind it move up, once', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    const [first, second, third] = await reserveAll(slots, ['a', 'b', 'c']);

    second?.release();
    second?.release();
    first?.release();
    await deadline(third?.granted ?? Promise.reject(new Error('no ticket')), 'the slot');
    first?.release();
    const next = await slots.reserve(turnOf('d'));

    expect(next.position).toBe(1);
    expect(second?.position).toBe(1);
  });
}

function hostCases(open: OpenSlots): void {
  const on = (...names: string[]) => ({ hosts: () => names });

  it('takes the first host with a free slot', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });

    const tickets = [
      await slots.reserve(turnOf('a', on('one', 'two'))),
      await slots.reserve(turnOf('b', on('one', 'two'))),
      await slots.reserve(turnOf('c', on('one', 'two'))),
    ];

    expect(tickets.map(({ host }) => host)).toEqual(['one', 'two', null]);
  });

  it('one that can run nowhere now does not hold up those behind it', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    const [running, stuck] = [
      await slots.reserve(turnOf('a', on('one'))),
      await slots.reserve(turnOf('b', on('one'))),
    ];

    const free = await slots.reserve(turnOf('c', on('two')));

    expect(free.host).toBe('two');
    expect(stuck.position).toBe(1);
    running.release();
    await deadline(stuck.granted, 'the slot');
    expect(stuck.host).toBe('one');
  });

  it('waits for a host that is away, and runs when it is back', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    let names: string[] = [];
    const stuck = await slots.reserve(turnOf('a', { hosts: () => names }));
    const other = await slots.reserve(turnOf('b', on('one')));
    expect([stuck.position, other.host]).toEqual([1, 'one']);

    names = ['two'];
    await deadline(stuck.granted, 'the slot');

    expect(stuck.host).toBe('two');
  });

  it('asks again where it may run when a slot is given back', async () => {
    await using slots = await open({ size: 1, maxWaiting: 10 });
    let names = ['one'];
    const running = await slots.reserve(turnOf('a', on('one')));
    const other = await slots.reserve(turnOf('b', on('two')));
    const waiting = await slots.reserve(turnOf('c', { hosts: () => names }));

    names = ['two'];
    other.release();
    await deadline(waiting.granted, 'the slot');

    expect([running.host, waiting.host]).toEqual(['one', 'two']);
  });

  it('counts the slots of each host by themselves', async () => {
    await using slots = await open({ size: 2, maxWaiting: 10 });
    const asked = ['one', 'one', 'one', 'two', 'two', 'two'];

    const tickets: Ticket[] = [];
    for (const name of asked) tickets.push(await slots.reserve(turnOf(name, on(name))));

    expect(tickets.map(({ host }) => host)).toEqual(['one', 'one', null, 'two', 'two', null]);
    expect(positions(tickets)).toEqual([null, null, 1, null, null, 2]);
  });
}

const move = oneof(
  record({
    kind: constant('reserve' as const),
    client: integer({ min: 0, max: 3 }),
    hosts: subarray(['one', 'two', 'three'], { minLength: 1 }),
    first: boolean(),
  }),
  record({ kind: constant('release' as const), which: integer({ min: 0, max: 30 }) }),
);

function walkCases(open: OpenSlots): void {
  it('never runs more than its size on a host, and serves everybody, whatever the order', async () => {
    const walk = asyncProperty(
      integer({ min: 1, max: 2 }),
      array(move, { minLength: 5, maxLength: 30 }),
      async (size, moves) => {
        await using slots = await open({ size, maxWaiting: 100 });
        const held = new Set<Ticket>();
        const mostOn = () => {
          const names = [...held].flatMap(({ host }) => host ?? []);
          return Math.max(0, ...names.map((name) => names.filter((other) => other === name).length));
        };
        for (const step of moves) {
          if (step.kind === 'reserve') {
            const { client, hosts, first } = step;
            held.add(await slots.reserve(turnOf(String(client), { hosts: () => hosts, first })));
          } else {
            const ticket = [...held][step.which % Math.max(1, held.size)];
            ticket?.release();
            if (ticket) held.delete(ticket);
          }
          expect(mostOn()).toBeLessThanOrEqual(size);
        }
        const served = [...held].map(async (ticket) => {
          await ticket.granted;
          expect(mostOn()).toBeLessThanOrEqual(size);
          held.delete(ticket);
          ticket.release();
        });
        await deadline(Promise.all(served), () => `all to be served, ${held.size} are left`);
      },
    );
    await assert(walk, { numRuns: 25 });
  });
}

export function slotsConformance(name: string, open: OpenSlots): void {
  describe(`slots: ${name}`, () => {
    describe('one queue', () => queueCases(open));
    describe('fair', () => fairCases(open));
    describe('several hosts', () => hostCases(open));
    describe('a walk', () => walkCases(open));
  });
}
