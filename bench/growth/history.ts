// (b) One session with more and more turns: what the next one costs, and what it costs to read.
import { join } from 'node:path';
import { z } from 'zod';
import { parseCursor, toCursor } from '../../src/chat/wire.ts';
import { tempDir } from '../../test/support/server-process.ts';
import { pathOf } from '../../test/support/rest.ts';
import { inputs } from '../nodes/talk.ts';
import type { Allowed, Curve, Point } from './curve.ts';
import { Worker } from './worker.ts';

const BY = 'turns in the session';
const SCRIPT = new URL('./history-worker.ts', import.meta.url);
/** Turns in one measurement; and what a session may get meanwhile, as a share of what it has: so there are more where they are short. */
const TURNS = 4;
const SHARE = 0.2;
const PAGE = 50;
/** Entries behind a recent cursor. */
const RECENT = 5;

/** An application with sessions of that many turns. */
interface Held {
  size: number;
  worker: Worker;
  url: string;
  sessions: string[];
  /** Where the log of the first one ends, and how it is called. */
  head: number;
  epoch: string;
  /** Turns so far while it was measured. */
  asked: number;
}

const Response = z.looseObject({ therapist_response: z.string() });
const Snapshot = z.looseObject({ cursor: z.string() });

async function get(url: string, path: string): Promise<unknown> {
  const response = await fetch(`${url}${path}`);
  if (!response.ok) throw new Error(`${path} is answered with ${response.status}`);
  return await response.json();
}

