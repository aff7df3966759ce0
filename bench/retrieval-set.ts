// Exemplars as many as one likes, and vectors for them without an encoder: for measuring how fast they are found, not how well.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PriorityState, RagQuery, StateId } from '../src/contract/progress.ts';
import type { RetrievalQuery } from '../src/retrieval/retrieval.ts';
import type { Embedder } from '../src/retrieval/embed.ts';
import { unit } from '../src/retrieval/embed.ts';
import { randomFrom } from '../test/support/random.ts';
import type { Random } from '../test/support/random.ts';

export const states: readonly NonNullable<RetrievalQuery['stateId']>[] = [
  ...StateId.options,
  ...PriorityState.options,
];

const lists = {
  who: 'mother father sister brother boss neighbour teacher friend daughter son partner landlord doctor team cousin aunt colleague customer driver nurse',
  what: 'letter kitchen garden bus window meeting phone stairs dinner rent dog report train keys birthday bill coat lesson message table holiday queue lamp door river wall paper bread clock chair road suitcase office concert bicycle bridge market shelf cup',
  does: 'waits calls shouts leaves forgets listens laughs returns pays moves stays breaks falls turns asks answers works sleeps runs stops opens closes writes reads',
  where: 'chest throat stomach shoulders jaw forehead back hands knees belly neck ribs',
  how: 'tight heavy warm cold empty numb sharp dull hollow restless quiet shaky tired sore stiff light slow pressed wide small',
  when: 'morning evening sunday winter midnight lunch autumn monday yesterday tomorrow summer weekend',
  more: 'always never again still often hardly almost together alone finally maybe suddenly slowly really only once twice everywhere nowhere somehow',
};
const vocabulary = Object.values(lists).join(' ').split(' ');
const FINE = 1_000_000;
const share = (random: Random): number => random.between(0, FINE - 1) / FINE;

/** As in speech, few words are said often and many seldom. */
const word = (random: Random): string =>
  vocabulary[Math.floor(vocabulary.length * share(random) ** 2)] ?? 'and';

/** What somebody might say, as far as counting words goes. */
export function sentence(random: Random): string {
  const length = random.between(8, 22);
  return Array.from({ length }, (_, at) => (at % 5 === 1 ? 'the' : word(random))).join(' ');
}

/** Writes that many exemplars, one file for each of the states. */
export async function writeExemplars(
  directory: string,
  count: number,
  among: readonly string[],
  seed: number,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const random = randomFrom(seed);
  const made = Array.from({ length: count }, (_, at) => ({
    id: `made-${at}`,
    state_id: among[at % among.length],
    situation: sentence(random),
    technique: word(random),
    client_example: sentence(random),
    guide_line: `${sentence(random)}. ${sentence(random)}?`,
    tags: [word(random), word(random)],
    contexts: [RagQuery.options[at % RagQuery.options.length]],
  }));
  for (const state of among) {
    const exemplars = made.filter((exemplar) => exemplar.state_id === state);
    await writeFile(join(directory, `${state}.json`), JSON.stringify({ version: 'bench-1', exemplars }));
  }
}

const DIMENSIONS = 512;
const CLUSTERS = 64;
const NOISE = 0.8;

const direction = (random: Random): Float32Array =>
  unit(Array.from({ length: DIMENSIONS }, () => share(random) + share(random) + share(random) - 1.5));

/** Unit vectors that lie in clusters: always the same one for a text. */
export function clustered(seed: number): (text: string) => Float32Array {
  const random = randomFrom(seed);
  const centres = Array.from({ length: CLUSTERS }, () => direction(random));
  return (text) => {
    let hash = seed;
    for (let at = 0; at < text.length; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
    const own = randomFrom(hash);
    const centre = centres[own.between(0, CLUSTERS - 1)];
    const noise = direction(own);
    return unit(noise.map((value, at) => NOISE * value + (centre?.[at] ?? 0)));
  };
}

export interface BenchEmbedder extends Embedder {
  /** Whether a search gets its vector from the encoder; else it is at hand. */
  asksEncoder: boolean;
  /** Vectors of these texts are at hand from now on. */
  prepare(texts: readonly string[]): Promise<void>;
}

/** Goes by the name of the encoder, so that a server takes its tables; `make` makes the vectors of exemplars, else the encoder does. */
export function createBenchEmbedder(
  encoder: Embedder,
  make: ((text: string) => Float32Array) | null,
): BenchEmbedder {
  const atHand = new Map<string, Float32Array>();
  const inBatch: Embedder['embed'] = async (texts, urgency, signal) =>
    make === null ? await encoder.embed(texts, urgency, signal) : texts.map(make);
  return {
    asksEncoder: false,
    async prepare(texts) {
      const vectors = await inBatch(texts, 'batch', new AbortController().signal);
      for (const [at, text] of texts.entries()) atHand.set(text, vectors[at] ?? new Float32Array());
    },
    identity: (signal) => encoder.identity(signal),
    async embed(texts, urgency, signal) {
      if (urgency === 'batch') return await inBatch(texts, urgency, signal);
      if (this.asksEncoder) return await encoder.embed(texts, urgency, signal);
      return texts.flatMap((text) => atHand.get(text) ?? []);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
