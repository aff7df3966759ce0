// A turn in the words of that protocol: one text, in chunks or whole.
import type { Response } from 'express';
import type { Frame } from '../../chat/frame.ts';
import { chatStatus, MODEL_NAME } from '../../contract/doors.ts';
import type { ChatCompletion, ChatCompletionChunk, ChatError } from '../../contract/doors.ts';
import { errorTable } from '../../contract/errors.ts';
import type { Failure } from '../../contract/types.ts';
import { AppError, toFailure } from '../../errors.ts';
import { refusalHeaders } from '../http.ts';
import type { Encoder } from './stream.ts';
import { TurnFold } from './turn-fold.ts';
import type { End } from './turn-fold.ts';

export interface Heading {
  /** Of the turn; of words that belong to none, any. */
  id: string;
  /** Seconds since 1970. */
  created: number;
}

const uncounted = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

export const completionOf = ({ id, created }: Heading, content: string): ChatCompletion => ({
  id: `chatcmpl-${id}`,
  object: 'chat.completion',
  created,
  model: MODEL_NAME,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: uncounted,
});

const types: Record<number, ChatError['error']['type']> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

function errorOf({ code, status, message, detail }: Failure): ChatError {
  const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  const param = detail?.[0]?.loc.slice(1).join('.') ?? null;
  return { error: { message, type, param, code } };
}

/** In place of our own body. Clients of that protocol repeat by status alone, unless they are told. */
export function sendChatError(res: Response, error: unknown): void {
  const failure = toFailure(error);
  refusalHeaders(res, error, failure);
  if (!res.hasHeader('X-Should-Retry')) {
    res.set('X-Should-Retry', String(errorTable[failure.code].retryable));
  }
  res.status(chatStatus(failure.code)).json(errorOf(failure));
}

interface Delta {
  role?: 'assistant';
  content?: string;
}

export class ChatEncoder implements Encoder {
  isOver = false;
  readonly #heading: Heading;
  readonly #includeUsage: boolean;
  readonly #isRepeat: boolean;
  readonly #fold: TurnFold;
  readonly #reply = new OneWay();
  /** Whether anything was said, and whether any of it is of the reply. */
  #hasSpoken = false;
  #hasReplied = false;

  constructor(heading: Heading, includeUsage: boolean, isRepeat = false) {
    this.#isRepeat = isRepeat;
    this.#heading = heading;
    this.#includeUsage = includeUsage;
    this.#fold = new TurnFold(heading.id);
  }

  begin(): object[] {
    return [this.#chunk({ role: 'assistant', content: '' })];
  }

  take(frame: Frame): object[] {
    const change = this.#fold.take(frame);
    switch (change?.kind) {
      case 'aside':
        return this.#paragraph(change.aside.text);
      case 'words':
        return this.#words(change.text, false);
      case 'end':
        return this.#last(change);
      default:
        return [];
    }
  }

  /** Words that belong to no turn. */
  only(text: string): object[] {
    return [...this.begin(), ...this.#paragraph(text), ...this.#end()];
  }

  broken(error: AppError): object[] {
    return [errorOf(toFailure(error))];
  }

  #last({ text, state, failure }: End): object[] {
    this.isOver = true;
    const rest = this.#words(text, true);
    const behind = this.#fold.behind.flatMap((words) => this.#paragraph(words));
    // whoever was there before has left: this one did not want it to stop
    const isCut = state === 'cancelled' && this.#isRepeat;
    const why = isCut ? toFailure(new AppError('TURN_CANCELLED')) : failure;
    return [...rest, ...behind, ...(why ? [errorOf(why)] : this.#end())];
  }

  #end(): object[] {
    const usage = { ...this.#base(), choices: [], usage: uncounted };
    return [this.#chunk({}, 'stop'), ...(this.#includeUsage ? [usage] : [])];
  }

  #words(text: string, isWhole: boolean): object[] {
    const more = this.#reply.next(text, isWhole);
    if (more === '') return [];
    const isFirst = !this.#hasReplied;
    this.#hasReplied = true;
    return isFirst ? this.#paragraph(more) : [this.#chunk({ content: more })];
  }

  #paragraph(text: string): object[] {
    const content = this.#hasSpoken ? `\n\n${text}` : text;
    this.#hasSpoken = true;
    return [this.#chunk({ content })];
  }

  #chunk(delta: Delta, finish: 'stop' | null = null): ChatCompletionChunk {
    const choices = [{ index: 0 as const, delta, logprobs: null, finish_reason: finish }];
    return { ...this.#base(), choices, ...(this.#includeUsage && { usage: null }) };
  }

  #base(): Pick<ChatCompletionChunk, 'id' | 'object' | 'created' | 'model'> {
    const { id, created } = this.#heading;
    return { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created, model: MODEL_NAME };
  }
}

/** A reply for a client that cannot take anything back. Where the reply begins anew with other words, it is said anew as well. */
export class OneWay {
  #given = '';

  /** What to say so that the client has `text`; `isWhole`: nothing of it follows. */
  next(text: string, isWhole: boolean): string {
    if (text.startsWith(this.#given)) return this.#give(text, text.slice(this.#given.length));
    // it may become the same again, word by word
    if (!isWhole && this.#given.startsWith(text)) return '';
    return text === '' ? '' : this.#give(text, `\n\n${text}`);
  }

  #give(text: string, more: string): string {
    this.#given = text;
    return more;
  }
}
