// The life of one turn: queued → running → done | failed, or stopped, whatever the model and the store do.
import { describe, expect, test } from 'vitest';
import { LocalSlots } from '../../../src/store/local-slots.ts';
import { turnOf } from '../../support/slot-request.ts';
import { AppError } from '../../../src/errors.ts';
import type { SafetyNotice } from '../../../src/contract/types.ts';
import { createGuide } from '../../../src/model/guide.ts';
import type { Way } from '../../support/faulty-store.ts';
import { HOLD, ScriptedModel } from '../../support/scripted-model.ts';
import { openStage } from '../../support/turn-stage.ts';
import { plan } from '../../conformance/store-bench.ts';

const help: SafetyNotice = { level: 'active', text: 'I am glad that you told me.', resources: [] };
const guide = createGuide({ wordMs: 0 });

describe('a reply', () => {
  test('is what the model says, and ends with the whole response', async () => {
    const model = new ScriptedModel({ runs: [['Take ', 'your ', 'time.']] });
    await using stage = await openStage({ model });

    await stage.begin().ended;

    expect(await stage.events()).toEqual(['turn:started', 'therapist:token', 'therapist:done']);
    expect((await stage.end()).data).toMatchObject({
      turn_id: 'turn',
      n: 1,
      therapist_response: 'Take your time.',
      source: 'ollama',
      model: 'scripted',
      preprocessing: plan.preprocessing,
      navigation: plan.navigation,
      session_progress: plan.progress,
    });
  });

  test('tells how long its first word took, and how long all of it', async () => {
    let time = 1_000;
    const model = new ScriptedModel({ runs: [[HOLD, 'Take ', HOLD, 'your time.']] });
    await using stage = await openStage({ model, now: () => Math.max(time, startedAt) });
    const { startedAt } = (await stage.view()).turn;
    time = startedAt + 500;
    const turn = stage.begin();
    await model.until(({ held }) => held === 1, 'the first pause');
    model.release();
    await model.until(({ held }) => held === 1, 'the second pause');
    time = startedAt + 2_000;
    model.release();
    await turn.ended;

    expect((await stage.end()).data).toMatchObject({ timings: { first_token_ms: 500, total_ms: 2_000 } });
  });

  test('is asked for with the messages of the conversation and the line of the plan', async () => {
    const model = new ScriptedModel({ runs: [['Yes.']] });
    await using stage = await openStage({ model, plan: { line: 'What brings you here?' } });

    await stage.begin().ended;

    expect(model.asked).toEqual([
      { host: '', messages: [{ role: 'user', content: 'hello' }], prefix: '', line: 'What brings you here?' },
    ]);
  });

  test('goes through the output guard of its session, the rest that the guard holds back too', async () => {
    const model = new ScriptedModel({ runs: [['take ', 'your time']] });
    const modes: string[] = [];
    await using stage = await openStage({
      model,
      guard: ({ mode }) => {
        modes.push(mode);
        let held = '';
        return { push: (text) => ((held += text.toUpperCase()), ''), end: () => held, tripped: undefined };
      },
    });

    await stage.begin().ended;

    expect(modes).toEqual(['normal']);
    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'TAKE YOUR TIME' });
  });

  test('is read from the model no faster than the store takes it', async () => {
    const gate = Promise.withResolvers<void>();
    const much = 'x'.repeat(300_000);
    const model = new ScriptedModel({ runs: [[much, much, HOLD, 'end']] });
    const append: Way = async (run) => {
      await gate.promise;
      return await run();
    };
    await using stage = await openStage({ model, ways: { append } });
    const turn = stage.begin();
    await stage.shows({ phase: 'streaming' });
    // it would be read to its pause in a few steps of the event loop
    for (let steps = 0; steps < 20; steps++) await new Promise((resolve) => setImmediate(resolve));
    const heldBefore = model.held;
    gate.resolve();
    await model.until(({ held }) => held === 1, 'the model to be read on');
    model.release();
    await turn.ended;

    expect(heldBefore).toBe(0);
    expect((await stage.outcome()).text).toBe(`${much}${much}end`);
  });

  test('of the guide needs no slot, and the place that was taken for it is given back', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 1 });
    const model = new ScriptedModel({ state: { phase: 'unavailable', reason: 'away' } });
    const fallback = new ScriptedModel({ source: 'guide', runs: [['Hello ', HOLD, 'you.']] });
    await using stage = await openStage({ model, fallback, slots });
    const turn = stage.begin(await slots.reserve(turnOf('s')));
    await fallback.until(({ held }) => held === 1, 'the guide to speak');

    expect((await slots.reserve(turnOf('another'))).position).toBeNull();
    fallback.release();
    await turn.ended;
    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Hello you.', source: 'guide' });
  });
});

