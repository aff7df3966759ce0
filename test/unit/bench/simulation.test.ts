import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Costs, machines, usual } from '../../../bench/simulation/costs.ts';
import type { Habits, Setup } from '../../../bench/simulation/costs.ts';
import { capacityOf, LIMIT, mastersFor, useOf } from '../../../bench/simulation/simulation.ts';

const root = join(import.meta.dirname, '../../..');

/** Everything is free, unless a case says otherwise. */
const free: Costs = {
  measured: { cores: 2, load: 0 },
  redis: { us: {}, commandUs: 0, followedUs: 0, commandBytes: 0, slots: { us: 0, runningUs: 0, ownUs: 0 } },
  commands: {
    session: {},
    turn: {},
    risk: {},
    liveSecond: {},
    followedSecond: 0,
    nodeSecond: {},
    appends: 40,
  },
  node: {
    idleCores: 0,
    turnUs: 0,
    appendUs: 0,
    wordUs: 0,
    readUs: 0,
    followedSecondUs: 0,
    bytes: 0,
    followedBytes: 0,
  },
  bytes: { session: 0, turn: 0, word: 0, followed: 0 },
};
const habits: Habits = { ...usual, turnEveryS: 10, wordsPerTurn: 60, wordsPerSecond: 30, secondDevice: 0 };
const setup: Setup = { ...machines, nodes: 10, masters: 3, pools: 1 };
const redis = (change: Partial<Costs['redis']>): Costs['redis'] => ({ ...free.redis, ...change });
const commands = (change: Partial<Costs['commands']>): Costs['commands'] => ({ ...free.commands, ...change });
const node = (change: Partial<Costs['node']>): Costs['node'] => ({ ...free.node, ...change });

describe('names what is full first', () => {
  const cases: [name: string, costs: Costs, setup: Setup][] = [
    ['CPU of a node', { ...free, node: node({ turnUs: 5_000 }) }, setup],
    ['memory of a node', { ...free, node: node({ followedBytes: 30_000 }) }, setup],
    ['CPU of a Redis master', { ...free, redis: redis({ us: { append: 25 } }) }, setup],
    ['memory of a Redis master', { ...free, bytes: { ...free.bytes, turn: 7_000 } }, setup],
    [
      'network of a Redis master',
      { ...free, redis: redis({ commandBytes: 1_000 }), commands: commands({ turn: { admit: 1 } }) },
      setup,
    ],
    ['connections of a Redis master', free, { ...setup, nodes: 4_000 }],
    ['slots of Ollama', free, { ...setup, ollamaHosts: 20 }],
    [
      'CPU of a Redis master: the pool of slots of a model',
      { ...free, redis: redis({ slots: { us: 100, runningUs: 0.2, ownUs: 0 } }) },
      setup,
    ],
    [
      'CPU of a Redis master: the lists of leases and words',
      { ...free, redis: redis({ us: { due: 10 } }), commands: commands({ nodeSecond: { due: 30 } }) },
      { ...setup, nodes: 3_000, masterConnections: 1e9 },
    ],
    [
      'CPU of a Redis master: the list of sessions of a tenant',
      { ...free, redis: redis({ us: { place: 10 } }), commands: commands({ session: { place: 1 } }) },
      setup,
    ],
    [
      'CPU of a Redis master: the audit chain',
      { ...free, redis: redis({ us: { audit: 40 } }), commands: commands({ risk: { audit: 2 } }) },
      setup,
    ],
    [
      'turns that a scan for dead owners can strike out',
      { ...free, commands: commands({ turn: { take: 1, relist: 1 } }) },
      setup,
    ],
  ];

  test.each(cases)('%s', (name, costs, at) => {
    expect(capacityOf(costs, at, habits).first).toBe(name);
  });
});

test('an even load is full where arithmetic says so', () => {
  const costs = { ...free, node: node({ turnUs: 5_000 }) };

  const { sessions } = capacityOf(costs, setup, habits);

  // ten nodes of one core, 5 ms a turn, a turn every 10 s
  const exact = (LIMIT * 10 * 1_000 * 10) / 5;
  expect(sessions / exact).toBeGreaterThan(0.9);
  expect(sessions / exact).toBeLessThan(1.02);
});

test('what lies with sessions is spread over masters', () => {
  const costs = { ...free, redis: redis({ us: { append: 25 } }) };

  const three = capacityOf(costs, setup, habits).sessions;
  const thirty = capacityOf(costs, { ...setup, masters: 30 }, habits).sessions;

  expect(thirty / three).toBeGreaterThan(8);
  expect(thirty / three).toBeLessThan(10.5);
});

test('what lies in one slot is no faster with more masters', () => {
  const costs = { ...free, redis: redis({ slots: { us: 100, runningUs: 0, ownUs: 0 } }) };

  const three = capacityOf(costs, setup, habits).sessions;
  const thirty = capacityOf(costs, { ...setup, masters: 30 }, habits).sessions;

  expect(thirty).toBe(three);
});

test('groups of nodes with Ollama hosts of their own have pools of their own', () => {
  const costs = { ...free, redis: redis({ slots: { us: 100, runningUs: 0, ownUs: 0 } }) };
  const wide = { ...setup, masters: 100 };

  const shared = capacityOf(costs, wide, habits).sessions;
  const apart = capacityOf(costs, { ...wide, pools: 10 }, habits).sessions;

  expect(apart).toBeGreaterThan(4 * shared);
});

test('the same seed gives the same answer', () => {
  const costs = { ...free, redis: redis({ us: { append: 25 } }) };

  expect(useOf(costs, setup, habits, 50_000, 7)).toEqual(useOf(costs, setup, habits, 50_000, 7));
});

test('as many masters as a number of sessions needs', () => {
  const costs = { ...free, redis: redis({ us: { append: 25 } }) };

  const masters = mastersFor(costs, setup, habits, 1_000_000);

  // 100,000 turns a second of 60 appends
  const exact = (100_000 * 60 * 25) / 1e6 / LIMIT;
  expect(masters).toBeGreaterThanOrEqual(exact);
  expect(masters).toBeLessThan(1.25 * exact);
});

test('no number of masters is enough for what lies in one slot', () => {
  const costs = { ...free, redis: redis({ slots: { us: 100, runningUs: 0, ownUs: 0 } }) };

  expect(mastersFor(costs, setup, habits, 1_000_000)).toBeNull();
});

describe('docs/scaling.md says what the simulation says', () => {
  const costs = Costs.parse(JSON.parse(readFileSync(join(root, 'bench/costs.json'), 'utf8')));
  const text = readFileSync(join(root, 'docs/scaling.md'), 'utf8');
  const row = /^\| ([\d,]+) +\| ([\d,]+) +\| ([\d,]+) +\| ([\d,]+) +\| ([^|]+?) +\|$/gm;
  const number = (cell: string | undefined) => Number((cell ?? '').replaceAll(',', ''));
  const rows = [...text.matchAll(row)].map(([, nodes, masters, groups, sessions, first]) => ({
    nodes: number(nodes),
    masters: number(masters),
    pools: number(groups),
    sessions: number(sessions),
    first: first ?? '',
  }));

  test('there are rows', () => {
    expect(rows.length).toBeGreaterThan(3);
  });

  test.each(rows)('$nodes nodes, $masters masters, $pools groups', ({ sessions, first, ...at }) => {
    const found = capacityOf(costs, { ...machines, ...at }, usual);

    expect(found.first).toBe(first);
    expect(Math.abs(found.sessions / sessions - 1)).toBeLessThan(0.03);
  });
});
