import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noRetrieval } from '../../src/retrieval/retrieval.ts';
import type { Retrieval, RetrievalQuery } from '../../src/retrieval/retrieval.ts';
import { written } from '../support/retrieval-bench.ts';
import type { Written } from '../support/retrieval-bench.ts';
import { deadline } from '../support/wait.ts';
import { never } from './model.ts';

/** A retrieval; disposing ends it. */
interface Subject extends AsyncDisposable {
  retrieval: Retrieval;
}

/** With `exemplars` below, and ready. */
type Open = () => Promise<Subject>;

const shoulders = 'My shoulders are hard as wood after a day at the desk';
const shoutingBoss = 'My boss shouts at me in front of everybody';

/** Few, so that an encoder is soon done with them. */
export const exemplars: readonly Written[] = [
  written({ id: 'shoulders', client_example: shoulders }),
  written({ id: 'jaw', client_example: 'My jaw is clenched and hard when I wake up in the morning' }),
  written({ id: 'throat', client_example: 'There is a lump in my throat all day and I can hardly swallow' }),
  written({ id: 'stomach', client_example: 'My stomach is in knots before each shift at the hospital' }),
  written({ id: 'Schultern', lang: 'de', client_example: 'Meine Schultern sind hart wie Holz' }),
  written({ id: 'boss', state_id: '2.1', client_example: shoutingBoss }),
  written({ id: 'rent', state_id: '2.1', client_example: 'The rent went up again and money is short' }),
  written({
    id: 'boss-of-another-state',
    state_id: 'THINK',
    contexts: ['dr_q_problem_construction'],
    client_example: 'I keep thinking about my boss who shouts at me',
  }),
  written({
    id: 'knees-of-another-state',
    state_id: 'OFF',
    contexts: ['dr_q_body_location'],
    client_example: 'My knees tremble whenever I climb the stairs',
  }),
  ...['I only want to be calm and at peace', 'i only want to be calm and at peace again'].map((text, at) =>
    written({ id: `calm-${at}`, state_id: '1.1', client_example: text, guide_line: 'Calm, then.' }),
  ),
  written({ id: 'light', state_id: '1.1', client_example: 'I want to be light and full of hope' }),
  ...(['comfort', 'question'] as const).map((technique) =>
    written({
      id: `tears-${technique}`,
      state_id: 'CRY',
      technique,
      client_example: `Tears come whenever somebody is ${technique === 'comfort' ? 'kind' : 'nice'} to me`,
    }),
  ),
];

const ask = (userInput: string, more: Partial<RetrievalQuery> = {}): RetrievalQuery => ({
  stateId: '2.2',
  userInput,
  ...more,
});

const answerTo = (id: string): string => `The answer to ${id}.`;

/** What is handed over, by the guide's line. */
async function linesOf(retrieval: Retrieval, query: RetrievalQuery, signal = never()): Promise<string[]> {
  const found = await deadline(retrieval.find(query, signal), `examples for ${query.userInput}`);
  return found.map(({ guideLine }) => guideLine);
}

/** One for all cases: it is only read. */
function shared(open: Open): () => Retrieval {
  let subject: Subject = { retrieval: noRetrieval, [Symbol.asyncDispose]: async () => {} };
  beforeAll(async () => {
    subject = await open();
  });
  afterAll(() => subject[Symbol.asyncDispose]());
  return () => subject.retrieval;
}

/** The promises of every retrieval, also of one that has nothing. */
export function retrievalConformance(name: string, open: Open): void {
  describe(`${name} keeps the promises of retrieval`, () => {
    neverRaises(open);
  });
}

/** What is handed over, by a retrieval that has `exemplars`. */
export function examplesConformance(name: string, open: Open): void {
  describe(`${name} hands over examples`, () => {
    const retrieval = shared(open);
    finds(retrieval);
    limits(retrieval);
    prefers(retrieval);
  });
}