describe('a fixed reply to a risk', () => {
  const said = (text: string) => ({ source: 'ollama' as const, text });

  test('[P-12] needs neither the model nor a slot', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 0 });
    await slots.reserve(turnOf('busy'));
    const model = new ScriptedModel();
    await using stage = await openStage({ model, slots, plan: { safety: help } });

    await stage.begin().ended;

    expect((await stage.end()).data).toMatchObject({ therapist_response: help.text, source: 'safety' });
    expect(model.asked).toEqual([]);
  });

  test('goes on behind the part of it that an earlier owner said', async () => {
    const earlier = said(help.text.slice(0, 9));
    await using stage = await openStage({ model: guide, plan: { safety: help }, earlier });

    await stage.begin().ended;

    expect(await stage.events()).toEqual(['turn:started', 'therapist:token', 'therapist:done']);
    expect((await stage.outcome()).text).toBe(help.text);
  });

  test('takes the place of any other words', async () => {
    await using stage = await openStage({ model: guide, plan: { safety: help }, earlier: said('Well, ') });

    await stage.begin().ended;

    expect(await stage.events()).toContain('therapist:reset');
    expect((await stage.outcome()).text).toBe(help.text);
  });
});

describe('the end of a turn', () => {
  const ready = { ...plan.progress.completion_criteria, ready_for_stage_2: true };
  const progress = { ...plan.progress, completion_criteria: ready };

  test('that makes the session ready for stage 2 completes it, and says so behind the end entry', async () => {
    const model = new ScriptedModel({ runs: [['Good.']] });
    await using stage = await openStage({ model, plan: { progress } });

    await stage.begin().ended;

    const last = (await stage.log()).at(-1);
    expect((await stage.events()).slice(-2)).toEqual(['therapist:done', 'session:updated']);
    expect(last?.data).toMatchObject({ status: 'completed', turn_count: 1, completion_criteria: ready });
    expect(await stage.store.session(stage.session)).toMatchObject({ status: 'completed', progress });
  });

  test('leaves the memory of its plan', async () => {
    const model = new ScriptedModel({ runs: [['Good.']] });
    await using stage = await openStage({ model, plan: { memory: 'what was said' } });

    await stage.begin().ended;

    expect(await stage.store.session(stage.session)).toMatchObject({ memory: 'what was said' });
  });

  test('does not tell of a session that was completed before', async () => {
    const model = new ScriptedModel({ runs: [['Good.']] });
    await using stage = await openStage({ model, plan: { progress } });
    stage.session.status = 'completed';

    await stage.begin().ended;

    expect((await stage.events()).at(-1)).toBe('therapist:done');
  });

  test('keeps the progress and the memory of the session as they were when the turn failed', async () => {
    const model = new ScriptedModel({ always: [new Error('a bug')] });
    await using stage = await openStage({ model, plan: { progress } });

    await stage.begin().ended;

    expect(await stage.store.session(stage.session)).toMatchObject({
      status: 'active',
      turnCount: 0,
      progress: stage.session.progress,
      memory: stage.session.memory,
    });
  });
});

