import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unit } from '../../../src/retrieval/embed.ts';
import { Exemplar } from '../../../src/retrieval/exemplars.ts';
import { rank } from '../../../src/retrieval/rank.ts';
import type { Candidate, Scale } from '../../../src/retrieval/rank.ts';

/** A usual cosine is 0.2, and 0.1 more is one standard deviation; BM25 is counted in tens. */
const scale: Scale = { mean: 0.2, spread: 0.1, size: 10 };

/** Points nowhere near any other. */
const axis = (at: number): Float32Array => unit(Array.from({ length: 16 }, (_, i) => (i === at ? 1 : 0)));

interface Given extends Partial<Omit<Candidate, 'exemplar'>> {
  technique?: string;
  line?: string;
}

let axes = 0;
/** Of the state, with a vector of its own, as near as `similarity` says. */
function candidate(
  id: string,
  { technique = 'listen', line = `Line of ${id}.`, ...given }: Given,
): Candidate {
  const exemplar = Exemplar.parse({
    id,
    state_id: '2.2',
    situation: 'says how it is',
    technique,
    client_example: `what ${id} says`,
    guide_line: line,
  });
  axes = (axes + 1) % 16;
  return { exemplar, isOfState: true, similarity: null, words: 0, vector: axis(axes), ...given };
}

/** The ids of those that are handed over, best first. */
const takenOf = (candidates: readonly Candidate[], technique?: string): string[] =>
  rank(candidates, scale, technique)
    .filter(({ verdict }) => verdict === 'taken')
    .map(({ exemplar }) => exemplar.id);

const verdictsOf = (candidates: readonly Candidate[]): Record<string, string> =>
  Object.fromEntries(
    rank(candidates, scale, undefined).map(({ exemplar, verdict }) => [exemplar.id, verdict]),
  );

describe('the floor', () => {
  it('lets through what is far more alike than usual', () => {
    expect(takenOf([candidate('near', { similarity: 0.9 })])).toEqual(['near']);
  });

  it.each([0.2, 0.1, 0, -1])('keeps out a similarity of %d where 0.2 is usual', (similarity) => {
    expect(verdictsOf([candidate('far', { similarity })])).toEqual({ far: 'too far away' });
  });

  it('is of the table: what is near in one is usual in another', () => {
    const [near] = rank([candidate('one', { similarity: 0.5 })], scale, undefined);
    const [usual] = rank([candidate('one', { similarity: 0.5 })], { ...scale, mean: 0.5 }, undefined);

    expect([near?.verdict, usual?.verdict]).toEqual(['taken', 'too far away']);
  });

  it('lets many shared words through, however little the meaning is alike', () => {
    expect(takenOf([candidate('words', { similarity: 0, words: 40 })])).toEqual(['words']);
  });

  it('keeps out a shared word or two', () => {
    expect(takenOf([candidate('words', { similarity: 0, words: 2 })])).toEqual([]);
  });

  it('is not reached by the technique alone', () => {
    expect(takenOf([candidate('far', { similarity: 0.2, technique: 'breathe' })], 'breathe')).toEqual([]);
    expect(takenOf([candidate('wordless', { technique: 'breathe' })], 'breathe')).toEqual([]);
  });
});

describe('without vectors', () => {
  it('the one that shares more words is better', () => {
    const candidates = [
      candidate('some', { words: 20, vector: null }),
      candidate('most', { words: 40, vector: null }),
    ];

    expect(takenOf(candidates)).toEqual(['most', 'some']);
  });

  it('what shares no words is too far away', () => {
    expect(verdictsOf([candidate('none', { vector: null })])).toEqual({ none: 'too far away' });
  });
});

