// One second of a server of many nodes: what every node, master and slot has to do in it.
import type { Random } from '../../test/support/random.ts';
import { randomFrom } from '../../test/support/random.ts';
import type { Costs, Habits, Setup, Tally } from './costs.ts';

export const SLOTS = 16_384;
const INDEX_SHARDS = 8;
/** More sessions than this stand for several each. */
const SAMPLE = 100_000;

/** Where commands go that do not go to the session. */
const places: Record<string, HotSlot> = {
  enlist: 'index',
  expect: 'index',
  due: 'index',
  relist: 'index',
  ZRANGEBYSCORE: 'index',
  place: 'tenant',
  audit: 'audit',
  alerts: 'alerts',
  ZREM: 'audit',
};
/** What depends on how much there is of everything is counted where that is known. */
const apart = new Set(['slots', 'append', 'take', 'relist', 'alert']);
export type HotSlot = 'index' | 'tenant' | 'audit' | 'alerts' | 'slots';
export const hotNames: Record<HotSlot, string> = {
  index: 'the lists of leases and words',
  tenant: 'the list of sessions of a tenant',
  audit: 'the audit chain',
  alerts: 'the list of alerts',
  slots: 'the pool of slots of a model',
};

function crc16(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** There are few tags, and each is asked for with every command. */
const known = new Map<string, number>();

/** CRC16 (XMODEM) of a hash tag, as a Cluster has it. */
export function slotOf(tag: string): number {
  const slot = known.get(tag) ?? crc16(tag) % SLOTS;
  known.set(tag, slot);
  return slot;
}

const indexSlots = Array.from({ length: INDEX_SHARDS }, (_, shard) => slotOf(`index ${shard}`));

export const busiest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
};

/** Everything per second, in the window that is looked at. */
export class World {
  readonly costs: Costs;
  readonly setup: Setup;
  readonly habits: Habits;
  readonly sessions: number;
  readonly weight: number;
  readonly random: Random;
  readonly masterUs: Float64Array;
  readonly masterBytes: Float64Array;
  readonly nodeUs: Float64Array;
  readonly nodeFollowed: Float64Array;
  readonly hot = new Map<HotSlot, Map<number, number>>();
  readonly #tallies = new Map<Tally, readonly (readonly [string, number])[]>();

  constructor(costs: Costs, setup: Setup, habits: Habits, sessions: number, seed: number) {
    this.costs = costs;
    this.setup = setup;
    this.habits = habits;
    this.sessions = sessions;
    this.weight = Math.max(1, sessions / SAMPLE);
    this.random = randomFrom(seed);
    this.masterUs = new Float64Array(setup.masters);
    this.masterBytes = new Float64Array(setup.masters);
    this.nodeUs = new Float64Array(setup.nodes);
    this.nodeFollowed = new Float64Array(setup.nodes);
  }

  get liveSeconds(): number {
    return this.habits.wordsPerTurn / this.habits.wordsPerSecond;
  }

  /** Of all, in a second. */
  get turns(): number {
    return this.sessions / this.habits.turnEveryS;
  }

  get live(): number {
    return this.turns * this.liveSeconds;
  }

  masterOf(slot: number): number {
    return Math.floor((slot * this.setup.masters) / SLOTS);
  }

  anySlot(): number {
    return this.random.between(0, SLOTS - 1);
  }

  /** So many commands of a name for a session in that slot, in a second. */
  command(name: string, count: number, slot: number, us = this.costs.redis.us[name] ?? 0): void {
    const place = places[name];
    if (place === 'index') this.onIndex(count, us);
    else if (place) this.onSlot(slotOf(place), count, us, place);
    else this.onSlot(slot, count, us);
  }

  commands(tally: Tally, count: number, slot: number): void {
    for (const [name, each] of this.#counted(tally)) this.command(name, each * count, slot);
  }

  #counted(tally: Tally): readonly (readonly [string, number])[] {
    const known = this.#tallies.get(tally);
    if (known) return known;
    const counted = Object.entries(tally).filter(([name]) => !apart.has(name));
    this.#tallies.set(tally, counted);
    return counted;
  }

  onIndex(count: number, us: number): void {
    for (const slot of indexSlots) this.onSlot(slot, count / INDEX_SHARDS, us, 'index');
  }

  onSlot(slot: number, count: number, us: number, place?: HotSlot): void {
    this.onMaster(slot, count, count * (us + this.costs.redis.commandUs), place);
  }

  /** So many commands, which take so long all together. */
  onMaster(slot: number, count: number, spent: number, place?: HotSlot): void {
    const master = this.masterOf(slot);
    this.masterUs[master] = (this.masterUs[master] ?? 0) + spent;
    this.masterBytes[master] = (this.masterBytes[master] ?? 0) + count * this.costs.redis.commandBytes;
    if (!place) return;
    const slots = this.hot.get(place) ?? new Map<number, number>();
    this.hot.set(place, slots.set(slot, (slots.get(slot) ?? 0) + spent));
  }

  onNode(node: number, us: number): void {
    this.nodeUs[node] = (this.nodeUs[node] ?? 0) + us;
  }
}
