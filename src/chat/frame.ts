import type { PushName } from '../contract/types.ts';

/** A push as it goes out: one entry, or neighbours merged. Shared by all followers that stand at one cursor. */
export class Frame {
  readonly event: PushName;
  readonly data: Record<string, unknown>;
  /** Only logged pushes have one: where a client resumes. */
  readonly cursor: string | null;
  #json: string | undefined;
  #bytes: number | undefined;

  constructor(event: PushName, data: Record<string, unknown>, cursor: string | null = null) {
    this.event = event;
    this.data = data;
    this.cursor = cursor;
  }

  /** Number of the last entry it stands for; only logged pushes have one. */
  get seq(): number {
    return Number(this.data['seq']);
  }

  /** Serialised once, however many read it. */
  get json(): string {
    this.#json ??= JSON.stringify(this.data);
    return this.#json;
  }

  /** Of its JSON, in UTF-8. */
  get bytes(): number {
    this.#bytes ??= Buffer.byteLength(this.json);
    return this.#bytes;
  }

  /** The turn that its words are of; null for a frame without words. */
  get wordsOf(): string | null {
    return this.event === 'therapist:token' ? String(this.data['turn_id']) : null;
  }
}
