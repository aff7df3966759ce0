import { afterAll, describe, expect, it } from 'vitest';
import { examplesConformance, exemplars, retrievalConformance } from '../conformance/retrieval.ts';
import { never } from '../conformance/model.ts';
import { createEncoder } from '../../src/retrieval/encoder.ts';
import { noRetrieval } from '../../src/retrieval/retrieval.ts';
import { unit } from '../../src/retrieval/embed.ts';
import type { Embedder } from '../../src/retrieval/embed.ts';
import type { Example, Retrieval } from '../../src/retrieval/retrieval.ts';
import { fileOf, openLibrary, raising, WordEmbedder, written } from '../support/retrieval-bench.ts';
import { deadline } from '../support/wait.ts';

const encoder = createEncoder();
afterAll(() => encoder[Symbol.asyncDispose]());

/** A retrieval with the exemplars of the suite; `message` tells that it serves as it is going to. */
const opened = (embedder: () => Embedder, message: string) => async () => {
  const library = await openLibrary(exemplars);
  const { retrieval, logged } = library.start({ embedder: embedder() });
  await logged(message);
  return { retrieval, [Symbol.asyncDispose]: () => library[Symbol.asyncDispose]() };
};

const kinds: [name: string, open: ReturnType<typeof opened>][] = [
  ['LanceDB with the embedded encoder', opened(() => encoder, 'examples are ready')],
  ['LanceDB with another encoder', opened(() => new WordEmbedder(), 'examples are ready')],
  ['LanceDB by full text alone', opened(() => raising(), 'examples are not complete; it is tried again')],
];
for (const [name, open] of kinds) {
  retrievalConformance(name, open);
  examplesConformance(name, open);
}
retrievalConformance('no retrieval', async () => ({
  retrieval: noRetrieval,
  [Symbol.asyncDispose]: async () => {},
}));

const throat = written({ id: 'throat', client_example: 'a lump in my throat' });
const jaw = written({ id: 'jaw', client_example: 'my jaw is clenched' });
const belly = written({ id: 'belly', client_example: 'knots in my belly' });
const few = [throat, jaw, belly];

/** What is handed over, by the guide's line. */
async function linesOf(retrieval: Retrieval, userInput: string, signal = never()): Promise<string[]> {
  const finding = retrieval.find({ stateId: '2.2', userInput }, signal);
  return (await deadline(finding, `examples for ${userInput}`)).map(({ guideLine }) => guideLine);
}

const firstOf = async (retrieval: Retrieval, userInput: string): Promise<string | undefined> =>
  (await linesOf(retrieval, userInput))[0];

/** A table that is made while the encoder is held. */
const held = () => {
  const gate = Promise.withResolvers<void>();
  const before = ({ urgency }: { urgency: string }) => (urgency === 'batch' ? gate.promise : undefined);
  return { open: () => gate.resolve(), embedder: (name: string) => new WordEmbedder(name, before) };
};

describe('the directories', () => {
  it('of an operator replace an example of ours and add others', async () => {
    await using library = await openLibrary(few);
    const own = await library.another(
      'own.json',
      fileOf([
        { ...throat, guide_line: 'Ours of the throat.' },
        written({ id: 'knee', client_example: 'my knee' }),
      ]),
    );

    const retrieval = await library.ready({
      embedder: new WordEmbedder(),
      directories: [library.directory, own],
    });

    expect(await firstOf(retrieval, 'lump in my throat')).toBe('Ours of the throat.');
    expect(await firstOf(retrieval, 'my knee')).toBe('The answer to knee.');
    expect(await firstOf(retrieval, 'my jaw is clenched')).toBe('The answer to jaw.');
  });

  it.each([
    ['no JSON', '{"version": "test", "exemplars": ['],
    ['no exemplars', '{"version": "test"}'],
    ['an unknown state', fileOf([throat]).replace('2.2', '9.9')],
    ['an unknown field', fileOf([throat]).replace('"id"', '"system":"obey","id"')],
    ['nothing in it', ''],
  ])('serve without a file that has %s, which is named', async (_, content) => {
    await using library = await openLibrary(few);
    await library.write('bad.json', content);

    const { retrieval, logged } = library.start({ embedder: new WordEmbedder() });
    await logged('examples are ready');

    expect((await logged('a file of exemplars cannot be used'))['file']).toMatch(/bad\.json$/);
    expect(await firstOf(retrieval, 'lump in my throat')).toBe('The answer to throat.');
  });

  it('may hold other files', async () => {
    await using library = await openLibrary(few);
    await library.write('README.md', 'How these were written');
    await library.write('examples.json.bak', fileOf([{ ...throat, guide_line: 'An old one.' }]));

    const { retrieval, logged, lines } = library.start({ embedder: new WordEmbedder() });
    await logged('examples are ready');

    expect(lines.map(({ message }) => message)).not.toContain('a file of exemplars cannot be used');
    expect(await firstOf(retrieval, 'lump in my throat')).toBe('The answer to throat.');
  });

  it('that are not there are named, and the others serve', async () => {
    await using library = await openLibrary(few);
    const directories = [library.directory, `${library.directory}-gone`];

    const { retrieval, logged } = library.start({ embedder: new WordEmbedder(), directories });
    await logged('examples are ready');

    expect((await logged('a file of exemplars cannot be used'))['file']).toBe(directories[1]);
    expect(await firstOf(retrieval, 'lump in my throat')).toBe('The answer to throat.');
  });

  it('without an exemplar are looked at again until there is one', async () => {
    await using library = await openLibrary([]);
    const { retrieval, logged } = library.start({ embedder: new WordEmbedder(), retryMs: 1 });
    const { rag, reason } = await logged('examples are not complete; it is tried again');

    await library.write('examples.json', fileOf(few));
    await logged('examples are ready');

    expect([rag, reason]).toEqual(['not_found', 'there are no exemplars']);
    expect(retrieval.state()).toBe('ready');
  });
});

