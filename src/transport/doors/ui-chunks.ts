// A turn as the UI message stream of the AI SDK. What may be taken back stands in a step of its own.
import type { Frame } from '../../chat/frame.ts';
import type { UiChunk } from '../../contract/doors.ts';
import type { Admission, SafetyNotice } from '../../contract/types.ts';
import type { AppError } from '../../errors.ts';
import type { Encoder } from './stream.ts';
import { helpText, TurnFold } from './turn-fold.ts';
import type { Aside, End, Help } from './turn-fold.ts';

type TextKind = Aside['kind'] | 'resources';

export const uiHeaders = { 'X-Vercel-AI-UI-Message-Stream': 'v1' };

export class UiEncoder implements Encoder {
  readonly headers = uiHeaders;
  isOver = false;
  readonly #start: UiChunk;
  readonly #fold: TurnFold;
  /** What the client has of the reply. */
  #given = '';
  #textId = '';
  #texts = 0;
  #hasStep = false;

  constructor(sessionId: string, { turn_id: messageId, n, cursor }: Admission) {
    const messageMetadata = { session_id: sessionId, turn_id: messageId, n, cursor };
    this.#start = { type: 'start', messageId, messageMetadata };
    this.#fold = new TurnFold(messageId);
  }

  begin(): UiChunk[] {
    return [this.#start];
  }

  take(frame: Frame): UiChunk[] {
    const change = this.#fold.take(frame);
    switch (change?.kind) {
      case 'status':
        return [{ type: 'data-status', data: change.data, transient: true }];
      case 'aside':
        return this.#aside(change.aside);
      case 'help':
        return [helpPart(change.help)];
      case 'words':
        return this.#words(change.text, change.isReset);
      case 'end':
        return this.#end(change);
      default:
        return [];
    }
  }

  /** A client that comes back gets all of it again. */
  broken(error: AppError): UiChunk[] | null {
    return error.code === 'DRAINING' ? null : [{ type: 'error', errorText: error.message }];
  }

  #aside({ kind, text, data }: Aside): UiChunk[] {
    const id = `${kind}-${++this.#texts}`;
    return [{ type: `data-${kind}`, id, data }, ...textPart(id, text, kind)];
  }

  /** The difference; where words are taken back, the step begins anew. */
  #words(text: string, isReset: boolean): UiChunk[] {
    const chunks: UiChunk[] = [];
    if (!this.#hasStep) chunks.push({ type: 'start-step' });
    this.#hasStep = true;
    if (isReset || !text.startsWith(this.#given)) {
      if (this.#given !== '') chunks.push({ type: 'reset-step' });
      chunks.push({ type: 'data-reset', data: { text }, transient: true });
      this.#given = '';
      this.#textId = '';
    }
    const delta = text.slice(this.#given.length);
    this.#given = text;
    if (delta === '') return chunks;
    if (this.#textId === '') {
      this.#textId = `reply-${++this.#texts}`;
      chunks.push({ type: 'text-start', id: this.#textId });
    }
    chunks.push({ type: 'text-delta', id: this.#textId, delta });
    return chunks;
  }

  #end({ state, text, failure, data }: End): UiChunk[] {
    this.isOver = true;
    const chunks = this.#words(text, false);
    if (this.#textId !== '') chunks.push({ type: 'text-end', id: this.#textId });
    chunks.push({ type: 'finish-step' }, ...this.#behind());
    if (failure) return [...chunks, { type: 'error', errorText: failure.message }];
    if (state === 'cancelled') return [...chunks, { type: 'abort', reason: 'cancelled' }];
    const { source, model, safety, session_progress } = data;
    const messageMetadata = { source, model, safety, session_progress };
    return [...chunks, { type: 'finish', finishReason: 'stop', messageMetadata }];
  }

  #behind(): UiChunk[] {
    const { helpList, late } = this.#fold;
    const list = helpList === '' ? [] : textPart('resources', helpList, 'resources');
    return [...late.flatMap((aside) => this.#aside(aside)), ...list];
  }
}

function textPart(id: string, delta: string, kind: TextKind): UiChunk[] {
  return [
    { type: 'text-start', id, providerMetadata: { stillpoint: { kind } } },
    { type: 'text-delta', id, delta },
    { type: 'text-end', id },
  ];
}

const helpPart = (data: Help): UiChunk => ({ type: 'data-safety', id: 'safety', data });

/** The words of a refusal that carries help: a message that belongs to no turn. */
export function helpMessage(messageId: string, safety: SafetyNotice): UiChunk[] {
  const { level, resources } = safety;
  return [
    { type: 'start', messageId, messageMetadata: {} },
    helpPart({ level, resources }),
    { type: 'text-start', id: 'reply' },
    { type: 'text-delta', id: 'reply', delta: helpText(safety) },
    { type: 'text-end', id: 'reply' },
    { type: 'finish', finishReason: 'stop', messageMetadata: { source: 'safety' } },
  ];
}
