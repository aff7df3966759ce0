// node bench/rolling.ts [--seconds 120] [--people 24]: three nodes under load, one after the other restarted as an operator does it.
// Whether a word was lost or an accepted input failed is judged from what the nodes tell at /metrics; of the last moment of a node,
// which no scrape sees, the sessions tell.
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient } from '../client/sdk/client.ts';
import { openNodes } from '../test/support/node-cluster.ts';
import type { Node, Nodes } from '../test/support/node-cluster.ts';
import { findRedis, redisHint } from '../test/support/redis-files.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { pathOf } from '../test/support/rest.ts';
import { startRoundRobin } from '../test/support/round-robin.ts';
import { words } from '../test/support/scene.ts';
import { scrape } from '../test/support/scrape.ts';
import type { Scrape } from '../test/support/scrape.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, people: { type: 'string', default: '24' } },
});
const SECONDS = Number(values.seconds);
const PEOPLE = Number(values.people);

const WORDS = 40;
/** So that a turn takes longer than a node gets to finish it. */
const WORDS_PER_S = 16;
const DRAIN_MS = 1_000;
const PAUSE_MS = 2_000;
const SCRAPE_MS = 50;
const inputs = ['hello', 'I feel tense today', 'it sits in my chest', 'I want to feel calm', 'yes'];

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

/** What a node told last, over all its lives: it begins at 0 with each. */
class Watched {
  readonly #node: Node;
  readonly #past: Scrape[] = [];
  #last: Scrape | undefined;
  #life = 0;

  constructor(node: Node) {
    this.#node = node;
  }

  async look(): Promise<void> {
    const life = this.#node.past.length;
    const seen = await scrape(this.#node.url).catch(() => undefined);
    if (!seen) return;
    if (life !== this.#life && this.#last) this.#past.push(this.#last);
    this.#life = life;
    this.#last = seen;
  }

  sum(name: string, labels: Record<string, string> = {}): number {
    const all = this.#last ? [...this.#past, this.#last] : this.#past;
    return all.reduce((sum, one) => sum + one.sum(name, labels), 0);
  }
}

/** Somebody who talks until it is over; what is said is not looked at. */
async function talk(url: string, name: string, over: AbortSignal): Promise<void> {
  using client = createClient({ url, transports: ['socket'] });
  const session = client.session(name);
  for (let n = 0; !over.aborted; n++) {
    for await (const _words of session.say(inputs[n % inputs.length] ?? 'yes'));
  }
}

async function restartInTurn(nodes: Nodes, over: AbortSignal): Promise<number> {
  let restarts = 0;
  while (!over.aborted) {
    const node = nodes.node(restarts % nodes.all.length);
    const { code } = await node.stop();
    if (code !== 0) throw new Error(`a node ended with ${code}`);
    await node.start();
    restarts += 1;
    await sleep(PAUSE_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return restarts;
}

async function countTurns(nodes: Nodes): Promise<number> {
  let count = 0;
  for (let i = 0; i < PEOPLE; i++) {
    const { body } = await nodes.rest(0, `GET ${pathOf(`person-${i}`, '/status')}`);
    count += Number(body['turn_count']);
  }
  return count;
}

async function main(): Promise<boolean> {
  const files = await findRedis();
  if (!files) throw new Error(`There is no Redis. ${redisHint}`);
  print(
    `${PEOPLE} people at 3 nodes for ${SECONDS} s; ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}`,
  );
  await using nodes = await openNodes({
    redis: await startRedis({ files }),
    env: { DRAIN_MS: String(DRAIN_MS), OLLAMA_SLOTS: String(PEOPLE), RATE_LIMIT: 'off' },
    fake: { behaviour: { reply: words(WORDS, 'kiwi'), rate: WORDS_PER_S } },
  });
  await using door = await startRoundRobin({
    targets: nodes.all.map(({ url }) => Number(new URL(url).port)),
  });
  const watched = nodes.all.map((node) => new Watched(node));
  const [over, done] = [new AbortController(), new AbortController()];
  // each at its own pace: what a node did after its last answer is not seen
  const watching = Promise.all(
    watched.map(async (one) => {
      while (!done.signal.aborted) {
        await one.look();
        await sleep(SCRAPE_MS);
      }
    }),
  );
  const timer = setTimeout(() => over.abort(), SECONDS * 1000);
  const people = Array.from({ length: PEOPLE }, (_, i) =>
    talk(`http://127.0.0.1:${door.port}`, `person-${i}`, over.signal),
  );
  const restarts = await restartInTurn(nodes, over.signal);
  await Promise.all(people);
  clearTimeout(timer);
  await sleep(PAUSE_MS);
  done.abort();
  await watching;
  const sum = (name: string, labels: Record<string, string> = {}) =>
    watched.reduce((all, one) => all + one.sum(name, labels), 0);
  const [accepted, finished] = [sum('inputs_total'), sum('turns_total', { outcome: 'done' })];
  const [gaps, failed] = [sum('gaps_total'), sum('turns_total', { outcome: 'failed' })];
  print(`restarts ${restarts}, exit code 0 each`);
  print(`inputs accepted ${accepted}, turns done ${finished}, failed ${failed}`);
  print(`gaps ${gaps}, resyncs ${sum('resyncs_total')}, store errors ${sum('store_errors_total')}`);
  for (const cause of ['released', 'expired'])
    print(`takeovers, ${cause}: ${sum('takeovers_total', { cause })}`);
  print(`refused as draining: ${sum('request_seconds_count', { code: 'DRAINING' })}`);
  // what a node did between its last answer and its end, no scrape has seen: the sessions tell of that
  const told = await countTurns(nodes);
  print(`turns done as the sessions tell ${told}`);
  print(`load ${loadavg()[0]?.toFixed(1)}`);
  return gaps === 0 && failed === 0 && told >= accepted && accepted > 0;
}

const isWell = await main();
print(isWell ? 'no word lost, no accepted input failed' : 'NOT as promised');
process.exit(isWell ? 0 : 1);