describe('until its table is made', () => {
  it('there is none, and nothing is found', async () => {
    await using library = await openLibrary(few);
    const { retrieval, settled } = library.start({ embedder: new WordEmbedder() });

    const before = [retrieval.state(), await linesOf(retrieval, 'a lump in my throat')];
    await settled;

    expect(before).toEqual(['not_found', []]);
    expect(retrieval.state()).toBe('ready');
  });

  it('examples are found by their words', async () => {
    await using library = await openLibrary(few);
    const { open, embedder } = held();
    const words = embedder('words');
    const { retrieval, settled } = library.start({ embedder: words });
    await words.until('batch');

    expect(retrieval.state()).toBe('ready');
    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
    expect(words.asked.map(({ urgency }) => urgency)).toEqual(['batch']);

    open();
    await settled;
    await linesOf(retrieval, 'a lump in my throat');
    expect(words.asked.map(({ urgency }) => urgency)).toEqual(['batch', 'query']);
  });

  it('an encoder that raises is tried again, and then serves', async () => {
    await using library = await openLibrary(few);
    let calls = 0;
    const late = new WordEmbedder('late', async () => {
      calls += 1;
      if (calls < 3) throw new Error('not yet');
    });

    const { retrieval, logged } = library.start({ embedder: late, retryMs: 1 });
    const told = await logged('examples are not complete; it is tried again');
    await logged('examples are ready');

    expect(told).toEqual({ rag: 'ready', reason: 'not yet' });
    await linesOf(retrieval, 'a lump in my throat');
    expect(late.asked.at(-1)).toEqual({ urgency: 'query', texts: ['a lump in my throat'] });
  });

  it('its end does not wait for the encoder', async () => {
    await using library = await openLibrary(few);
    const words = held().embedder('words');
    const { retrieval } = library.start({ embedder: words });
    await words.until('batch');

    await deadline(retrieval[Symbol.asyncDispose](), 'the end');

    expect(retrieval.state()).toBe('not_found');
  });
});

describe('a search whose signal aborts', () => {
  /** With more and more time, for a search by words takes some. */
  async function inTime(retrieval: Retrieval): Promise<Example[]> {
    for (let ms = 20; ms < 10_000; ms *= 2) {
      const query = { stateId: '2.2', userInput: 'a lump in my throat' } as const;
      const found = await retrieval.find(query, AbortSignal.timeout(ms));
      if (found.length > 0) return found;
    }
    return [];
  }

  it('hands over what was found by words when the encoder never answers', async () => {
    await using library = await openLibrary(few);
    const silent = new WordEmbedder('silent', ({ urgency }) =>
      urgency === 'query' ? Promise.withResolvers<never>().promise : undefined,
    );
    const retrieval = await library.ready({ embedder: silent });

    expect((await inTime(retrieval))[0]?.guideLine).toBe('The answer to throat.');
  });
});

describe('a search whose vector is of no use', () => {
  it('hands over what was found by words when the encoder raises', async () => {
    await using library = await openLibrary(few);
    const failing = new WordEmbedder('failing', ({ urgency }) =>
      urgency === 'query' ? Promise.reject(new Error('busy')) : undefined,
    );
    const retrieval = await library.ready({ embedder: failing });

    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
    expect(retrieval.state()).toBe('ready');
  });

  it('hands over what was found by words when the encoder has come to mean otherwise', async () => {
    await using library = await openLibrary(few);
    const words = new WordEmbedder();
    const retrieval = await library.ready({ embedder: words });
    words.embed = async () => [unit([1, 2, 3])];

    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
    expect(retrieval.state()).toBe('ready');
  });

  it('hands over what was found by words when another table came meanwhile', async () => {
    await using library = await openLibrary(few);
    const before = await library.ready({ embedder: new WordEmbedder('first') });
    await before[Symbol.asyncDispose]();
    const { open, embedder } = held();
    const late = Promise.withResolvers<void>();
    const standIn = new WordEmbedder('first', () => late.promise);
    const second = embedder('second');
    const { retrieval, settled } = library.start({ embedder: second, standIn });
    await second.until('batch');
    const finding = firstOf(retrieval, 'a lump in my throat');
    await standIn.until('query');

    open();
    await settled;
    late.resolve();

    expect(await finding).toBe('The answer to throat.');
  });
});

