// What a simulation is told: what was measured, what people do, and what they talk to.
import { z } from 'zod';

const Tally = z.record(z.string(), z.number());
export type Tally = z.output<typeof Tally>;

/** What was measured. Times in µs of CPU unless they say otherwise. */
export const Costs = z.object({
  measured: z.object({ cores: z.number(), load: z.number() }),
  redis: z.object({
    /** Of a command, by its name or that of its script; and what comes on top of each: reading it, answering. */
    us: Tally,
    commandUs: z.number(),
    followedUs: z.number(),
    /** In both directions, of a command and its answer. */
    commandBytes: z.number(),
    /** One call about slots: at an idle model, for each turn that runs on it, and for each that the calling node runs. */
    slots: z.object({ us: z.number(), runningUs: z.number(), ownUs: z.number() }),
  }),
  /** Commands that nodes send. */
  commands: z.object({
    session: Tally,
    turn: Tally,
    /** Of a turn with a sign of danger. */
    risk: Tally,
    liveSecond: Tally,
    /** Looks at the head of each log that is followed: many in one go. */
    followedSecond: z.number(),
    nodeSecond: Tally,
    /** Appends of one turn in a second, at most. */
    appends: z.number(),
  }),
  node: z.object({
    idleCores: z.number(),
    turnUs: z.number(),
    appendUs: z.number(),
    wordUs: z.number(),
    readUs: z.number(),
    followedSecondUs: z.number(),
    bytes: z.number(),
    followedBytes: z.number(),
  }),
  /** In Redis. */
  bytes: z.object({ session: z.number(), turn: z.number(), word: z.number(), followed: z.number() }),
});
export type Costs = z.output<typeof Costs>;

/** What people do. */
export interface Habits {
  /** Between the beginnings of two turns of one open session. */
  turnEveryS: number;
  wordsPerTurn: number;
  wordsPerSecond: number;
  /** Turns of a whole session. */
  turnsPerSession: number;
  /** Sessions in Redis for each one that is open: nothing is ever deleted by itself. */
  keptPerOpen: number;
  /** Share of open sessions that are also followed on a second node. */
  secondDevice: number;
  /** Share of turns with a sign of danger. */
  risk: number;
  /** Alerts that wait for somebody to acknowledge them, at any moment. */
  openAlerts: number;
}

/** What they talk to. */
export interface Setup {
  nodes: number;
  masters: number;
  /** Null: as many as it takes. */
  ollamaHosts: number | null;
  slotsPerHost: number;
  /** Groups of nodes with Ollama hosts of their own. */
  pools: number;
  nodeBytes: number;
  masterBytes: number;
  masterBytesPerSecond: number;
  /** `maxclients` of a master. */
  masterConnections: number;
  /** Between a node and Redis and back. */
  roundTripMs: number;
}

export const usual: Habits = {
  turnEveryS: 45,
  wordsPerTurn: 60,
  wordsPerSecond: 30,
  turnsPerSession: 20,
  keptPerOpen: 20,
  secondDevice: 0.1,
  risk: 0.005,
  openAlerts: 20,
};

export const machines: Omit<Setup, 'nodes' | 'masters' | 'pools'> = {
  ollamaHosts: null,
  slotsPerHost: 4,
  nodeBytes: 4e9,
  masterBytes: 32e9,
  masterBytesPerSecond: 1.25e9,
  masterConnections: 10_000,
  roundTripMs: 0.3,
};
