// Where a turn runs: what it does when a host fails it, and when the model goes away while it waits.
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import type { ModelFault } from '../../../src/model/model.ts';
import { LocalSlots } from '../../../src/store/local-slots.ts';
import type { Slots, Ticket } from '../../../src/store/slots.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { fault, HOLD, ScriptedModel } from '../../support/scripted-model.ts';
import { turnOf } from '../../support/slot-request.ts';
import { openStage } from '../../support/turn-stage.ts';
import { deadline } from '../../support/wait.ts';

const hosts = ['a', 'b'];
const away = { phase: 'unavailable', reason: 'away' } as const;
const on = (...names: string[]) => ({ hosts: () => names });
const oneEach = () => new LocalSlots({ size: 1, maxWaiting: 10 });

describe('a turn whose host fails it', () => {
  test.each<ModelFault>(['unreachable', 'missing', 'busy'])(
    'asks another one at once when it is %s, before the guide is asked to speak',
    async (kind) => {
      const model = new ScriptedModel({ hosts, runs: [[fault(kind)], ['Here I am.']] });
      const fallback = new ScriptedModel({ source: 'guide' });
      const slots = oneEach();
      await using stage = await openStage({ model, fallback, slots });

      await stage.begin(await slots.reserve(turnOf('s', on(...hosts)))).ended;

      expect(model.asked.map(({ host }) => host)).toEqual(['a', 'b']);
      expect(await stage.outcome()).toMatchObject({ text: 'Here I am.', source: 'ollama', attempts: 1 });
      const free = [await slots.reserve(turnOf('x', on('a'))), await slots.reserve(turnOf('y', on('b')))];
      expect(free.map(({ host }) => host)).toEqual(hosts);
    },
  );

  test('waits once all have failed it, and begins with the last', async () => {
    using _clock = fakeClock();
    const faults = Array.from({ length: 4 }, () => [fault('unreachable')]);
    const model = new ScriptedModel({ hosts, runs: [...faults, ['Here I am.']] });
    await using stage = await openStage({ model, slots: oneEach() });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(model.asked.map(({ host }) => host)).toEqual(['a', 'b', 'b', 'a', 'a']);
  });

  test('goes on where another host is, before those that wait, when it has words', async () => {
    const model = new ScriptedModel({
      hosts,
      runs: [['Go ', fault('interrupted')], [fault('unreachable')], ['there.']],
    });
    const slots = oneEach();
    await using stage = await openStage({ model, slots });
    const mine = await slots.reserve(turnOf('s', on('a')));
    const other = await slots.reserve(turnOf('x', on('b')));
    const waiting = await slots.reserve(turnOf('y', on('b')));
    const turn = stage.begin(mine);
    await stage.shows({ phase: 'queued', position: 1 });
    expect(waiting.position).toBe(2);

    other.release();
    await turn.ended;

    expect(model.asked.map(({ host, prefix }) => [host, prefix])).toEqual([
      ['a', ''],
      ['a', 'Go '],
      ['b', 'Go '],
    ]);
    expect((await stage.outcome()).text).toBe('Go there.');
    await deadline(waiting.granted, 'the slot behind it');
  });

  test('does not wait its time again when it had a slot, though nobody saw a word', async () => {
    const model = new ScriptedModel({ hosts, runs: [[fault('unreachable')], ['Here I am.']] });
    const slots = oneEach();
    await using stage = await openStage({ model, slots });
    const mine = await slots.reserve(turnOf('s', on('a')));
    const other = await slots.reserve(turnOf('x', on('b')));
    const waiting = await slots.reserve(turnOf('y', on('b')));
    const turn = stage.begin(mine);

    await stage.shows({ phase: 'queued', position: 1 });
    expect(waiting.position).toBe(2);
    other.release();
    await turn.ended;

    expect((await stage.outcome()).text).toBe('Here I am.');
  });

  test('leaves a host that broke off when it may not be asked any more', async () => {
    const model: ScriptedModel = new ScriptedModel({
      hosts,
      runs: [
        () => {
          model.movesTo(['b']);
          return ['Go ', fault('interrupted')];
        },
        ['there.'],
      ],
    });
    await using stage = await openStage({ model, slots: oneEach() });

    await stage.begin().ended;

    expect(model.asked.map(({ host }) => host)).toEqual(['a', 'b']);
    expect((await stage.outcome()).text).toBe('Go there.');
  });

  test('stays where it is when it is refused, or broke off on a host that may be asked', async () => {
    using _clock = fakeClock();
    const runs = [['Go ', fault('interrupted')], [fault('refused')], ['Go there.']];
    const model = new ScriptedModel({ hosts, runs });
    await using stage = await openStage({ model, slots: oneEach() });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(model.asked.map(({ host }) => host)).toEqual(['a', 'a', 'a']);
  });
});

