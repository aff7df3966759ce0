// node bench/flood.ts [--seconds 60] [--times 3]: a server that is asked for several times what it can do. Whether what it takes is done
// in time, refusals are early and say until when, memory stays flat, and a crisis is answered as before.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent } from 'undici';
import { z } from 'zod';
import { MemoryGauge, preloadMemory } from '../test/support/memory.ts';
import type { Memory } from '../test/support/memory.ts';
import { startServer, tempDir } from '../test/support/server-process.ts';
import { addressIn, ask, Issuer, knock, Person } from './flood/people.ts';
import { at, drive } from './flood/tally.ts';
import type { Lane, Tally } from './flood/tally.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, times: { type: 'string', default: '3' } },
});
const SECONDS = Number(values.seconds);
const TIMES = Number(values.times);

const SLOTS = 8;
const QUEUE = 100;
const WORDS_PER_S = 60;
const WORDS = 30;
const PEOPLE = 300;
const GREEDY = 3;
const BAD_ADDRESSES = 5;
const KNOCKING_ADDRESSES = 2;
const CALM_S = Math.min(15, SECONDS);
const SAMPLE_MS = 1_000;
const PROBE_S = 5;
const ordinary = ['hello', 'I feel tense today', 'it sits in my chest', 'I want to feel calm', 'yes'];
const risks = ['I want to kill myself', 'quiero matarme esta noche', 'ich will mich umbringen'];

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

interface Stage {
  url: string;
  issuer: Issuer;
  /** Each with an address. */
  people: Person[];
  greedy: Person[];
  dispatcher: Agent;
  gauge: MemoryGauge;
}

async function openStage(resources: AsyncDisposableStack): Promise<Stage> {
  const ollama = fork(fileURLToPath(new URL('./nodes/ollama.ts', import.meta.url)));
  resources.defer(() => void ollama.kill('SIGKILL'));
  const [ollamaUrl] = z.tuple([z.string()]).parse((await once(ollama, 'message')).slice(0, 1));
  ollama.send({ rate: WORDS_PER_S, words: WORDS });
  await once(ollama, 'message');
  const { path } = resources.use(await tempDir());
  const issuer = await Issuer.open(join(path, 'issuer.json'));
  const env = {
    ...issuer.env,
    ...preloadMemory,
    RATE_LIMIT: 'on',
    TRUST_PROXY: 'loopback',
    MODEL: 'ollama',
    OLLAMA_BASE_URL: ollamaUrl,
    OLLAMA_SLOTS: String(SLOTS),
    OLLAMA_QUEUE: String(QUEUE),
  };
  const server = resources.use(await startServer({ dataDir: join(path, 'data'), env }));
  const people: Person[] = [];
  const greedy: Person[] = [];
  const open = async (name: string, address: string) =>
    resources.use(await Person.open(server.url, issuer.tokenOf(name), address));
  for (let i = 0; i < PEOPLE; i += 1) people.push(await open(`person-${i}`, addressIn(10, i)));
  for (let i = 0; i < GREEDY; i += 1) greedy.push(await open(`greedy-${i}`, addressIn(11, i)));
  for (const [i, person] of people.entries()) {
    await person.call('session:create', { session_id: `home-${i}` });
  }
  const dispatcher = new Agent({ connections: 64 });
  resources.defer(() => dispatcher.close());
  return { url: server.url, issuer, people, greedy, dispatcher, gauge: new MemoryGauge(server) };
}

/** Turns a second when there is always something to do: more and more talk at once until that makes no more. */
async function findCapacity({ people }: Stage): Promise<number> {
  let best = 0;
  for (let talkers = SLOTS; talkers <= PEOPLE; talkers *= 2) {
    const until = performance.now() + PROBE_S * 1_000;
    let turns = 0;
    const talk = async (person: Person, i: number) => {
      for (let n = 0; performance.now() < until; n += 1) {
        const said = await person.say(`probe-${talkers}-${i}`, ordinary[n % ordinary.length] ?? '');
        await said.ended;
        if (said.code === 'ok') turns += 1;
        else await sleep(100);
      }
    };
    const beganAt = performance.now();
    await Promise.all(people.slice(0, talkers).map(talk));
    const rate = turns / ((performance.now() - beganAt) / 1_000);
    print(`  ${String(talkers).padStart(4)} talk at once: ${rate.toFixed(1)} turns/s`);
    if (rate < best * 1.1) return Math.max(best, rate);
    best = rate;
  }
  return best;
}