describe('a turn that waits', () => {
  test('tells its place in the queue, and that it moved up', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 10 });
    const [running, first] = [await slots.reserve(turnOf('a')), await slots.reserve(turnOf('b'))];
    const model = new ScriptedModel({ runs: [['Yes.']] });
    await using stage = await openStage({ model, slots });
    const turn = stage.begin(await slots.reserve(turnOf('s')));

    await stage.shows({ phase: 'queued', position: 2 });
    first.release();
    await stage.shows({ phase: 'queued', position: 1 });
    running.release();
    await turn.ended;

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Yes.' });
  });

  test('after a takeover takes a place even in a full queue: it was admitted long ago', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 0 });
    const running = await slots.reserve(turnOf('a'));
    const model = new ScriptedModel({ runs: [['there.']] });
    await using stage = await openStage({ model, slots, earlier: { source: 'ollama', text: 'Go ' } });
    const turn = stage.begin(null);

    await stage.shows({ phase: 'queued', position: 1 });
    running.release();
    await turn.ended;

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Go there.' });
  });

  test('tells that the model loads, reads the prompt, and speaks', async () => {
    const model = new ScriptedModel({
      runs: [[{ kind: 'loading' }, HOLD, { kind: 'prompt' }, HOLD, 'Yes', HOLD, '.']],
    });
    await using stage = await openStage({ model });
    const turn = stage.begin();

    for (const phase of ['loading', 'prompt', 'streaming'] as const) {
      await stage.shows({ phase });
      await model.until(({ held }) => held === 1, phase);
      model.release();
    }
    await turn.ended;

    expect((await stage.outcome()).state).toBe('done');
  });

  test('gives its slot back when it has ended, however it ended', async () => {
    for (const run of [['Yes.'], [new Error('a bug')]]) {
      const slots = new LocalSlots({ size: 1, maxWaiting: 0 });
      await using stage = await openStage({ model: new ScriptedModel({ runs: [run] }), slots });
      await stage.begin(await slots.reserve(turnOf('s'))).ended;

      expect((await slots.reserve(turnOf('another'))).position).toBeNull();
    }
  });
});

describe('a bug of ours', () => {
  test('[P-8] ends the turn with an error that tells nothing of it, and is logged whole', async () => {
    const bug = new TypeError('secret');
    await using stage = await openStage({ model: new ScriptedModel({ runs: [['Well', bug]] }) });

    await stage.begin().ended;

    const { event, data } = await stage.end();
    expect(event).toBe('therapist:error');
    expect(data).toMatchObject({ text: 'Well', error: { code: 'INTERNAL', retryable: true } });
    expect(JSON.stringify(data)).not.toContain('secret');
    expect(stage.logged).toContainEqual({
      level: 'error',
      fields: { turnId: 'turn', err: bug },
      message: 'turn failed',
    });
  });

  test('in making the prompt ends the turn before the model is asked', async () => {
    const model = new ScriptedModel({ always: ['Yes.'] });
    await using stage = await openStage({ model, ask: () => Promise.reject(new TypeError('a bug')) });

    await stage.begin().ended;

    expect((await stage.end()).data).toMatchObject({ error: { code: 'INTERNAL' }, text: '' });
    expect(model.asked).toEqual([]);
  });

  test('in the end entry itself is logged, and the turn is left to the next owner', async () => {
    const finish = () => Promise.reject(new TypeError('a bug'));
    await using stage = await openStage({ model: new ScriptedModel({ runs: [['Yes.']] }), ways: { finish } });

    await stage.begin().ended;

    expect((await stage.view()).turn.state).toBe('running');
    expect(stage.logged.map(({ message }) => message)).toContain('the end of a turn was not stored');
  });
});

test('a phase that cannot be stored costs nothing but a line in the log', async () => {
  const mark = () => Promise.reject(new AppError('STORE_UNAVAILABLE'));
  await using stage = await openStage({ model: new ScriptedModel({ runs: [['Yes.']] }), ways: { mark } });

  await stage.begin().ended;

  expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Yes.' });
  expect(stage.logged.map(({ message }) => message)).toContain('phase not stored');
});

test('what the log of the server says of a turn has none of its words', async () => {
  const model = new ScriptedModel({ runs: [['private words']] });
  await using stage = await openStage({ model });

  await stage.begin().ended;

  const [ended] = stage.logged.filter(({ message }) => message === 'turn ended');
  expect(ended?.fields).toMatchObject({ turnId: 'turn', state: 'done', source: 'ollama', chars: 13 });
  expect(JSON.stringify(stage.logged)).not.toContain('private');
});