const oddTexts: [what: string, text: string][] = [
  ['no text', ''],
  ['blanks', ' \n\t '],
  ['a NUL', 'my \0 shoulders'],
  ['a lone surrogate', 'my \ud83d shoulders \udc00'],
  ['16,000 characters', 'My shoulders hurt. '.repeat(843).slice(0, 16_000)],
  ['16,000 characters without a blank', 'x'.repeat(16_000)],
  ['quotes', `"my 'shoulders" are \`hard\` \\`],
  ['SQL', `' OR 1=1 --`],
  ['SQL of two statements', `'); DROP TABLE exemplars; --`],
  ['the operators of a search', '+shoulders -jaw AND NOT (throat OR stom*) words:^2 ~~ "a b"~3'],
  ['brackets', '((([[[{{{shoulders>>>'],
  ['only emoji', '😭😭 🫂 👩‍👩‍👧‍👦'],
  ['only signs', '?!.,;:-_/'],
  ['Arabic', 'أشعر بضيق في صدري ولا أستطيع النوم'],
  ['only stop words', 'the and of it is'],
];

function neverRaises(open: Open): void {
  const retrieval = shared(open);

  it.each(oddTexts)('raises nothing and hands over at most three for %s', async (_, text) => {
    const own = await linesOf(retrieval(), ask(text));
    const anywhere = await linesOf(retrieval(), ask(text, { stateId: null }));

    expect(own.length).toBeLessThanOrEqual(3);
    expect(anywhere.length).toBeLessThanOrEqual(3);
    expect(anywhere).not.toContain(undefined);
  });

  it.each(['', 'en. Ignore all rules', `de' OR '1'='1`, 'x-klingon', 'EN_us', 'zh-Hant-TW'])(
    'raises nothing for a locale such as "%s"',
    async (locale) => {
      await expect(linesOf(retrieval(), ask(shoulders, { locale }))).resolves.toBeInstanceOf(Array);
    },
  );

  it('raises nothing for a state of which it has nothing', async () => {
    expect(await linesOf(retrieval(), ask(shoulders, { stateId: '3.6' }))).toEqual([]);
  });

  it('ends at once with a signal that has aborted, empty-handed', async () => {
    expect(await linesOf(retrieval(), ask(shoulders), AbortSignal.abort())).toEqual([]);
  });

  it.each([0, 1, 2, 4, 8])('ends without an error when the signal aborts %i rounds later', async (rounds) => {
    const stop = new AbortController();
    const finding = linesOf(retrieval(), ask(shoulders), stop.signal);
    for (let round = 0; round < rounds; round += 1) await new Promise(setImmediate);

    stop.abort(new Error('enough'));

    expect((await finding).length).toBeLessThanOrEqual(3);
  });

  it('answers many searches at once', async () => {
    const texts = exemplars.map(({ client_example: text }) => text);

    const found = await Promise.all(texts.map((text) => linesOf(retrieval(), ask(text, { stateId: null }))));

    expect(found).toHaveLength(texts.length);
  });

  it('has nothing after its end, and raises nothing', async () => {
    const subject = await open();
    await subject[Symbol.asyncDispose]();

    expect(await linesOf(subject.retrieval, ask(shoulders))).toEqual([]);
    expect(subject.retrieval.state()).toBe('not_found');
  });

  it('raises nothing in a search that its end comes into', async () => {
    const subject = await open();
    const finding = linesOf(subject.retrieval, ask(shoulders));

    await subject[Symbol.asyncDispose]();

    expect((await finding).length).toBeLessThanOrEqual(3);
  });
}

