// What a model is asked: when examples are looked for, for what, and how long.
import { describe, expect, test } from 'vitest';
import { askModel } from '../../../src/chat/ask.ts';
import { LocalSlots } from '../../../src/store/local-slots.ts';
import { turnOf } from '../../support/slot-request.ts';
import { asTheyCome } from '../../../src/chat/speech.ts';
import { createGuide } from '../../../src/model/guide.ts';
import type { Model } from '../../../src/model/model.ts';
import type { Retrieval, RetrievalQuery } from '../../../src/retrieval/retrieval.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { TurnPlan } from '../../../src/store/store.ts';
import { admit, newSession, plan } from '../../conformance/store-bench.ts';
import { ScriptedModel } from '../../support/scripted-model.ts';
import { openStage } from '../../support/turn-stage.ts';

const example = { clientExample: 'in my throat, all day', guideLine: 'In your throat, all day long.' };
const model = new ScriptedModel({ always: ['Yes.'] });
const never = new AbortController().signal;

/** Keeps what it was asked for; `find` may never answer before it is too late. */
class Finder implements Retrieval {
  readonly asked: { query: RetrievalQuery; signal: AbortSignal }[] = [];
  readonly #isSlow: boolean;

  constructor(isSlow = false) {
    this.#isSlow = isSlow;
  }

  state() {
    return 'ready' as const;
  }

  async find(query: RetrievalQuery, signal: AbortSignal) {
    this.asked.push({ query, signal });
    if (this.#isSlow) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return [example];
  }
}

async function ask(finder: Finder, over: Partial<TurnPlan> = {}, speaker: Model = model) {
  await using store = await openSqlite({ directory: ':memory:' });
  const given = { session: newSession('s', { locale: 'de-AT' }), plan: { ...plan, ...over } };
  const { session, turn } = await admit(store, 's', 'turn', given);
  const options = { roomTokens: 4_000, rawReplies: false, guideName: 'Stillpoint' };
  return await askModel(store, finder, options)(session, turn, speaker, Promise.resolve(), never);
}

describe('examples', () => {
  test('are those for the state, the way the guide answers, the query and the language', async () => {
    const finder = new Finder();

    const { messages } = await ask(finder);

    expect(finder.asked.map(({ query }) => query)).toEqual([
      {
        stateId: plan.progress.priority_state ?? plan.progress.state_id,
        userInput: 'hello',
        technique: plan.progress.technique,
        context: plan.navigation.rag_query,
        locale: 'de-AT',
      },
    ]);
    expect(messages[0]?.content).toContain(example.guideLine);
  });

  test('are those for the priority state where one answers the turn', async () => {
    const finder = new Finder();

    await ask(finder, { progress: { ...plan.progress, priority_state: 'THINK' } });

    expect(finder.asked[0]?.query.stateId).toBe('THINK');
  });

  test.each(['support', 'crisis', 'emergency'] as const)('are not looked for in %s', async (mode) => {
    const finder = new Finder();

    const { messages } = await ask(finder, {
      care: { ...plan.care, safety: { ...plan.care.safety, mode } },
    });

    expect(finder.asked).toEqual([]);
    expect(messages[0]?.content).not.toContain(example.guideLine);
  });

  test('are not looked for where the built-in guide says its line', async () => {
    const finder = new Finder();
    await using guide = createGuide({ wordMs: 0 });

    await ask(finder, {}, guide);

    expect(finder.asked).toEqual([]);
  });

  test('are not waited for much longer than the slot', async () => {
    const finder = new Finder(true);

    await ask(finder);

    expect(finder.asked[0]?.signal.aborted).toBe(true);
  });

  test('are looked for while the slot is waited for', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 10 });
    const other = await slots.reserve(turnOf('other'));
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    await using stage = await openStage({
      model: new ScriptedModel({ runs: [['Yes.']] }),
      slots,
      ask: async (...[, { userInput }]) => {
        resolve();
        return { messages: [{ role: 'user', content: userInput }], shape: asTheyCome };
      },
    });
    const turn = stage.begin();

    await begun;
    other.release();
    await turn.ended;

    expect((await stage.end()).event).toBe('therapist:done');
  });

  test('that are repeated by a model are replaced by the line', async () => {
    const { shape } = await ask(new Finder(), { line: 'What is it like there?' });
    const shaper = shape('');

    const said = shaper.push(`${example.guideLine} `) + shaper.end();

    expect(said.trim()).toBe('What is it like there?');
  });

  test('may say what the line says too', async () => {
    const line = 'In your throat, all day long. What is it like there?';
    const { shape } = await ask(new Finder(), { line });
    const shaper = shape('');

    expect((shaper.push(line) + shaper.end()).trim()).toBe(line);
  });
});
