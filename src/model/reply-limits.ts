import { ModelError } from './model.ts';

/** A model that never comes to an end fills no disk; far above what anybody reads. */
export const maxReplyBytes = 2 * 1024 * 1024;
const maxBlank = 200;
const tooBlank = new RegExp(`\\s{${maxBlank + 1}}`);

/** What a reply may be: models that lost their way write blanks for ever, or never come to an end. */
export class ReplyLimits {
  #bytes: number;
  #isFull = false;
  #hasEnded = false;
  #endsInHalf = false;
  #blankTail = '';
  #isEmpty: boolean;

  /** The reply goes on behind `prefix`, which counts as a part of it. */
  constructor(prefix: string) {
    this.#bytes = Buffer.byteLength(prefix);
    this.#isEmpty = prefix === '';
  }

  /** Whether nothing more comes: something was left out, or it has ended. */
  get isOver(): boolean {
    return this.#isFull || this.#hasEnded;
  }

  /**
   * As much of the text as the reply has room for, in whole characters.
   * @throws ModelError `interrupted` when the reply holds too many blanks in a row
   */
  take(text: string): string {
    const taken = this.#fitting(text);
    const seen = this.#blankTail + taken;
    if (tooBlank.test(seen)) throw new ModelError('interrupted', `over ${maxBlank} blanks in a row`);
    this.#blankTail = seen.slice(seen.trimEnd().length);
    this.#isEmpty = false;
    return taken;
  }

  /** @throws ModelError `interrupted` when this is no end of a reply: nothing was said, or the model was only loaded */
  end(reason: string | undefined): void {
    if (reason === 'load' || reason === 'unload')
      throw new ModelError('interrupted', `the reply ended with ${reason}`);
    if (this.#isEmpty) throw new ModelError('interrupted', 'the reply is empty');
    this.#hasEnded = true;
  }

  #fitting(text: string): string {
    if (this.#isFull) return '';
    const roomBytes = maxReplyBytes - this.#bytes;
    const sizeBytes = Buffer.byteLength(text);
    this.#bytes += sizeBytes;
    const completesPair = this.#endsInHalf && /^[\udc00-\udfff]/.test(text);
    this.#endsInHalf = /[\ud800-\udbff]$/.test(text);
    if (sizeBytes <= roomBytes) return text;
    this.#isFull = true;
    // The second half of a character whose first half is out already always has room.
    const start = completesPair ? 1 : 0;
    const room = new Uint8Array(Math.max(0, roomBytes));
    return text.slice(0, start + new TextEncoder().encodeInto(text.slice(start), room).read);
  }
}
