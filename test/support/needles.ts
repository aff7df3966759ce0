// Looks for many strings at once in many bytes.

/** The last bytes of a string by which it is recognised; shorter ones are not looked for. */
const PROBE_BYTES = 8;

interface Needle {
  text: string;
  bytes: Buffer;
}

/** As it is, and as it stands in JSON, once and twice. */
function spellings(text: string): string[] {
  const inJson = JSON.stringify(text).slice(1, -1);
  return [...new Set([text, inJson, JSON.stringify(inJson).slice(1, -1)])];
}

export class Needles {
  readonly #byProbe = new Map<string, Needle[]>();
  /** Which last two bytes a probe can have. */
  readonly #ends = new Uint8Array(65_536);

  constructor(texts: Iterable<string>) {
    for (const text of texts) for (const spelling of spellings(text)) this.#add(text, Buffer.from(spelling));
  }

  #add(text: string, bytes: Buffer): void {
    if (bytes.length < PROBE_BYTES) throw new Error(`too short to look for: ${text}`);
    const probe = bytes.toString('latin1', bytes.length - PROBE_BYTES);
    const same = this.#byProbe.get(probe) ?? [];
    this.#byProbe.set(probe, [...same, { text, bytes }]);
    this.#ends[bytes.readUInt16LE(bytes.length - 2)] = 1;
  }

  /** Which of the strings are anywhere in the bytes, in UTF-8, also inside JSON. */
  foundIn(bytes: Buffer): string[] {
    const found = new Set<string>();
    for (let at = PROBE_BYTES; at <= bytes.length; at += 1) {
      if (this.#ends[(bytes[at - 2] ?? 0) | ((bytes[at - 1] ?? 0) << 8)] === 0) continue;
      for (const needle of this.#byProbe.get(bytes.toString('latin1', at - PROBE_BYTES, at)) ?? []) {
        const from = at - needle.bytes.length;
        if (from >= 0 && bytes.compare(needle.bytes, 0, needle.bytes.length, from, at) === 0)
          found.add(needle.text);
      }
    }
    return [...found];
  }
}