/** Somebody nobody knows yet, with one sentence. */
function crisisLane({ url, issuer }: Stage, phase: string): Lane {
  let count = 0;
  const fire = async (tally: Tally) => {
    const n = count;
    count += 1;
    const id = `${phase}-crisis-${n}`;
    const network = phase === 'calm' ? 21 : 22;
    using person = await Person.open(url, issuer.tokenOf(id), addressIn(network, n));
    const sentAt = performance.now();
    const said = await person.say(id, risks[n % risks.length] ?? '');
    tally.note(said);
    const word = await said.firstWord;
    if (word !== undefined) tally.firstWord.push(word - sentAt);
    await said.ended;
  };
  return { name: 'crisis', rate: 1, fire };
}

/** Everybody in turn says something, in a session in which nothing is live. */
function inputLane(name: string, people: readonly Person[], rate: number, prefix: string): Lane {
  let count = 0;
  const fire = async (tally: Tally) => {
    const n = count;
    count += 1;
    const person = people[n % people.length];
    if (!person) return;
    const sentAt = performance.now();
    const said = await person.say(`${prefix}-${n}`, ordinary[n % ordinary.length] ?? '');
    tally.note(said);
    const word = await said.firstWord;
    if (word !== undefined) tally.firstWord.push(word - sentAt);
    await said.ended;
    // one socket follows at most 200 sessions
    if (said.code === 'ok') await person.call('session:leave', { session_id: `${prefix}-${n}` });
  };
  return { name, rate, fire };
}

/** What else is asked in a flood, `rate` of each. */
function otherLanes({ url, people, dispatcher, greedy }: Stage, rate: number): Lane[] {
  const counters = new Map<string, number>();
  const next = (name: string): number => {
    const n = counters.get(name) ?? 0;
    counters.set(name, n + 1);
    return n;
  };
  const someone = (n: number) => people[n % people.length];
  const lane = (
    name: string,
    rate: number,
    one: (n: number) => Promise<Parameters<Tally['note']>[0]> | undefined,
  ) => ({
    name,
    rate,
    fire: async (tally: Tally) => {
      const ending = await one(next(name));
      if (ending) tally.note(ending);
    },
  });
  const restOf = (n: number) => {
    const { token = '', address = '' } = someone(n) ?? {};
    return { dispatcher, token, address };
  };
  return [
    inputLane('inputs of three greedy people', greedy, rate, 'greedy'),
    lane('creates', rate, (n) =>
      ask(`${url}/api/v1/session/create`, 'POST', { ...restOf(n), body: { session_id: `made-${n}` } }),
    ),
    lane('joins', rate, (n) => someone(n)?.call('session:join', { session_id: `home-${n % PEOPLE}` })),
    lane('polls', rate, (n) => ask(`${url}/api/v1/session/home-${n % PEOPLE}/log?wait=0`, 'GET', restOf(n))),
    lane('bad tokens', rate, (n) =>
      ask(`${url}/api/v1/sessions`, 'GET', {
        dispatcher,
        token: 'not.a.token',
        address: addressIn(31, n % BAD_ADDRESSES),
      }),
    ),
    lane('knocks at the socket', rate, (n) => knock(url, dispatcher, addressIn(32, n % KNOCKING_ADDRESSES))),
  ];
}

const ms = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(1)).padStart(9);

function show(name: string, tally: Tally): void {
  const taken = tally.of('ok');
  const head = `${name.padEnd(32)}${String(tally.sent).padStart(7)}${String(taken.length).padStart(7)}`;
  const times = [at(taken, 0.5), at(taken, 0.99), at(tally.firstWord, 0.5), at(tally.firstWord, 0.99)];
  print(`${head}${times.map(ms).join('')}${tally.held > 0 ? `   ${tally.held} not sent` : ''}`);
  for (const code of tally.codes) {
    const late = tally.of(code);
    print(
      `${`  ${code}`.padEnd(32)}${''.padStart(7)}${String(late.length).padStart(7)}${ms(at(late, 0.5))}${ms(at(late, 0.99))}`,
    );
  }
}

function showAll(title: string, tallies: Tallies): void {
  print(`\n${title.padEnd(32)}   sent   took  ack p50  ack p99 word p50 word p99   (ms; below, refusals)`);
  for (const [name, tally] of tallies) show(name, tally);
}

