// node bench/crisis.ts: how soon the first byte of a crisis reply is there, and what the output guard costs. [US-41] [US-54]
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGuard } from '../src/safety/guard.ts';
import { startServer, tempDir } from '../test/support/server-process.ts';
import { connect } from '../test/support/socket-client.ts';
import type { SocketClient } from '../test/support/socket-client.ts';
import { WebhookReceiver } from '../test/support/webhook-receiver.ts';

const SOCKETS = 100;
const RISKS = 300;
/** One socket follows at most 200 sessions. */
const RISKS_PER_SOCKET = 100;
const WARM_UP = 20;
const PAUSE_MS = 20;
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const SECRET = 'secret-for-the-benchmark-0123456789abcdef';
const risks = [
  'I want to kill myself',
  'I am going to kill myself tonight',
  'I just swallowed all my pills',
  'quiero matarme esta noche',
  'ich will mich umbringen',
];
const ordinary = ['hello', 'I feel tense today', 'it sits in my chest', 'I want to feel calm', 'yes'];

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const sessionOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'session_id' in data ? data.session_id : undefined;

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

interface Times {
  ack: number[];
  firstByte: number[];
  whole: number[];
}

/** Resolves with the time of the first event of that name in the session. */
function first(socket: SocketClient, event: string, sessionId: string): Promise<number> {
  return new Promise((resolve) => {
    const look = (data: unknown) => {
      if (sessionOf(data) !== sessionId) return;
      socket.socket.off(event, look);
      resolve(performance.now());
    };
    socket.socket.on(event, look);
  });
}

async function oneRisk(
  socket: SocketClient,
  sessionId: string,
  words: string,
): Promise<[number, number, number]> {
  const token = first(socket, 'therapist:token', sessionId);
  const done = first(socket, 'therapist:done', sessionId);
  const sentAt = performance.now();
  await socket.must('session:input', { session_id: sessionId, user_input: words });
  const ackAt = performance.now();
  return [ackAt - sentAt, (await token) - sentAt, (await done) - sentAt];
}

async function measureRisks(url: string): Promise<Times> {
  const times: Times = { ack: [], firstByte: [], whole: [] };
  let socket: SocketClient | undefined;
  for (let i = 0; i < RISKS + WARM_UP; i += 1) {
    if (i % RISKS_PER_SOCKET === 0) {
      socket?.close();
      socket = await connect(url);
    }
    if (!socket) break;
    const [ack, firstByte, whole] = await oneRisk(socket, `risk-${i}`, risks[i % risks.length] ?? '');
    await sleep(PAUSE_MS);
    if (i < WARM_UP) continue;
    times.ack.push(ack);
    times.firstByte.push(firstByte);
    times.whole.push(whole);
  }
  socket?.close();
  return times;
}

/** Talks on until told to stop; where the model is away it waits with its first turn. */
async function talk(socket: SocketClient, id: string, signal: AbortSignal, ended: () => void): Promise<void> {
  await socket.must('session:create', id);
  const over = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (let n = 0; !signal.aborted; n += 1) {
    const done = first(socket, 'therapist:done', id);
    await socket.must('session:input', { session_id: id, user_input: ordinary[n % ordinary.length] ?? '' });
    await Promise.race([done, over]);
    if (!signal.aborted) ended();
  }
}

interface Row {
  name: string;
  env: Record<string, string>;
}

interface Measured extends Times {
  name: string;
  turns: number;
  load: number;
  seconds: number;
}

async function run({ name, env }: Row): Promise<Measured> {
  await using directory = await tempDir();
  const settings = { OLLAMA_BASE_URL: NOWHERE, ...env };
  await using server = await startServer({ dataDir: directory.path, env: settings });
  const stop = new AbortController();
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => connect(server.url)));
  let turns = 0;
  const talks = sockets.map((socket, i) =>
    talk(socket, `talk-${i}`, stop.signal, () => {
      turns += 1;
    }),
  );
  await sleep(2_000);
  const from = turns;
  const begunAt = performance.now();
  const times = await measureRisks(server.url);
  const seconds = (performance.now() - begunAt) / 1_000;
  const measured = { name, ...times, turns: turns - from, seconds, load: loadavg()[0] ?? 0 };
  stop.abort();
  await Promise.allSettled(talks);
  for (const socket of sockets) socket.close();
  return measured;
}

const cell = (value: number): string => value.toFixed(1).padStart(8);

