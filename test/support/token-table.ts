// What is counted, and in which scenes; and how it is told.
export const countNames = [
  'store steps',
  'commits',
  'statements',
  'JSON.stringify',
  'JSON.parse',
  'packets',
  'writes',
  'bytes',
  'promises',
  'timers',
  'immediates',
  'buffers',
  'commands of node 1',
  'commands of node 2',
] as const;
export type CountName = (typeof countNames)[number];

/** How a session is followed. */
export type Way = 'socket' | 'stream' | 'poll';

export interface Scene {
  readonly name: string;
  /** Turns that speak at once; default 1. */
  readonly turns?: number;
  /** Of each turn; default 1. */
  readonly followers?: number;
  /** Default `socket`. */
  readonly way?: Way;
  readonly model?: 'ollama';
  /** Two nodes on one Redis: on which of them is followed. Default: one node with a store of its own. */
  readonly node?: 1 | 2;
}

export const scenes: readonly Scene[] = [
  { name: 'nobody', followers: 0 },
  { name: 'one socket' },
  { name: 'one stream', way: 'stream' },
  { name: 'one long poll', way: 'poll' },
  { name: '100 sockets', followers: 100 },
  { name: '20 turns at once', turns: 20 },
  { name: 'Ollama', model: 'ollama' },
  { name: 'Redis', node: 1 },
  { name: 'Redis, other node', node: 2 },
];

/** Counts by scene and name. */
export type Played = Record<string, Record<string, number>>;

/** A line for each count and a column for each scene, as the ceilings of the test are written. */
export function tableOf(played: Played): string {
  const columns = Object.entries(played);
  const head = columns.map(([scene], at) => `${at + 1}: ${scene}`).join(', ');
  const lines = countNames.map((name) => {
    const counts = columns.map(([, counts]) => counts[name] ?? Number.NaN);
    return `  ${`'${name}':`.padEnd(22)} [${counts.join(', ')}],`;
  });
  return `// ${head}\n${lines.join('\n')}\n`;
}
