import { expect, it } from 'vitest';
import { createEncoder } from '../../src/retrieval/encoder.ts';
import { ownDirectory } from '../../src/retrieval/exemplars.ts';
import { evaluate, lossesOf, readSet, setFile } from '../retrieval/eval.ts';

it(
  'meaning and words together lose to neither alone on any part, and win on the whole',
  { timeout: 240_000 },
  async () => {
    await using encoder = createEncoder();

    const evaluation = await evaluate(readSet(setFile('evaluation')), [ownDirectory], 'embedded', encoder);

    expect(lossesOf(evaluation)).toEqual([]);
  },
);