/** Resolves with the end of the reply. */
async function speak(url: string, sessionId: string, n: number): Promise<void> {
  const body = JSON.stringify({ user_input: inputs[n % inputs.length] });
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}${pathOf(sessionId, '/input')}`, { method: 'POST', headers, body });
  Response.parse(await response.json());
}

async function hold(
  size: number,
  times: number,
  directory: string,
  resources: AsyncDisposableStack,
): Promise<Held> {
  const worker = resources.use(new Worker(SCRIPT, [directory]));
  const url = await worker.ask({ kind: 'url' }, z.string());
  const count = Math.ceil(((times + 1) * TURNS) / (SHARE * size));
  const sessions = Array.from({ length: count }, (_, n) => `talk-${n}`);
  for (const session of sessions) for (let n = 0; n < size; n += 1) await speak(url, session, n);
  return { size, worker, url, sessions, head: 0, epoch: '', asked: 0 };
}

/** Where the log of the first session ends, now. */
async function cursorOf({ url, sessions }: Held): Promise<{ epoch: string; head: number }> {
  const { cursor } = Snapshot.parse(await get(url, pathOf(sessions[0] ?? '', '/log?wait=0')));
  const at = parseCursor(cursor);
  if (!at) throw new Error(`${cursor} is no cursor`);
  return { epoch: at.epoch, head: at.seq };
}

interface Measured {
  name: string;
  title: string;
  allowed: Allowed;
  /** Fewer turns do not fill a page. */
  from?: number;
  count: number;
  /** Asked over the wire, so often. */
  ask: (held: Held) => Promise<unknown>;
}

const first = ({ sessions }: Held): string => sessions[0] ?? '';
const read = (path: (held: Held) => string) => (held: Held) => get(held.url, pathOf(first(held), path(held)));

const wired: readonly Measured[] = [
  {
    name: 'turn',
    title: 'The next turn, from its input to the end of its reply',
    allowed: 'flat',
    from: PAGE,
    count: TURNS,
    ask: async (held) => {
      held.asked += 1;
      await speak(held.url, held.sessions[held.asked % held.sessions.length] ?? '', held.asked);
    },
  },
  {
    name: 'snapshot',
    title: 'A snapshot: what who joins begins with',
    allowed: 'flat',
    from: PAGE,
    count: 10,
    ask: read(() => '/log?wait=0'),
  },
  {
    name: 'page',
    title: `The last ${PAGE} turns`,
    allowed: 'flat',
    from: PAGE,
    count: 10,
    ask: read(() => `/history?limit=${PAGE}`),
  },
  {
    name: 'old-page',
    title: `${PAGE} turns from the middle`,
    allowed: 'flat',
    from: PAGE,
    count: 10,
    ask: read(({ size }) => `/history?limit=${PAGE}&before=${Math.ceil(size / 2) + PAGE}`),
  },
  {
    name: 'tail',
    title: 'What lies behind a recent cursor',
    allowed: 'flat',
    count: 20,
    ask: read(
      ({ epoch, head }) => `/log?wait=0&after=${encodeURIComponent(toCursor({ epoch }, head - RECENT))}`,
    ),
  },
  {
    name: 'export',
    title: 'All that is stored of the session',
    allowed: 'linear',
    count: 1,
    ask: read(() => '/export'),
  },
];

/** Asked of the process itself. */
const inside = [
  { name: 'decide', title: 'Screening an input and deciding what to say' },
  { name: 'prompt', title: 'Making the prompt' },
] as const;

const cpuOf = ({ worker }: Held): Promise<number> => worker.ask({ kind: 'cpu' }, z.number());

async function costOf(held: Held, { count, ask }: Measured): Promise<number> {
  const before = await cpuOf(held);
  for (let n = 0; n < count; n += 1) await ask(held);
  return ((await cpuOf(held)) - before) / count;
}

/** By turns, so that what else the machine does meets all sizes alike; the first time is not counted. */
async function repeated(
  held: readonly Held[],
  times: number,
  work: (held: Held) => Promise<number>,
): Promise<Point[]> {
  const values = held.map(() => [] as number[]);
  for (let time = -1; time < times; time += 1) {
    for (const [at, one] of held.entries()) {
      const value = await work(one);
      if (time >= 0) values[at]?.push(value);
    }
  }
  return held.map(({ size }, at) => ({ size, values: values[at] ?? [] }));
}

async function sizesOf(held: readonly Held[]): Promise<Curve[]> {
  const Sizes = z.object({ kept: z.number(), prompt: z.number() });
  const [kept, prompt]: [Point[], Point[]] = [[], []];
  for (const one of held) {
    const sizes = await one.worker.ask({ kind: 'sizes', sessionId: first(one) }, Sizes);
    kept.push({ size: one.size, values: [sizes.kept] });
    prompt.push({ size: one.size, values: [sizes.prompt] });
  }
  const more = { by: BY, unit: 'characters', allowed: 'flat' } as const;
  return [
    { ...more, name: 'history-kept', title: 'What is remembered besides the turns', points: kept },
    { ...more, name: 'history-prompt-size', title: 'The prompt', from: PAGE, points: prompt },
  ];
}

/** Of a whole session, once: there is only one to be taken away. */
async function endsOf(held: readonly Held[]): Promise<Curve[]> {
  const ends: Curve[] = [];
  for (const [kind, title] of [
    ['compact', 'Dropping the single words of all turns'],
    ['remove', 'Removing the session'],
  ] as const) {
    const points: Point[] = [];
    for (const one of held) {
      const us = await one.worker.ask({ kind, sessionId: first(one) }, z.number());
      // there are more sessions where they are short
      points.push({ size: one.size, values: [kind === 'compact' ? us / one.sessions.length : us] });
    }
    ends.push({ name: `history-${kind}`, title, by: BY, unit: 'µs', allowed: 'linear', points });
  }
  return ends;
}

export async function measureHistory(sizes: readonly number[], times: number): Promise<Curve[]> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await tempDir());
  const held = await Promise.all(sizes.map((size) => hold(size, times, join(path, String(size)), resources)));
  const more = { by: BY, unit: 'µs' };
  const curves: Curve[] = [];
  for (const measured of wired) {
    for (const one of held) Object.assign(one, await cursorOf(one));
    const points = await repeated(held, times, (one) => costOf(one, measured));
    const { name, title, allowed, from = 0 } = measured;
    curves.push({ ...more, name: `history-${name}`, title, allowed, from, points });
  }
  for (const { name, title } of inside) {
    const points = await repeated(held, times, (one) =>
      one.worker.ask({ kind: name, sessionId: first(one), count: 10 }, z.number()),
    );
    curves.push({ ...more, name: `history-${name}`, title, allowed: 'flat', from: PAGE, points });
  }
  return [...curves, ...(await sizesOf(held)), ...(await endsOf(held))];
}
