// One turn in the words of another protocol: as server-sent events, or whole.
import type { Request, Response } from 'express';
import type { Frame } from '../../chat/frame.ts';
import type { Admission } from '../../contract/types.ts';
import { AppError } from '../../errors.ts';
import { EventStream } from '../events.ts';
import { TurnFold } from './turn-fold.ts';
import type { Visit } from './visit.ts';

/** Turns what happens into `data:` lines. */
export interface Encoder {
  readonly headers?: Record<string, string>;
  /** What is said first. */
  begin(): object[];
  take(frame: Frame): object[];
  /** Whether the turn has ended, and all was said. */
  readonly isOver: boolean;
  /** How a stream ends before its turn does; null: by breaking off, so that the client comes back. */
  broken(error: AppError): object[] | null;
}

const linesOf = (chunks: readonly object[]): string =>
  chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');

class DoorStream extends EventStream {
  readonly #encoder: Encoder;
  readonly #response: Response;
  readonly #over = new AbortController();

  constructor(req: Request, res: Response, encoder: Encoder) {
    super(req, res.set(encoder.headers ?? {}));
    this.#encoder = encoder;
    this.#response = res;
    this.write(linesOf(encoder.begin()));
  }

  /** Aborts when the turn was told to its end. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  override push(frame: Frame): void {
    if (this.over.aborted) return;
    this.write(linesOf(this.#encoder.take(frame)));
    if (this.#encoder.isOver) this.finish();
  }

  finish(): void {
    this.#over.abort();
    this.write('data: [DONE]\n\n');
    super.end();
  }

  /** Ends it before its turn: a client must not take what it has for the whole. */
  fail(error: AppError): void {
    if (this.over.aborted) return;
    this.#over.abort();
    const last = this.#encoder.broken(error);
    if (last === null) {
      this.#response.destroy();
      return;
    }
    this.write(linesOf(last));
    super.end();
  }

  /** Called from outside: what let it in has ended, or, with a time to come back, the server goes down. */
  override end(retryMs?: number): void {
    const ended = new AppError('UNAUTHENTICATED', { message: 'The token has run out' });
    this.fail(retryMs === undefined ? ended : new AppError('DRAINING'));
  }
}

/** What belongs to no turn, as a stream of its own. */
export function sendChunks(req: Request, res: Response, chunks: object[], headers = {}): void {
  const encoder = { headers, begin: () => chunks, take: () => [], broken: () => null, isOver: true };
  new DoorStream(req, res, encoder).finish();
}

const lost = {
  gone: () => new AppError('SESSION_NOT_FOUND'),
  moved: () => new AppError('STORE_UNAVAILABLE', { retryAfterMs: 1_000 }),
};

/** Sends a turn as it is made, to its end or until nobody listens any more. */
export async function sendTurn(
  visit: Visit,
  sessionId: string,
  admission: Admission,
  encoder: Encoder,
): Promise<void> {
  const { req, res, guest, parts } = visit;
  const { life, after } = await visit.startOf(sessionId, admission);
  const stream = parts.streams.add(new DoorStream(req, res, encoder));
  guest.stream = stream;
  const signal = AbortSignal.any([stream.closed, stream.over]);
  const end = await parts.follow.run(life, after, stream, signal);
  if (end !== 'stopped') stream.fail(lost[end]());
}

/** A turn that has ended; undefined: nobody waits for it any more. @throws what stands in the way of its end */
export async function wholeTurn(
  visit: Visit,
  sessionId: string,
  admission: Admission,
): Promise<TurnFold | undefined> {
  const { res, guest, parts } = visit;
  const { life, after } = await visit.startOf(sessionId, admission);
  const fold = new TurnFold(admission.turn_id);
  const over = new AbortController();
  const push = (frame: Frame) => {
    if (fold.take(frame)?.kind === 'end') over.abort();
  };
  const signal = AbortSignal.any([guest.signal, parts.closing, over.signal]);
  const how = await parts.follow.run(
    life,
    after,
    { transport: 'turn', push, ready: () => undefined },
    signal,
  );
  if (fold.end) return fold;
  if (res.closed) return undefined;
  guest.mustStillCount();
  throw how === 'stopped' ? new AppError('DRAINING', { retryAfterMs: 1_000 }) : lost[how]();
}
