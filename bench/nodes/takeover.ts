// How long a reply stands still when its owner is killed.
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../../test/support/random.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { load } from '../shared/machine.ts';
import { at, inputs, openPerson } from './talk.ts';
import type { Person } from './talk.ts';

const LEASE_MS = 2_000;
const RATE = 20;
const WORDS = 400;
const PATIENCE_MS = 30_000;

export interface TakeoverRow {
  leaseMs: number;
  kills: number;
  turns: number;
  /** From the kill to the next word on another node, in ms. */
  p50: number;
  p99: number;
  max: number;
  load: number;
}

/** Whoever follows: when the first word came after a moment. */
class Waiting {
  readonly #first = new Map<string, (at: number) => void>();
  from = Number.POSITIVE_INFINITY;

  note(sessionId: string): void {
    if (performance.now() < this.from) return;
    this.#first.get(sessionId)?.(performance.now());
    this.#first.delete(sessionId);
  }

  next(sessionId: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const late = setTimeout(() => reject(new Error(`${sessionId} was not taken over`)), PATIENCE_MS);
    this.#first.set(sessionId, (time) => {
      clearTimeout(late);
      resolve(time);
    });
    return promise;
  }
}

async function killOnce(stage: Stage, name: string, turns: number, waitMs: number): Promise<number[]> {
  using speaker: Person = await openPerson(stage.node(0).url);
  using listener: Person = await openPerson(stage.node(1).url);
  const waiting = new Waiting();
  listener.onToken = ({ session_id: id }) => waiting.note(id);
  const ids = Array.from({ length: turns }, (_, n) => `${name}-${n}`);
  await Promise.all(
    ids.map(async (id, n) => {
      await speaker.say(id, inputs[n % inputs.length] ?? '');
      await listener.join(id);
    }),
  );
  await sleep(waitMs);
  let times: number[] = [];
  const killedAt = performance.now();
  await stage.replace(0, async () => {
    // what was on its way when it died is no sign of the next owner
    waiting.from = killedAt + LEASE_MS / 4;
    times = await Promise.all(ids.map((id) => waiting.next(id)));
  });
  await Promise.allSettled(ids.map((id) => listener.cancel(id)));
  return times.map((time) => time - killedAt);
}

/** (a) */
export async function measureTakeover(kills: number, turns: number, seed: number): Promise<TakeoverRow> {
  const random = randomFrom(seed);
  await using stage = await openStage({ env: { LEASE_MS: String(LEASE_MS) } });
  await stage.grow(2);
  await stage.speak({ rate: RATE, words: WORDS });
  // slots are given out once the state is half a lease old
  await sleep(LEASE_MS);
  const times: number[] = [];
  for (let n = 0; n < kills; n += 1) {
    times.push(...(await killOnce(stage, `takeover-${n}`, turns, random.between(500, 2_000))));
  }
  return {
    leaseMs: LEASE_MS,
    kills,
    turns: times.length,
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    max: at(times, 1),
    load: load(),
  };
}
