// What one word of a live turn costs: a fixed script, in which a word comes only once every follower has the one before it.
import type { AppParts } from '../../src/app.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { meterStore } from '../../src/ops/metered-store.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { openControlAdapter } from '../../src/transport/redis-adapter.ts';
import { silent, startApp } from './app.ts';
import { openRedisBench } from './redis-store.ts';
import { pathOf, rest } from './rest.ts';
import type { Counters, Counts } from './token-counts.ts';
import { TokenFollower } from './token-follower.ts';
import type { CountName, Scene } from './token-table.ts';
import { openWell } from './token-wells.ts';
import type { Well } from './token-wells.ts';

/** Words before those that are counted, and these. */
const FIRST = 8;
const WORDS = 50;
/** Rounds of the event loop in which what a word leaves behind is done. */
const SETTLE = 8;

/** What a word of one turn costs. The application goes on when it is over: its process is to end. */
export async function play(scene: Scene, counters: Counters, redisUrl: string): Promise<Counts> {
  const { turns = 1, followers = 1, model } = scene;
  const well = await openWell(model ?? 'plain');
  const [url, followedAt] = await openNodes(scene, well, counters, redisUrl);
  const all: TokenFollower[] = [];
  for (let n = 0; n < turns; n += 1) {
    const sessionId = `s${n}`;
    await rest(url, 'POST /api/v1/session/create', { body: { session_id: sessionId } });
    all.push(...(await follow(scene, followedAt, sessionId, followers, counters)));
    const cursor = await speak(url, sessionId);
    if (scene.way === 'poll') for (const follower of all) await follower.poll(cursor);
  }
  await well.awaited(turns);
  const spent = await new Script(well, all, counters).run(scene.way === 'poll');
  for (const follower of all) follower.leave();
  return new Map([...spent].map(([name, count]) => [name, Math.round((100 * count) / WORDS / turns) / 100]));
}

/** Where inputs go, and where followers are. */
async function openNodes({ node }: Scene, { model }: Well, counters: Counters, redisUrl: string) {
  const start = async (kept: Store, parts: Partial<AppParts> = {}): Promise<string> => {
    const meter = createMetrics();
    const store = meterStore(counters.steps(kept), meter);
    const slots = new LocalSlots({ size: 100, maxWaiting: 100 });
    const speakers = { model, fallback: null };
    const { url } = await startApp({ ...parts, speakers, rawReplies: true, meter, slots, store });
    counters.serves(Number(new URL(url).port));
    return url;
  };
  if (node === undefined) {
    const url = await start(await openSqlite({ directory: ':memory:' }));
    return [url, url] as const;
  }
  const urls = [redisUrl];
  counters.nextNode();
  const bench = await openRedisBench(urls);
  const join = async (store: Store) =>
    start(store, await openControlAdapter({ urls, prefix: bench.prefix, log: silent }));
  const first = await join(bench.store);
  counters.nextNode();
  const second = await join(await bench.join());
  return [first, node === 1 ? first : second] as const;
}

async function follow(scene: Scene, url: string, sessionId: string, count: number, counters: Counters) {
  const followers: TokenFollower[] = [];
  for (let n = 0; n < count; n += 1) {
    const onBytes = (bytes: number) => counters.add('bytes', bytes);
    const follower = new TokenFollower(url, scene.way ?? 'socket', sessionId, onBytes);
    await follower.open();
    followers.push(follower);
  }
  return followers;
}

/** Begins a turn; the cursor of its beginning. */
async function speak(url: string, sessionId: string): Promise<string> {
  const { body } = await rest(url, `POST ${pathOf(sessionId, '/input')}`, {
    body: { user_input: 'I feel tired today' },
    headers: { Prefer: 'respond-async', 'Content-Type': 'application/json' },
  });
  return String(body['cursor']);
}

/** Says the words. No promise is made here while they are counted. */
class Script {
  readonly #well: Well;
  readonly #followers: readonly TokenFollower[];
  readonly #counters: Counters;

  constructor(well: Well, followers: readonly TokenFollower[], counters: Counters) {
    this.#well = well;
    this.#followers = followers;
    this.#counters = counters;
  }

  /** What all counted words cost. `polls`: a word comes only once every poll waits for it. */
  run(polls: boolean): Promise<Map<CountName, number>> {
    return new Promise((resolve) => {
      let before: Counts = new Map();
      const say = (n: number): void => {
        if (n === FIRST) before = this.#counters.read();
        if (n < FIRST + WORDS) return this.#say(`w${String(n).padStart(4, '0')} `, polls, () => say(n + 1));
        const after = [...this.#counters.read()];
        resolve(new Map(after.map(([name, count]) => [name, count - (before.get(name) ?? 0)])));
      };
      say(0);
    });
  }

  /** One word; calls back once every follower has it and all is quiet. */
  #say(word: string, polls: boolean, then: () => void): void {
    let missing = this.#followers.length * (polls ? 2 : 1) + 1;
    const came = () => {
      missing -= 1;
      if (missing === 0) this.#settle(SETTLE, then);
    };
    const asked = () => {
      // the next read is of the poll that waits from now on
      this.#counters.onStep = (name) => {
        if (name === 'read') came();
      };
      came();
    };
    this.#counters.onStep = () => {};
    for (const follower of this.#followers) follower.expect(word, polls ? asked : came);
    this.#well.give(word);
    came();
  }

  #settle(rounds: number, then: () => void): void {
    if (rounds === 0) return then();
    this.#counters.uncounted(() => {
      setImmediate(() => this.#settle(rounds - 1, then));
    });
  }
}
