// How fair slots are, told in counts: who goes before whom, and how often.
import { array, assert, asyncProperty, integer } from 'fast-check';
import { expect, it } from 'vitest';
import type { Slots, Ticket } from '../../src/store/slots.ts';
import { turnOf } from '../support/slot-request.ts';
import { deadline } from '../support/wait.ts';

export type OpenSlots = (options: { size: number; maxWaiting: number }) => Promise<Slots>;

/** The one of them that has its slot first. */
async function firstGranted(tickets: Iterable<Ticket>): Promise<Ticket> {
  const all = [...tickets].map(async (ticket) => {
    await ticket.granted;
    return ticket;
  });
  return await deadline(Promise.race(all), 'a slot');
}

interface Waiter {
  client: string;
  /** Turns of its client that were there when it came, and how many of them waited. */
  own: number;
  ownWaiting: number;
  /** By client: how often a turn of it had the slot since, and how often one that came later. */
  served: Map<string, number>;
  passed: Map<string, number>;
}

/** One slot, and what each turn that waits for it sees happen. */
class Counter {
  readonly #slots: Slots;
  /** In order of arrival. */
  readonly #waiting = new Map<Ticket, Waiter>();
  #running: { client: string; ticket: Ticket } | undefined;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async come(client: string): Promise<void> {
    const waiting = [...this.#waiting.values()].filter((other) => other.client === client).length;
    const own = waiting + (this.#running?.client === client ? 1 : 0);
    const ticket = await this.#slots.reserve(turnOf(client));
    if (ticket.position === null) this.#running = { client, ticket };
    else {
      const counts = { served: new Map<string, number>(), passed: new Map<string, number>() };
      this.#waiting.set(ticket, { client, own, ownWaiting: waiting, ...counts });
    }
  }

  /** The one that runs is over; tells who is next. */
  async end(): Promise<Waiter | undefined> {
    this.#running?.ticket.release();
    this.#running = undefined;
    if (this.#waiting.size === 0) return undefined;
    const ticket = await firstGranted(this.#waiting.keys());
    const next = this.#waiting.get(ticket);
    if (!next) throw new Error('nobody knows it');
    let isLater = false;
    for (const [other, { served, passed }] of this.#waiting) {
      if (other === ticket) isLater = true;
      else {
        served.set(next.client, (served.get(next.client) ?? 0) + 1);
        if (!isLater) passed.set(next.client, (passed.get(next.client) ?? 0) + 1);
      }
    }
    this.#waiting.delete(ticket);
    this.#running = { client: next.client, ticket };
    return next;
  }
}

const most = (counts: Map<string, number>): number => Math.max(0, ...counts.values());

export function fairCases(open: OpenSlots): void {
  it('a second turn is passed only by those who come before its round, however many come', async () => {
    await using slots = await open({ size: 1, maxWaiting: 100 });
    const counter = new Counter(slots);
    for (const client of ['a', 'a', 'x', 'y']) await counter.come(client);
    const served: string[] = [];

    for (let n = 0; n < 20; n += 1) {
      await counter.come(`late ${n}`);
      served.push((await counter.end())?.client ?? '');
    }

    // x is the first of the next round
    expect(served.slice(0, 5)).toEqual(['x', 'y', 'late 0', 'a', 'late 1']);
  });

  it('one that sends much delays a new client by one turn at most, and is never left out', async () => {
    await using slots = await open({ size: 1, maxWaiting: 100 });
    const counter = new Counter(slots);
    for (let n = 0; n < 8; n += 1) await counter.come('heavy');
    const between: number[] = [];

    for (let n = 0; n < 24; n += 1) {
      await counter.come(`light ${n}`);
      if (n % 2 === 0) await counter.come(`other ${n}`);
      const next = await counter.end();
      if (next && next.client !== 'heavy') between.push(next.served.get('heavy') ?? 0);
    }

    expect(between[0]).toBe(0);
    expect(Math.max(...between)).toBe(1);
    // three come while two are served: rounds grow, and heavy has one turn in each of the three
    expect(24 - between.length).toBe(3);
  });

  it('one that goes first brings no round to its begin: a tail it had before itself stays behind', async () => {
    await using slots = await open({ size: 1, maxWaiting: 100 });
    const running = await slots.reserve(turnOf('heavy'));
    for (let n = 0; n < 2; n += 1) await slots.reserve(turnOf('heavy'));
    const first = await slots.reserve(turnOf('heavy', { first: true }));

    running.release();
    await deadline(first.granted, 'the slot');

    expect((await slots.reserve(turnOf('light'))).position).toBe(1);
  });

  it('each client goes once before one that is new, and passes one that waits once in each round', async () => {
    const walk = asyncProperty(
      integer({ min: 1, max: 4 }),
      array(integer({ min: 0, max: 4 }), { minLength: 15, maxLength: 30 }),
      async (depth, clients) => {
        await using slots = await open({ size: 1, maxWaiting: 100 });
        const counter = new Counter(slots);
        for (const client of clients) {
          await counter.come(String(client));
          const next = counter.waiting > depth ? await counter.end() : undefined;
          if (!next) continue;
          if (next.own === 0) expect(most(next.served)).toBeLessThanOrEqual(1);
          expect(most(next.passed)).toBeLessThanOrEqual(next.own === 0 ? 0 : next.ownWaiting + 1);
        }
      },
    );
    await assert(walk, { numRuns: 15 });
  });
}