describe('a turn in the queue', () => {
  /** One that waits behind another, and somebody behind it. */
  async function queued(model: ScriptedModel, fallback: ScriptedModel | null) {
    const slots = new LocalSlots({ size: 1, maxWaiting: 10 });
    const running = await slots.reserve(turnOf('a'));
    const stage = await openStage({ model, fallback, slots });
    const turn = stage.begin(await slots.reserve(turnOf('s')));
    const behind = await slots.reserve(turnOf('b'));
    await stage.shows({ phase: 'queued', position: 1 });
    return { stage, turn, running, behind };
  }

  test('has the guide speak when the model goes away, and leaves its place', async () => {
    const model = new ScriptedModel();
    const fallback = new ScriptedModel({ source: 'guide', runs: [['Hello.']] });
    const { stage, turn, behind } = await queued(model, fallback);
    await using _stage = stage;

    model.become(away);
    await deadline(turn.ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ text: 'Hello.', source: 'guide' });
    expect(behind.position).toBe(1);
  });

  test('keeps its place while the model is away, when nobody else can speak', async () => {
    const model = new ScriptedModel({ runs: [['Here I am.']] });
    const { stage, turn, running, behind } = await queued(model, null);
    await using _stage = stage;

    model.become(away);
    expect(behind.position).toBe(2);
    model.become({ phase: 'ready' });
    running.release();
    await deadline(turn.ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ text: 'Here I am.', attempts: 1 });
    await deadline(behind.granted, 'the slot behind it');
  });
});

describe('a place that cannot be had yet', () => {
  /** Slots in a store that is away at first. */
  function returning(failures: number, answer: () => Promise<Ticket>): Slots & { asked: number } {
    return {
      size: 1,
      asked: 0,
      async reserve() {
        this.asked += 1;
        if (this.asked <= failures) throw new AppError('STORE_UNAVAILABLE');
        return await answer();
      },
      async [Symbol.asyncDispose]() {},
    };
  }

  test('is asked for until the store is back', async () => {
    using _clock = fakeClock();
    const real = oneEach();
    const slots = returning(3, () => real.reserve(turnOf('s')));
    await using stage = await openStage({ model: new ScriptedModel({ runs: [['Yes.']] }), slots });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(slots.asked).toBe(4);
    expect((await stage.outcome()).text).toBe('Yes.');
  });

  test('is given back when the turn is stopped before it comes', async () => {
    const real = oneEach();
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const slots = returning(0, async () => {
      const ticket = await real.reserve(turnOf('s'));
      asked.resolve();
      await gate.promise;
      return ticket;
    });
    const model = new ScriptedModel({ runs: [[HOLD]] });
    await using stage = await openStage({ model, slots });
    const turn = stage.begin();
    await asked.promise;

    turn.abort();
    gate.resolve();
    await deadline(turn.ended, 'the end of the turn');

    expect(model.asked).toEqual([]);
    expect((await real.reserve(turnOf('another'))).position).toBeNull();
  });
});
