import { ModelError } from './model.ts';

const maxReplyBytes = 64 * 1024;
const maxBlank = 200;
const tooBlank = new RegExp(`\\s{${maxBlank + 1}}`);

/** What a reply may be: models that lost their way write blanks for ever, or never come to an end. */
export class ReplyLimits {
  #bytes: number;
  #blankTail = '';
  #isEmpty: boolean;

  /** The reply goes on behind `prefix`, which counts as a part of it. */
  constructor(prefix: string) {
    this.#bytes = Buffer.byteLength(prefix);
    this.#isEmpty = prefix === '';
  }

  /** @throws ModelError `interrupted` when the reply is too long or holds too many blanks in a row */
  take(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > maxReplyBytes)
      throw new ModelError('interrupted', `the reply is over ${maxReplyBytes} bytes`);
    const seen = this.#blankTail + text;
    if (tooBlank.test(seen)) throw new ModelError('interrupted', `over ${maxBlank} blanks in a row`);
    this.#blankTail = seen.slice(seen.trimEnd().length);
    this.#isEmpty = false;
  }

  /** @throws ModelError `interrupted` when this is no end of a reply: nothing was said, or the model was only loaded */
  end(reason: string | undefined): void {
    if (reason === 'load' || reason === 'unload')
      throw new ModelError('interrupted', `the reply ended with ${reason}`);
    if (this.#isEmpty) throw new ModelError('interrupted', 'the reply is empty');
  }
}
