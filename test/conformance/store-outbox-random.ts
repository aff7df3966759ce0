// Messages under steps, deliveries and removals in any order, beside a model of them that is one list.
import { expect, it } from 'vitest';
import type { MessageRecord, OutboxStore } from '../../src/store/outbox.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import type { OpenStore, StoreUnderTest } from './store-bench.ts';
import { input, newSession } from './store-bench.ts';
import { message } from './store-outbox.ts';

const ROUNDS = 60;
const FAR_MS = 1_000_000;
const receivers = ['r', 's'];

interface Waiting {
  id: string;
  receiver: string;
  session: string;
  isApart: boolean;
  isPutOff: boolean;
  tries: number;
}

type Due = [id: string, tries: number];

const laneOf = ({ receiver, session }: Waiting): string => `${receiver} ${session}`;

class World {
  readonly #bench: StoreUnderTest;
  readonly #random: Random;
  readonly #outbox: OutboxStore;
  /** In the order they were stored. */
  #waiting: Waiting[] = [];
  /** Of each session that lives, its epoch. */
  readonly #lives = new Map<string, string>();
  /** What somebody sees to, by lane. */
  readonly #held = new Map<string, MessageRecord>();
  #count = 0;
  #latest = 0;

  constructor(bench: StoreUnderTest, random: Random) {
    this.#bench = bench;
    this.#random = random;
    this.#outbox = bench.store.outbox;
  }

  #tell(session: string, isApart: boolean) {
    const receiver = receivers[this.#random.between(0, 1)] ?? '';
    const id = `message ${(this.#count += 1)}`;
    this.#waiting.push({ id, receiver, session, isApart, isPutOff: false, tries: 0 });
    return [message(id, receiver)];
  }

  /** Makes, uses or removes a session. */
  async step(): Promise<void> {
    const { store } = this.#bench;
    const name = `session ${this.#random.between(0, 3)}`;
    const epoch = this.#lives.get(name);
    const life = newSession(name, { epoch: epoch ?? `epoch ${this.#count}` });
    if (epoch === undefined) {
      this.#lives.set(name, life.epoch);
      const outbox = this.#tell(name, false);
      await store.create({ session: life, createKey: null, idGiven: true, outbox });
    } else if (this.#random.chance(0.7)) {
      const version = (await store.session(life))?.version ?? 0;
      const basis = { epoch, version };
      const outbox = this.#tell(name, false);
      await store.admit(
        input(name, `turn ${this.#count}`, { session: life, basis, interrupt: true, outbox }),
      );
    } else {
      this.#lives.delete(name);
      this.#waiting = this.#waiting.filter((one) => one.session !== name || one.isApart);
      await store.remove(life, { outbox: this.#tell(name, true) });
    }
  }

  #due(receiver: string): Due[] {
    const heads = new Map<string, Waiting>();
    for (const one of this.#waiting) {
      const lane = laneOf(one);
      if (one.receiver === receiver && !heads.has(lane)) heads.set(lane, one);
    }
    const due = [...heads].filter(([lane, one]) => !one.isPutOff && !this.#held.has(lane));
    return due.map(([, { id, tries }]): Due => [id, tries]);
  }

  /** Looks at what is due, and sees to some of it. */
  async claim(receiver: string): Promise<void> {
    const due = await this.#outbox.dueMessages(receiver, 100);
    const found = due.map(({ messageId, tries }): Due => [messageId, tries]);
    expect(new Map(found)).toEqual(new Map(this.#due(receiver)));
    for (const one of due) {
      this.#latest = Math.max(this.#latest, one.at);
      const known = this.#waiting.find(({ id }) => id === one.messageId);
      if (!known || this.#random.chance(0.4)) continue;
      expect(await this.#outbox.claimMessage(one, FAR_MS / 2)).toBe(true);
      this.#held.set(laneOf(known), one);
    }
  }

  /** Says what became of some of what is seen to. */
  async settle(): Promise<void> {
    for (const [lane, one] of this.#held) {
      if (this.#random.chance(0.3)) continue;
      const outcomes = ['gone', 'gone', 'free', { nextAt: this.#latest + FAR_MS }] as const;
      const outcome = outcomes[this.#random.between(0, 3)] ?? 'gone';
      const known = this.#waiting.find(({ id }) => id === one.messageId);
      expect(await this.#outbox.settleMessage(one, outcome)).toBe(known !== undefined);
      this.#held.delete(lane);
      if (known && outcome === 'gone') this.#waiting = this.#waiting.filter((each) => each !== known);
      else if (known && outcome !== 'free') Object.assign(known, { isPutOff: true, tries: known.tries + 1 });
    }
  }

  /** Everything that was put off is due again, and nobody sees to anything. */
  async pass(): Promise<void> {
    await this.#bench.advance(2 * FAR_MS);
    this.#latest += 2 * FAR_MS;
    this.#held.clear();
    for (const one of this.#waiting) one.isPutOff = false;
  }

  /** Too many wait for a receiver. */
  async trim(receiver: string): Promise<void> {
    const of = this.#waiting.filter((one) => one.receiver === receiver);
    const keep = this.#random.between(1, 6);
    const over = of.slice(0, Math.max(0, of.length - keep));
    expect(await this.#outbox.trimMessages(receiver, keep)).toBe(over.length);
    this.#waiting = this.#waiting.filter((one) => !over.includes(one));
  }
}

export function outboxRandomCases(open: OpenStore): void {
  it(`has what waits and nothing else, whatever happens (SEED=${seed})`, async () => {
    await using bench = await open();
    const random = randomFrom(seed);
    const world = new World(bench, random);

    for (let round = 0; round < ROUNDS; round += 1) {
      await world.step();
      for (const receiver of receivers) await world.claim(receiver);
      await world.settle();
      if (random.chance(0.1)) await world.pass();
      if (random.chance(0.05)) await world.trim('r');
    }
  });
}
