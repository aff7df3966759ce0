import { describe, expect, it } from 'vitest';
import type { Question } from '../../src/model/model.ts';
import { deadline } from '../support/wait.ts';
import { never } from './model.ts';
import type { Subject } from './model.ts';

/** What becomes of the question: that answer, on the list or not, or something that is no answer at all. */
export type ChoiceCase =
  { kind: 'answers'; answer: string } | { kind: 'garbage' } | { kind: 'fails' } | { kind: 'sticks' };

interface ChoiceSubject extends Subject {
  /** Resolves when the model works at a question. */
  asked(): Promise<void>;
}

type Open = (given: ChoiceCase) => Promise<ChoiceSubject>;

export const question: Question = {
  instructions: 'Say whether they agree.',
  text: 'hmm, well, sort of',
  options: ['agrees', 'does not agree'],
};

/** The promises of `choose`, for models that choose. */
export function choiceConformance(name: string, open: Open): void {
  describe(`${name} chooses as a model does`, () => {
    answers(open);
    aborts(open);
  });
}

function answers(open: Open): void {
  it.each(question.options)('gives the option that was chosen: %s', async (answer) => {
    await using subject = await open({ kind: 'answers', answer });

    expect(await subject.model.choose(question, never(), '')).toBe(answer);
  });

  it.each(['none of these', 'ready_for_stage_2', '', 'Agrees', 'agrees, does not agree'])(
    'gives nothing for an answer that is not on the list: "%s"',
    async (answer) => {
      await using subject = await open({ kind: 'answers', answer });

      expect(await subject.model.choose(question, never(), '')).toBeUndefined();
    },
  );

  it('gives nothing for an answer that is none', async () => {
    await using subject = await open({ kind: 'garbage' });

    expect(await subject.model.choose(question, never(), '')).toBeUndefined();
  });

  it('gives nothing when the model fails', async () => {
    await using subject = await open({ kind: 'fails' });

    expect(await subject.model.choose(question, never(), '')).toBeUndefined();
  });

  it('gives nothing when it is closed meanwhile', async () => {
    await using subject = await open({ kind: 'sticks' });
    const choosing = subject.model.choose(question, never(), '');
    await subject.asked();

    await subject.model[Symbol.asyncDispose]();

    expect(await deadline(choosing, 'the choice')).toBeUndefined();
  });
}

function aborts(open: Open): void {
  it('raises the reason of a signal that was aborted before', async () => {
    await using subject = await open({ kind: 'answers', answer: 'agrees' });
    const reason = new Error('not wanted');

    await expect(subject.model.choose(question, AbortSignal.abort(reason), '')).rejects.toBe(reason);
  });

  it('raises the reason of a signal that aborts meanwhile, and is idle then', async () => {
    await using subject = await open({ kind: 'sticks' });
    const stop = new AbortController();
    const reason = new Error('enough');
    const choosing = subject.model.choose(question, stop.signal, '');
    choosing.catch(() => undefined);
    await subject.asked();

    stop.abort(reason);

    await expect(deadline(choosing, 'the choice')).rejects.toBe(reason);
    await deadline(subject.idle(), 'the model to be idle');
  });
}
