// One round: always the same amount of work. Everybody talks and follows, others come by, something goes wrong; in the end all is
// compared, and deleted.
import { z } from 'zod';
import { check } from '../../test/chaos/check.ts';
import { startAgain } from '../../test/chaos/faults.ts';
import { Oracle } from '../../test/chaos/oracle.ts';
import { Talk } from '../../test/chaos/talk.ts';
import { behaviourOf } from '../../test/chaos/words.ts';
import { randomFrom } from '../../test/support/random.ts';
import type { Random } from '../../test/support/random.ts';
import { pathOf, rest } from '../../test/support/rest.ts';
import { Faults } from './faults.ts';
import type { Stage } from './stage.ts';
import { Visitors } from './visits.ts';

export interface Work {
  /** Who talk at a time, how many sessions each has, one after the other, and how many turns there are in one at most. */
  people: number;
  talks: number;
  turns: number;
  visits: number;
  visitEveryMs: number;
  faults: number;
  faultEveryMs: number;
}

/** So many answers of the model are settled ahead. */
const PLANNED = 20;
const PLAN_MS = 500;

const Sessions = z.object({ sessions: z.array(z.looseObject({ session_id: z.string() })) });
const History = z.object({ turns: z.array(z.looseObject({ turn_id: z.string(), state: z.string() })) });

/** What nobody has compared has ended too, and everything is deleted. */
async function clear({ nodes, journal }: Stage): Promise<number> {
  const { url } = nodes.node(0);
  let count = 0;
  for (;;) {
    const { sessions } = Sessions.parse((await rest(url, 'GET /api/v1/sessions?limit=50')).body);
    if (sessions.length === 0) return count;
    for (const { session_id: id } of sessions) {
      const { turns } = History.parse((await rest(url, `GET ${pathOf(id, '/history')}`)).body);
      for (const { turn_id: turnId, state } of turns)
        if (state === 'queued' || state === 'running')
          journal.broken('end', id, `turn ${turnId} is ${state} although everything is over`);
      const { status } = await rest(url, `DELETE ${pathOf(id)}`);
      if (status !== 200) journal.broken('other', id, `its delete was answered with ${status}`);
      count += 1;
    }
  }
}

/** The rounds of one set-up. */
export class Rounds {
  readonly #stage: Stage;
  readonly #work: Work;
  readonly #faults: Faults;
  readonly #visitors: Visitors;
  /** Resolves when nothing is under way any more. */
  readonly #calm: () => Promise<void>;
  /** Answers of the model that were settled. */
  #given = 0;
  #begun = 0;

  constructor(stage: Stage, work: Work, seed: number, calm: () => Promise<void>) {
    this.#stage = stage;
    this.#work = work;
    this.#faults = new Faults(stage, randomFrom(seed));
    this.#visitors = new Visitors(stage);
    this.#calm = calm;
  }

  /** Answers how many sessions there were in it. */
  async play(seed: number): Promise<number> {
    const { people, visits, visitEveryMs, faults, faultEveryMs } = this.#work;
    const { journal, nodes } = this.#stage;
    const oracle = new Oracle(journal);
    const over = new AbortController();
    const plans = randomFrom(seed + 1);
    this.#plan(plans);
    const planning = setInterval(() => this.#plan(plans), PLAN_MS);
    const disturbed = this.#faults.disturb(faults, faultEveryMs, over.signal);
    const talking = Array.from({ length: people }, (_, index) =>
      this.#person(index, oracle, randomFrom(seed * 1_000 + index)),
    );
    const visiting = this.#visitors.come(visits, visitEveryMs, randomFrom(seed + 2));
    const talks = (await Promise.all(talking)).flat();
    await visiting;
    over.abort();
    await disturbed;
    clearInterval(planning);
    for (const node of nodes.all) await startAgain(node, journal);
    await this.#calm();
    for (const talk of talks) await check(nodes, talk, journal, oracle);
    journal.count('turns', oracle.turns);
    journal.count('ends compared', oracle.compared);
    return await clear(this.#stage);
  }

  /** Says how the next answers of the model go. */
  #plan(random: Random): void {
    const { fake } = this.#stage.nodes;
    for (; this.#given < fake.requests.length + PLANNED; this.#given += 1)
      fake.next(behaviourOf(random, true));
  }

  async #person(index: number, oracle: Oracle, random: Random): Promise<Talk[]> {
    const { doors, journal } = this.#stage;
    const talks: Talk[] = [];
    while (talks.length < this.#work.talks && !journal.failed.aborted) {
      let left = this.#work.turns;
      const takeTurn = () => {
        left -= 1;
        return left >= 0;
      };
      // never the same again: what is kept by name is to be seen
      const id = `talk ${this.#begun} of person ${index}`;
      this.#begun += 1;
      const talk = new Talk(id, { doors, journal, oracle, random, takeTurn });
      talks.push(talk);
      await talk.run();
    }
    return talks;
  }
}