describe('the order', () => {
  it('is by similarity', () => {
    const candidates = [0.5, 0.9, 0.7].map((similarity) =>
      candidate(`at ${similarity}`.replace(' ', '-'), { similarity }),
    );

    expect(takenOf(candidates)).toEqual(['at-0.9', 'at-0.7', 'at-0.5']);
  });

  it('is by shared words among what is as alike', () => {
    const candidates = [
      candidate('plain', { similarity: 0.6 }),
      candidate('shared', { similarity: 0.6, words: 40 }),
    ];

    expect(takenOf(candidates)).toEqual(['shared', 'plain']);
  });

  it('of equals is the order they came in', () => {
    const candidates = ['c', 'a', 'b'].map((id) => candidate(id, { similarity: 0.6 }));

    expect(takenOf(candidates)).toEqual(['c', 'a', 'b']);
  });

  it('puts the state before its context, whatever is more alike', () => {
    const candidates = [
      candidate('context', { similarity: 0.99, words: 40, isOfState: false }),
      candidate('state', { similarity: 0.5 }),
    ];

    expect(takenOf(candidates)).toEqual(['state', 'context']);
  });

  it('prefers the technique among what is about as alike', () => {
    const candidates = [
      candidate('other', { similarity: 0.61, technique: 'breathe' }),
      candidate('asked', { similarity: 0.6, technique: 'listen' }),
    ];

    expect(takenOf(candidates, 'listen')).toEqual(['asked', 'other']);
    expect(takenOf(candidates)).toEqual(['other', 'asked']);
  });

  it('does not prefer the technique to what is far more alike', () => {
    const candidates = [
      candidate('other', { similarity: 0.9, technique: 'breathe' }),
      candidate('asked', { similarity: 0.5, technique: 'listen' }),
    ];

    expect(takenOf(candidates, 'listen')).toEqual(['other', 'asked']);
  });
});

describe('of many', () => {
  it('three are handed over, and it is said why not the others', () => {
    const candidates = [0.9, 0.8, 0.7, 0.6].map((similarity, at) => candidate(`n${at}`, { similarity }));

    expect(verdictsOf(candidates)).toEqual({
      n0: 'taken',
      n1: 'taken',
      n2: 'taken',
      n3: 'others are better',
    });
  });

  it('one of two with the same line of the guide is handed over, the better one', () => {
    const candidates = [
      candidate('second', { similarity: 0.7, line: 'The same.' }),
      candidate('first', { similarity: 0.8, line: 'The same.' }),
      candidate('third', { similarity: 0.6 }),
    ];

    expect(verdictsOf(candidates)).toEqual({ first: 'taken', second: 'like a better one', third: 'taken' });
  });

  it('one of two whose vectors are nearly the same is handed over', () => {
    const nearly = unit([1, 0.02, ...Array.from({ length: 14 }, () => 0)]);
    const candidates = [
      candidate('one', { similarity: 0.8, vector: axis(0) }),
      candidate('twin', { similarity: 0.79, vector: nearly }),
      candidate('another', { similarity: 0.7, vector: axis(5) }),
    ];

    expect(takenOf(candidates)).toEqual(['one', 'another']);
  });

  it('one that is like one that was kept out may be handed over', () => {
    const candidates = [
      candidate('far', { similarity: 0, vector: axis(3), isOfState: true }),
      candidate('near', { similarity: 0.8, vector: axis(3), isOfState: false }),
    ];

    expect(takenOf(candidates)).toEqual(['near']);
  });

  it('each gets a verdict, at most three are handed over, and none goes before a better one', () => {
    const one = fc.record({
      similarity: fc.option(fc.float({ min: -1, max: 1, noNaN: true })),
      words: fc.float({ min: 0, max: 60, noNaN: true }),
      isOfState: fc.boolean(),
      technique: fc.constantFrom('listen', 'breathe'),
      vector: fc.option(fc.nat(15).map(axis)),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 16 }), (given) => {
        const candidates = given.map((parts, at) => candidate(`n${at}`, parts));
        const ranked = rank(candidates, scale, 'listen');
        const taken = ranked.filter(({ verdict }) => verdict === 'taken');

        expect(ranked.map(({ exemplar }) => exemplar.id).sort()).toEqual(
          candidates.map(({ exemplar }) => exemplar.id).sort(),
        );
        expect(taken.length).toBeLessThanOrEqual(3);
        for (const [at, { isOfState, score }] of ranked.entries()) {
          const next = ranked[at + 1];
          if (next?.isOfState === isOfState) expect(score).toBeGreaterThanOrEqual(next.score);
          else if (next) expect([isOfState, next.isOfState]).toEqual([true, false]);
        }
      }),
    );
  });
});
