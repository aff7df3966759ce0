// What retrieval costs a server: until its port is open, until examples are there, and in memory.
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeOllama } from '../test/support/fake-ollama.ts';
import { randomFrom } from '../test/support/random.ts';
import { startServer } from '../test/support/server-process.ts';
import { connect } from '../test/support/socket-client.ts';
import { sentence } from './retrieval-set.ts';

const SEED = 20_118;
const TURNS = 50;
const PATIENCE_MS = 60_000;
/** Of the system's clock that counts computing time. */
const TICK_MS = 10;
const WIDE = 36;
const READY = 'examples are ready';

export interface Kept {
  name: string;
  /** Where its table is already made. */
  dataDir: string;
  env: Record<string, string>;
}

/** Medians, in ms. */
export interface Starts {
  name: string;
  /** Until the port is open, without retrieval and with it. */
  off: number;
  on: number;
  /** The same in computing time, which other work on the machine changes less. */
  offCpu: number;
  onCpu: number;
  /** From the open port until there are examples. */
  ready: number;
  load: number;
}

/** In MiB: at rest, and after turns that a model answered. */
interface Memory {
  name: string;
  rest: number;
  used: number;
}

const cell = (value: number): string => value.toFixed(0).padStart(10);
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** There on Linux only. */
const ofProcess = (pid: number, file: string): Promise<string> =>
  readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');

async function computedMs(pid: number): Promise<number> {
  const [, fields = ''] = (await ofProcess(pid, 'stat')).split(') ');
  const [user = Number.NaN, system = Number.NaN] = fields.split(' ').slice(11, 13).map(Number);
  return (user + system) * TICK_MS;
}

async function memoryOf(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await ofProcess(pid, 'status'))?.[1] ?? Number.NaN) / 1024;
}

interface Start {
  openMs: number;
  cpuMs: number;
  readyMs: number;
}

async function start(dataDir: string, env: Record<string, string>): Promise<Start> {
  const begunAt = performance.now();
  await using server = await startServer({ dataDir, env, startMs: PATIENCE_MS });
  const openAt = performance.now();
  const cpuMs = await computedMs(server.pid);
  if (env['RETRIEVAL'] === 'on') await server.logged(READY, PATIENCE_MS);
  const readyMs = performance.now() - openAt;
  await server.stop();
  return { openMs: openAt - begunAt, cpuMs, readyMs };
}

/** With and without, in turn. */
async function compare({ name, dataDir, env }: Kept, times: number): Promise<Starts> {
  const off: Start[] = [];
  const on: Start[] = [];
  // the first one compiles
  await start(dataDir, { ...env, RETRIEVAL: 'on' });
  for (let n = 0; n < times; n += 1) {
    off.push(await start(dataDir, { ...env, RETRIEVAL: 'off' }));
    on.push(await start(dataDir, { ...env, RETRIEVAL: 'on' }));
  }
  return {
    name,
    off: median(off.map(({ openMs }) => openMs)),
    on: median(on.map(({ openMs }) => openMs)),
    offCpu: median(off.map(({ cpuMs }) => cpuMs)),
    onCpu: median(on.map(({ cpuMs }) => cpuMs)),
    ready: median(on.map(({ readyMs }) => readyMs)),
    load: loadavg()[0] ?? 0,
  };
}

async function memoryWith(name: string, dataDir: string, env: Record<string, string>): Promise<Memory> {
  await using server = await startServer({ dataDir, env, startMs: PATIENCE_MS });
  if (env['RETRIEVAL'] === 'on') await server.logged(READY, PATIENCE_MS);
  // the encoder is loaded after that
  await sleep(2_000);
  const rest = await memoryOf(server.pid);
  const socket = await connect(server.url);
  const random = randomFrom(SEED);
  for (let n = 0; n < TURNS; n += 1) {
    const { promise: done, resolve } = Promise.withResolvers<void>();
    socket.socket.once('therapist:done', () => resolve());
    const sessionId = `${name.replace(/\W+/g, '-')}-${n}`;
    await socket.must('session:input', { session_id: sessionId, user_input: sentence(random) });
    await done;
  }
  const used = await memoryOf(server.pid);
  socket.close();
  return { name, rest, used };
}

/** Starts each so many times, without and with retrieval; a fake Ollama answers the turns. */
export async function measureServers(
  kept: readonly Kept[],
  times: number,
  print: (line: string) => void,
): Promise<{ starts: Starts[]; memory: Memory[] }> {
  await using ollama = await startFakeOllama({ behaviour: { reply: 'And how is that for you?' } });
  const always = { OLLAMA_BASE_URL: ollama.url };
  const starts: Starts[] = [];
  const memory: Memory[] = [];
  print(
    `\n${'a start with a warm directory, ms'.padEnd(WIDE)}       off        on   off CPU    on CPU  ready in`,
  );
  for (const one of kept) {
    const row = await compare({ ...one, env: { ...always, ...one.env } }, times);
    starts.push(row);
    const cells = [row.off, row.on, row.offCpu, row.onCpu, row.ready].map(cell);
    print(`${row.name.padEnd(WIDE)}${cells.join('')}  load ${row.load.toFixed(1)}`);
  }
  print(`\n${'memory, MiB'.padEnd(WIDE)}   at rest  ${TURNS} turns`);
  const off = kept.slice(0, 1).map(({ dataDir }) => ({ name: 'off', dataDir, env: { RETRIEVAL: 'off' } }));
  const on = kept.map(({ name, dataDir, env }) => ({
    name: `on, ${name}`,
    dataDir,
    env: { ...env, RETRIEVAL: 'on' },
  }));
  for (const { name, dataDir, env } of [...off, ...on]) {
    const row = await memoryWith(name, dataDir, { ...always, ...env });
    memory.push(row);
    print(`${name.padEnd(WIDE)}${cell(row.rest)}${cell(row.used)}`);
  }
  return { starts, memory };
}