function show({ name, ack, firstByte, whole, turns, seconds, load }: Measured): void {
  const parts = [ack, firstByte, whole].map((values) => `${cell(at(values, 0.5))}${cell(at(values, 0.99))}`);
  print(
    `${name.padEnd(34)}${parts.join('  ')}  ${(turns / seconds).toFixed(0).padStart(7)}  ${load.toFixed(1).padStart(5)}`,
  );
}

async function crisis(): Promise<void> {
  await using receiver = await WebhookReceiver.open();
  receiver.habit = 'hang';
  const escalation = {
    ESCALATION_URL: receiver.url,
    ESCALATION_SECRET: SECRET,
    ESCALATION_PRIVATE_HOSTS: '127.0.0.1',
  };
  print(
    `${RISKS} risks in new sessions beside ${SOCKETS} sockets that talk; ms; ${availableParallelism()} cores`,
  );
  print(`${''.padEnd(34)}     ack p50/p99        first byte            whole     turns/s   load`);
  const stopped = await run({ name: 'model stopped, the guide talks', env: { MODEL: 'auto' } });
  show(stopped);
  show(await run({ name: 'model stopped, turns wait for it', env: { MODEL: 'ollama' } }));
  const hanging = await run({ name: 'as the first, webhook hangs', env: { MODEL: 'auto', ...escalation } });
  show(hanging);
  const again = await run({ name: 'as the first, again', env: { MODEL: 'auto' } });
  show(again);
  const p99 = ({ firstByte }: Times) => at(firstByte, 0.99);
  print(
    `first byte p99, webhook hanging less the first run: ${(p99(hanging) - p99(stopped)).toFixed(1)} ms;`,
  );
  print(`two runs of the same differ by ${(p99(again) - p99(stopped)).toFixed(1)} ms`);
}

function linesOf(value: unknown): string[] {
  if (typeof value === 'string') return value.includes(' ') ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(linesOf);
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** Words that come before the first word is out, and before each word is. */
function delaysOf(text: string): number[] {
  const guard = createGuard({ mode: 'normal' });
  const words = text.match(/\s*\S+/g) ?? [];
  const delays: number[] = [];
  const ends: number[] = [];
  let end = 0;
  let out = 0;
  for (const [index, word] of words.entries()) {
    end += word.length;
    ends.push(end);
    out += guard.push(word).length;
    while (delays.length < ends.length && (ends[delays.length] ?? 0) <= out)
      delays.push(index - delays.length);
  }
  while (delays.length < words.length) delays.push(words.length - 1 - delays.length);
  return delays;
}

/** CPU time for 1,000 characters that come word by word, in ms. */
function costOf(texts: readonly string[], canaries: readonly string[]): number {
  const pieces = texts.map((text) => text.match(/\s*\S+/g) ?? []);
  let chars = 0;
  const before = process.cpuUsage();
  for (let round = 0; round < 10; round += 1) {
    for (const words of pieces) {
      const guard = createGuard({ mode: 'normal', canaries });
      for (const word of words) {
        guard.push(word);
        chars += word.length;
      }
      guard.end();
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / chars;
}

function guardDelay(): void {
  const sets = read('../test/safety/sets/output.json');
  const named = typeof sets === 'object' && sets !== null ? Object.entries(sets) : [];
  const texts = (name: string) => named.flatMap(([key, value]) => (key === name ? linesOf(value) : []));
  const content = ['guide', 'checkpoint', 'openings'].flatMap((name) =>
    linesOf(read(`../src/therapy/content/${name}.en.json`)),
  );
  print('');
  print(
    'guard: words that come before a word is out   lines   first p50/p95    all p50/p95   ms CPU per 1,000 chars',
  );
  const groups = [
    ['harmless replies', texts('harmless')],
    ['look-alikes of unsafe sentences', texts('safe')],
    ['lines of the guide', content],
  ] as const;
  for (const [name, lines] of groups) {
    const delays = lines.map(delaysOf);
    const firsts = delays.map(([delay]) => delay ?? 0);
    const all = delays.flat();
    const shares = [at(firsts, 0.5), at(firsts, 0.95), at(all, 0.5), at(all, 0.95)];
    const [a, b, c, d] = shares.map((value) => String(value).padStart(7));
    print(
      `${name.padEnd(44)}${String(lines.length).padStart(7)} ${a}${b} ${c}${d}   ${costOf(lines, []).toFixed(2).padStart(12)}`,
    );
  }
}

await crisis();
guardDelay();
