// The seam to whatever turns texts into vectors, and what all of them share.

/** `query` is for a turn that waits; `batch` is work in the background and lets it pass. */
export type Urgency = 'query' | 'batch';

/** Turns texts into unit vectors whose dot product says how alike their meanings are. */
export interface Embedder extends AsyncDisposable {
  /**
   * Names the weights: vectors with one identity can be compared, others cannot.
   * @throws Error where it is not there now; it may be later
   */
  identity(signal: AbortSignal): Promise<string>;

  /**
   * One vector a text, in order. Texts come through `forEmbedding`. When `signal` aborts, nobody waits for it any longer.
   * @throws Error whatever came between
   */
  embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]>;
}

/** A vector is made of this much of a text at most, in UTF-16 units: its time grows with the length. */
const TEXT_MAX = 480;
const CUT = ' … ';

/** What of a text is embedded: all of it in one line, or its beginning and its end. Never empty. */
export function forEmbedding(text: string): string {
  const half = (TEXT_MAX - CUT.length) / 2;
  // before the spaces are made one, so that a long text costs no more than a short one
  const ends =
    text.length > 4 * TEXT_MAX ? `${text.slice(0, 2 * TEXT_MAX)}${text.slice(-2 * TEXT_MAX)}` : text;
  const line = ends.normalize('NFKC').replace(/\s+/g, ' ').trim();
  if (line.length <= TEXT_MAX) return (line || CUT.trim()).toWellFormed();
  return `${line.slice(0, half)}${CUT}${line.slice(-half)}`.toWellFormed();
}

/** @throws RangeError for what has no direction */
export function unit(numbers: ArrayLike<number>): Float32Array {
  const vector = new Float32Array(numbers);
  const length = Math.sqrt(dot(vector, vector));
  if (!(length > 0) || !Number.isFinite(length)) throw new RangeError('a vector without a direction');
  for (let at = 0; at < vector.length; at += 1) vector[at] = (vector[at] ?? 0) / length;
  return vector;
}

/** What lies between some vectors. */
export function sumOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) {
    for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
  }
  return unit(sum);
}

/** Of unit vectors the cosine. */
export function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