interface Sample extends Memory {
  second: number;
}

async function sampled<T>(gauge: MemoryGauge, work: Promise<T>): Promise<{ value: T; samples: Sample[] }> {
  const samples: Sample[] = [];
  const over = new AbortController();
  const beganAt = performance.now();
  const watch = async () => {
    while (!over.signal.aborted) {
      samples.push({ second: (performance.now() - beganAt) / 1_000, ...(await gauge.read()) });
      await sleep(SAMPLE_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const watching = watch();
  try {
    return { value: await work, samples };
  } finally {
    over.abort();
    await watching;
  }
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0).padStart(6);

function showMemory(samples: readonly Sample[]): void {
  print('\nof the flood, in sixths          RSS MiB, least heap MiB, event loop p99 and max in ms');
  const size = Math.max(1, Math.ceil(samples.length / 6));
  for (let from = 0; from < samples.length; from += size) {
    const part = samples.slice(from, from + size);
    const rss = Math.max(...part.map((one) => one.rss));
    const heap = Math.min(...part.map((one) => one.heap));
    const p99 = at(
      part.map(({ loop }) => loop.p99),
      0.5,
    );
    const max = Math.max(...part.map(({ loop }) => loop.max));
    print(
      `  from ${(part[0]?.second ?? 0).toFixed(0).padStart(3)} s${''.padStart(20)}${mib(rss)}${mib(heap)}${ms(p99)}${ms(max)}`,
    );
  }
}

type Tallies = ReadonlyMap<string, Tally>;
const goal = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');

function showGoals(before: Tallies, during: Tallies, capacity: number): void {
  const all = [...during.values()];
  const untyped = all.reduce((sum, tally) => sum + tally.of('untyped').length, 0);
  const refusals = all.flatMap((tally) => tally.codes.flatMap((code) => tally.of(code)));
  const crisis = during.get('crisis');
  const inputs = during.get('inputs');
  const answered = crisis !== undefined && crisis.firstWord.length === crisis.sent;
  const words = (tallies: Tallies, name: string) => tallies.get(name)?.firstWord ?? [];
  const silent = (inputs?.of('ok').length ?? 0) - words(during, 'inputs').length;
  print(`\nevery refusal has a code, and says until when: ${goal(untyped === 0)}`);
  print(
    `${refusals.length} refusals, after${ms(at(refusals, 0.5))} ms (p50) and${ms(at(refusals, 0.99))} ms (p99)`,
  );
  print(`every input that was taken got its words: ${goal(silent === 0)}`);
  print(
    `  the longest wait${ms(at(words(during, 'inputs'), 1))} ms; a full queue of ${QUEUE} takes ${ms((QUEUE / capacity) * 1_000)} ms`,
  );
  print(`every crisis was answered: ${goal(answered)}`);
  print(
    `  first byte p99${ms(at(words(before, 'crisis'), 0.99))} ms before,${ms(at(words(during, 'crisis'), 0.99))} ms in the flood`,
  );
}

async function flood(): Promise<void> {
  await using resources = new AsyncDisposableStack();
  print(`${availableParallelism()} cores for server, model and clients; load ${loadavg()[0]?.toFixed(1)}`);
  const stage = await openStage(resources);
  const capacity = await findCapacity(stage);
  print(`capacity ${capacity.toFixed(1)} turns/s; ${SLOTS} slots of a model with ${WORDS_PER_S} words/s`);
  const calm = await drive(
    [inputLane('inputs', stage.people, capacity / 2, 'calm'), crisisLane(stage, 'calm')],
    CALM_S,
  );
  showAll(`before: ${(capacity / 2).toFixed(1)}/s`, calm);
  const rate = capacity * TIMES;
  const lanes = [
    inputLane('inputs', stage.people, rate, 'flood'),
    crisisLane(stage, 'flood'),
    ...otherLanes(stage, rate / 2),
  ];
  const { value, samples } = await sampled(stage.gauge, drive(lanes, SECONDS));
  showAll(`flood: ${rate.toFixed(1)}/s inputs`, value);
  showMemory(samples);
  showGoals(calm, value, capacity);
  const after = await drive([inputLane('inputs', stage.people, capacity / 2, 'after')], CALM_S);
  showAll('after', after);
  print(`load ${loadavg()[0]?.toFixed(1)}`);
}

await flood();