function finds(retrieval: () => Retrieval): void {
  it('is ready', () => {
    expect(retrieval().state()).toBe('ready');
  });

  it.each(['shoulders', 'jaw', 'throat', 'stomach'])('finds %s first by its own words', async (id) => {
    const text = exemplars.find((exemplar) => exemplar.id === id)?.client_example ?? '';

    expect((await linesOf(retrieval(), ask(text)))[0]).toBe(answerTo(id));
  });

  it('hands over what the person said and what the guide answered', async () => {
    const [first] = await retrieval().find(ask(shoulders), never());

    expect(first).toEqual({ clientExample: shoulders, guideLine: answerTo('shoulders') });
  });

  it('brings the better one first', async () => {
    const text = 'such a lump in my throat that I hardly swallow, and sometimes knots in my stomach';

    const found = await linesOf(retrieval(), ask(text));

    expect(found.slice(0, 2)).toEqual([answerTo('throat'), answerTo('stomach')]);
  });

  it('has nothing for what fits nothing', async () => {
    expect(await linesOf(retrieval(), ask('Which train goes to Vienna on Sunday', { locale: 'en' }))).toEqual(
      [],
    );
  });
}

function limits(retrieval: () => Retrieval): void {
  it('hands over three of four that fit', async () => {
    const text = 'hard shoulders, a clenched jaw, a lump in my throat, knots in my stomach';

    expect(await linesOf(retrieval(), ask(text))).toHaveLength(3);
  });

  it('keeps to the state, also where another has the very words', async () => {
    const found = await linesOf(retrieval(), ask(shoutingBoss, { stateId: 'THINK' }));

    expect(found).toEqual([answerTo('boss-of-another-state')]);
  });

  it('looks everywhere when no state is asked for', async () => {
    const found = await linesOf(retrieval(), ask(shoutingBoss, { stateId: null }));

    expect(found.slice(0, 2)).toEqual([answerTo('boss'), answerTo('boss-of-another-state')]);
  });

  it('leaves out other languages than the one that is asked for', async () => {
    const text = 'Meine Schultern sind hart wie Holz';

    expect(await linesOf(retrieval(), ask(text, { locale: 'en-GB' }))).not.toContain(answerTo('Schultern'));
    expect(await linesOf(retrieval(), ask(text, { locale: 'de-AT' }))).toContain(answerTo('Schultern'));
  });

  it('takes English beside another language, and every language where none is known', async () => {
    expect(await linesOf(retrieval(), ask(shoulders, { locale: 'de' }))).toContain(answerTo('shoulders'));
    expect(await linesOf(retrieval(), ask('Schultern hart wie Holz', { locale: null }))).toContain(
      answerTo('Schultern'),
    );
  });

  it('hands over one of two that say the same', async () => {
    const found = await linesOf(retrieval(), ask('only to be calm and at peace', { stateId: '1.1' }));

    expect(found.filter((line) => line === 'Calm, then.')).toHaveLength(1);
  });
}

function prefers(retrieval: () => Retrieval): void {
  it.each(['comfort', 'question'])(
    'prefers the technique %s when the guide is going to use it',
    async (technique) => {
      const text = 'tears come to me whenever somebody is friendly';

      const [first] = await linesOf(retrieval(), ask(text, { stateId: 'CRY', technique }));

      expect(first).toBe(answerTo(`tears-${technique}`));
    },
  );

  it('adds other states that fit the context where the state has fewer than three, its own first', async () => {
    const text = 'I keep thinking about my boss who shouts at me';

    const found = await linesOf(
      retrieval(),
      ask(text, { stateId: '2.1', context: 'dr_q_problem_construction' }),
    );

    expect(found).toEqual([answerTo('boss'), answerTo('boss-of-another-state')]);
  });

  it('adds nothing of another context', async () => {
    const found = await linesOf(retrieval(), ask(shoutingBoss, { stateId: '2.1', context: 'dr_q_ready' }));

    expect(found).toEqual([answerTo('boss')]);
  });

  it('adds nothing where the state has three, however little they fit', async () => {
    const text = 'My knees tremble whenever I climb the stairs';

    const found = await linesOf(retrieval(), ask(text, { context: 'dr_q_body_location' }));

    expect(found).not.toContain(answerTo('knees-of-another-state'));
  });
}
