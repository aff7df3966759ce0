// One reply that very many follow: what each frame costs, and how much later the last of them has a word than the first.
import { setTimeout as sleep } from 'node:timers/promises';
import { pathOf, rest } from '../../test/support/rest.ts';
import { cpuMs, load } from '../shared/machine.ts';
import { median, quantile } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';
import { Crowd } from './crowds.ts';
import { LightSocket } from './light.ts';
import { openOther, openOurs, PacedOllama } from './servers.ts';
import type { Measured } from './servers.ts';

/** Words a second of the reply. */
const RATE = 50;
/** Until it is under way, and how much longer than measured it goes on. */
const RAMP_MS = 1_000;
const HEADROOM_S = 2;

/** What one run of one system came to. */
interface Run {
  /** CPU of the server, in µs. */
  wordUs: number;
  frameUs: number;
  /** Words in a frame. */
  merged: number;
  /** From the first follower that has a word to the last one, in ms. */
  spread50: number;
  spread99: number;
  /** Words a follower and second: what it should be is said a second. */
  perSecond: number;
}

const json = { 'Content-Type': 'application/json' };

/** Makes a session, and says something in it once everybody follows. */
interface Speaker {
  create(): Promise<unknown>;
  say(): Promise<unknown>;
}

async function bySocket(url: string, session: string): Promise<Speaker> {
  const light = await LightSocket.open(url);
  return {
    create: () => light.call('session:create', { session_id: session }),
    say: async () => {
      await light.call('session:input', { session_id: session, user_input: 'hello' });
      light.close();
    },
  };
}

async function byRest(url: string, session: string): Promise<Speaker> {
  const headers = { ...json, Prefer: 'respond-async' };
  const input = { body: { user_input: 'hello' }, headers };
  return {
    create: () => rest(url, 'POST /api/v1/session/create', { body: { session_id: session }, headers }),
    say: () => rest(url, `POST ${pathOf(session, '/input')}`, input),
  };
}

interface System {
  server: Measured;
  way: 'joined' | 'stream';
}

let rooms = 0;

async function run({ server, way }: System, crowd: Crowd, followers: number, seconds: number): Promise<Run> {
  rooms += 1;
  const session = `room-${rooms}`;
  const speaker = await (way === 'joined' ? bySocket : byRest)(server.url, session);
  await speaker.create();
  await crowd.open({ url: server.url, way, count: followers, session });
  await speaker.say();
  await sleep(RAMP_MS);
  await crowd.count();
  const [from, before] = [performance.now(), cpuMs(server.pid)];
  await sleep(seconds * 1_000);
  const cpuUs = (cpuMs(server.pid) - before) * 1_000;
  const ms = performance.now() - from;
  const { words, frames, spread } = await crowd.count();
  await crowd.close();
  return {
    wordUs: cpuUs / words,
    frameUs: cpuUs / frames,
    merged: words / frames,
    spread50: quantile(spread, 0.5),
    spread99: quantile(spread, 0.99),
    perSecond: (words * 1_000) / ms / followers,
  };
}

const figures: readonly [keyof Run, string, string][] = [
  ['wordUs', 'CPU of the server for a word of one follower', 'µs'],
  ['frameUs', 'CPU of the server for a frame of one follower', 'µs'],
  ['merged', 'words in a frame', ''],
  ['spread50', 'from the first to the last who has a word, p50', 'ms'],
  ['spread99', 'from the first to the last who has a word, p99', 'ms'],
  ['perSecond', 'words a second, of each follower', '1/s'],
];

/** By the name of a way: ours, and the relay it is beside. */
type Pairs = ReadonlyMap<string, readonly [ours: System, relay: System]>;

async function openAll(stack: AsyncDisposableStack, model: Record<string, string>): Promise<Pairs> {
  const ours = stack.use(await openOurs(model));
  const room = stack.use(await openOther('relay-room', model));
  const set = stack.use(await openOther('relay-set', model));
  return new Map([
    ['Socket.IO', [{ server: ours, way: 'joined' } as const, { server: room, way: 'joined' } as const]],
    ['SSE', [{ server: ours, way: 'stream' } as const, { server: set, way: 'stream' } as const]],
  ]);
}

export async function fanOut({ quick }: { quick: boolean }): Promise<Part> {
  const [repeats, followers, seconds] = quick ? [1, 200, 1] : [3, 1_000, 4];
  await using stack = new AsyncDisposableStack();
  const ollama = stack.use(await PacedOllama.open());
  const pairs = await openAll(stack, { OLLAMA_BASE_URL: ollama.url });
  const crowd = stack.use(new Crowd());
  await ollama.speak({ rate: RATE, words: RATE * (seconds + RAMP_MS / 1_000 + HEADROOM_S) });
  const systems = [...pairs.values()].flat();
  const runs = new Map<System, Run[]>(systems.map((system) => [system, []]));
  for (let n = 0; n < repeats; n += 1) {
    for (const system of n % 2 === 0 ? systems : systems.toReversed())
      runs.get(system)?.push(await run(system, crowd, followers, seconds));
  }
  const rows = [...pairs].flatMap(([name, pair]) =>
    figures.map(([key, what, unit]): Row => {
      const cells = pair.map((system) => median((runs.get(system) ?? []).map((one) => one[key])));
      return { what: `${name}: ${what}`, unit, cells };
    }),
  );
  return {
    name: 'fan-out',
    title: `One reply of ${RATE} words a second, with ${followers.toLocaleString('en')} followers`,
    systems: ['Stillpoint', 'relay by hand'],
    rows,
    notes: [
      'The followers are one process; what it takes to read them all is in the delay from first to last.',
    ],
    load: load(),
  };
}