describe('vectors', () => {
  it('of the same exemplars are made once', async () => {
    await using library = await openLibrary(few);
    const [first, second] = [new WordEmbedder(), new WordEmbedder()];
    const before = await library.ready({ embedder: first });
    await before[Symbol.asyncDispose]();

    const after = await library.ready({ embedder: second });

    expect(first.batched.length).toBeGreaterThanOrEqual(few.length);
    expect(first.batched).toEqual([...new Set(first.batched)]);
    expect(second.batched).toEqual([]);
    expect(await firstOf(after, 'a lump in my throat')).toBe('The answer to throat.');
  });

  it('are made of what has changed alone', async () => {
    await using library = await openLibrary(few);
    const before = await library.ready({ embedder: new WordEmbedder() });
    await before[Symbol.asyncDispose]();
    const changed = { ...belly, client_example: 'butterflies in my belly' };
    const said = { ...jaw, guide_line: 'Another answer.' };
    await library.write('examples.json', fileOf([throat, said, changed]));
    const second = new WordEmbedder();

    const after = await library.ready({ embedder: second });

    expect(second.batched.length).toBeGreaterThan(0);
    expect(second.batched.filter((text) => !text.includes('butterflies in my belly'))).toEqual([]);
    expect(await firstOf(after, 'my jaw is clenched')).toBe('Another answer.');
    expect(await firstOf(after, 'butterflies')).toBe('The answer to belly.');
  });

  it('that were made before the encoder failed are kept', async () => {
    const many = Array.from({ length: 80 }, (_, at) => written({ id: `number-${at}` }));
    await using library = await openLibrary(many);
    let calls = 0;
    const broken = new WordEmbedder('words', async () => {
      calls += 1;
      if (calls > 1) throw new Error('gone');
    });
    const { retrieval, logged } = library.start({ embedder: broken });
    await logged('examples are not complete; it is tried again');
    await retrieval[Symbol.asyncDispose]();
    const [kept = []] = broken.asked.map(({ texts }) => texts);
    const second = new WordEmbedder();

    await library.ready({ embedder: second });

    expect(kept.length).toBeGreaterThan(0);
    expect(second.batched.length).toBeGreaterThan(0);
    expect(second.batched.filter((text) => kept.includes(text))).toEqual([]);
  });

  it('of another encoder are made while the table of the first one serves', async () => {
    await using library = await openLibrary(few);
    const before = await library.ready({ embedder: new WordEmbedder('first') });
    await before[Symbol.asyncDispose]();
    const { open, embedder } = held();
    const [standIn, second] = [new WordEmbedder('first'), embedder('second')];

    const { retrieval, settled } = library.start({ embedder: second, standIn });
    await second.until('batch');
    const meanwhile = await firstOf(retrieval, 'a lump in my throat');
    open();
    await settled;
    const then = await firstOf(retrieval, 'knots in my belly');

    expect(meanwhile).toBe('The answer to throat.');
    expect(then).toBe('The answer to belly.');
    expect(standIn.asked).toEqual([{ urgency: 'query', texts: ['a lump in my throat'] }]);
    expect(second.asked.at(-1)).toEqual({ urgency: 'query', texts: ['knots in my belly'] });
  });

  it('of an encoder that is not there are not needed: its stand-in serves', async () => {
    await using library = await openLibrary(few);
    const before = await library.ready({ embedder: new WordEmbedder('first') });
    await before[Symbol.asyncDispose]();
    const standIn = new WordEmbedder('first');
    const away = new WordEmbedder('away');
    away.identity = () => Promise.reject(new Error('nobody there'));

    const { retrieval, logged } = library.start({ embedder: away, standIn });
    const told = await logged('examples are not complete; it is tried again');

    expect(told).toEqual({ rag: 'ready', reason: 'nobody there' });
    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
    expect(standIn.asked.map(({ urgency }) => urgency)).toEqual(['query']);
  });

  it('of an encoder that raises are made by its stand-in', async () => {
    await using library = await openLibrary(few);
    const standIn = new WordEmbedder('first');

    const { retrieval, logged } = library.start({ embedder: raising('away'), standIn });
    await logged('examples are not complete; it is tried again');

    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
    expect(standIn.batched.length).toBeGreaterThan(0);
  });

  it('whose files are lost are not missed before the next start', async () => {
    await using library = await openLibrary(few);
    const retrieval = await library.ready({ embedder: new WordEmbedder() });
    await library.lose();

    expect(await firstOf(retrieval, 'a lump in my throat')).toBe('The answer to throat.');
  });
});
