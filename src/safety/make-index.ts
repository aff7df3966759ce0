// What `npm run index` keeps of the languages in content/index.json, so that a start reads none of their frames.
import { packHeard } from './heard.ts';
import { packLexicons } from './language-lexicons.ts';
import { detector, speech } from './rules.ts';
import { packTongues } from './tongues.ts';
import type { PackedIndex } from './tongue-packed.ts';
import { tongueContents, writtenHash } from './tongues-content.ts';

/** Each part with the hash of what it was made of: it counts only for that. */
export interface MadeIndex {
  tongues: { of: string; index: PackedIndex };
  heard: { of: string; index: PackedIndex };
  lexicons: { of: string; rows: readonly string[] };
}

/** @throws naming the file and the frame that cannot be read. */
export function makeIndex(): MadeIndex {
  return {
    tongues: { of: writtenHash, index: packTongues(tongueContents) },
    heard: { of: detector.hash, index: packHeard() },
    lexicons: { of: detector.hash, rows: packLexicons(speech.known, tongueContents) },
  };
}
