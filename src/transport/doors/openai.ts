// `POST /v1/chat/completions` and `/v1/models`: for the many front ends and libraries that speak the protocol of OpenAI.
import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, Express, Request, Response } from 'express';
import { MODEL_NAME } from '../../contract/doors.ts';
import type { Admission, SafetyNotice } from '../../contract/types.ts';
import { AppError } from '../../errors.ts';
import { jsonBody, lastResort, notFound } from '../http.ts';
import { onlyThese } from '../rest.ts';
import type { RestParts } from '../rest.ts';
import { helping } from './help.ts';
import { ChatEncoder, completionOf, sendChatError } from './openai-chunks.ts';
import type { Heading } from './openai-chunks.ts';
import { readTalk, wantsStream } from './openai-request.ts';
import type { Talk } from './openai-request.ts';
import { placeOf } from './openai-session.ts';
import type { Place } from './openai-session.ts';
import { HISTORY_BYTES } from './request.ts';
import { sendChunks, sendTurn, wholeTurn } from './stream.ts';
import { helpText } from './turn-fold.ts';
import { isRefused, Visit } from './visit.ts';

export interface ChatDoorParts extends RestParts {
  /** Told what failed on our side. */
  onFault: (error: unknown) => void;
}

/** Longer ids are left out of the answer: many clients and proxies take no more. */
const HEADER_CHARS = 2_048;

class ChatDoor {
  readonly #parts: ChatDoorParts;
  readonly #created: number;
  /** How many wait for a turn here: it is cancelled when the last of them has left. */
  readonly #waiting = new Map<string, number>();
  /** Turns that are being cancelled because nobody waits. */
  readonly #stopping = new Map<string, Promise<void>>();

  constructor(parts: ChatDoorParts) {
    this.#parts = parts;
    this.#created = this.#seconds();
  }

  async complete(req: Request, res: Response): Promise<void> {
    const visit = new Visit(this.#parts, req, res);
    const talk = await visit.read(() => readTalk(req));
    const place = await placeOf(visit, talk);
    const { sessionId } = place;
    const shownId = encodeURIComponent(sessionId.toWellFormed());
    if (shownId.length <= HEADER_CHARS) res.set('X-Session-Id', shownId);
    const admission = await this.#join(visit, talk, place);
    const { turn_id: turnId, cursor } = admission;
    res.set({ 'X-Turn-Id': turnId, 'X-Cursor': cursor });
    try {
      const heading = this.#heading(turnId);
      if (talk.stream) {
        await sendTurn(
          visit,
          sessionId,
          admission,
          new ChatEncoder(heading, talk.includeUsage, admission.duplicate),
        );
      } else await sendWhole(visit, sessionId, admission, heading);
    } finally {
      await this.#leave(visit, sessionId, turnId);
    }
  }

  /** Among those who wait for the turn; one that is being cancelled is run again. */
  async #join(visit: Visit, talk: Talk, place: Place): Promise<Admission> {
    for (;;) {
      const admission = await admit(visit, talk, place);
      const { turn_id: turnId } = admission;
      const stopping = this.#stopping.get(turnId);
      if (!stopping) {
        this.#waiting.set(turnId, (this.#waiting.get(turnId) ?? 0) + 1);
        return admission;
      }
      await stopping;
    }
  }

  async #leave(visit: Visit, sessionId: string, turnId: string): Promise<void> {
    const others = (this.#waiting.get(turnId) ?? 1) - 1;
    if (others > 0) this.#waiting.set(turnId, others);
    else this.#waiting.delete(turnId);
    const hasLeft = visit.res.closed && !visit.res.writableEnded;
    if (!hasLeft || others > 0 || this.#parts.closing.aborted) return;
    const stopping = stopReply(visit, sessionId, turnId).finally(() => this.#stopping.delete(turnId));
    this.#stopping.set(turnId, stopping);
    await stopping;
  }

  /** @throws UNAUTHENTICATED · FORBIDDEN · RATE_LIMITED · STORE_UNAVAILABLE · NOT_FOUND */
  async models(req: Request, res: Response): Promise<void> {
    await new Visit(this.#parts, req, res).mustBeKnown();
    const model = { id: MODEL_NAME, object: 'model', created: this.#created, owned_by: MODEL_NAME };
    const { model: wanted } = req.params;
    if (wanted === undefined) res.json({ object: 'list', data: [model] });
    else if (wanted === MODEL_NAME) res.json(model);
    else throw new AppError('NOT_FOUND', { message: `The only model is ${MODEL_NAME}` });
  }

  /** What helps is the answer. */
  help(req: Request, res: Response, safety: SafetyNotice): void {
    const heading = this.#heading(randomUUID());
    const text = helpText(safety);
    if (wantsStream(req.body)) sendChunks(req, res, new ChatEncoder(heading, false).only(text));
    else res.json(completionOf(heading, text));
  }

  #heading(id: string): Heading {
    return { id, created: this.#seconds() };
  }

  #seconds(): number {
    return Math.floor(this.#parts.now() / 1000);
  }
}

async function admit(visit: Visit, talk: Talk, { sessionId, inputId, isOpen }: Place): Promise<Admission> {
  const { words, interrupt, about, isRetry } = talk;
  const said = { sessionId, words, inputId, interrupt };
  const repeated = isRetry && inputId === null ? await visit.repeated(said) : undefined;
  if (repeated) return repeated;
  if (!isOpen) await visit.open(sessionId, about);
  return visit.say(said);
}

async function sendWhole(
  visit: Visit,
  sessionId: string,
  admission: Admission,
  heading: Heading,
): Promise<void> {
  const fold = await wholeTurn(visit, sessionId, admission);
  if (!fold?.end) return;
  const { state, failure } = fold.end;
  if (state === 'cancelled') {
    // for whoever came back too late to keep it from being cancelled it is run again
    if (admission.duplicate) visit.res.set('X-Should-Retry', 'true');
    throw new AppError('TURN_CANCELLED');
  }
  if (failure) throw new AppError(failure.code, { message: failure.message });
  visit.res.json(completionOf(heading, fold.whole));
}

/** Who leaves stops the reply: that protocol has no other way to. Help is not stopped. */
async function stopReply(visit: Visit, sessionId: string, turnId: string): Promise<void> {
  const of = { session_id: sessionId };
  try {
    const { safety, human } = await visit.look('session:status', of);
    if (safety.mode !== 'normal' && human === null) return;
    await visit.look('turn:cancel', { ...of, turn_id: turnId });
  } catch {
    // nobody waits for it any more: the turn goes on to its end
  }
}

/** Everything under `/v1`, refusals included, in the form of that protocol. */
export function mountChatDoor(app: Express, parts: ChatDoorParts): void {
  const door = new ChatDoor(parts);
  const complete = helping(
    (req, res) => door.complete(req, res),
    (req, res, safety) => door.help(req, res, safety),
  );
  app.post('/v1/chat/completions', jsonBody(HISTORY_BYTES), complete);
  app.all('/v1/chat/completions', onlyThese(['POST']));
  for (const path of ['/v1/models', '/v1/models/:model']) {
    app.get(path, (req, res) => door.models(req, res));
    app.all(path, onlyThese(['GET', 'HEAD']));
  }
  const refuse = lastResort(parts.onFault, sendChatError);
  const refuseRequest: ErrorRequestHandler = (error, req, res, next) => {
    // a method is nothing a client of that protocol gets wrong
    if (isRefused(error, 'METHOD_NOT_ALLOWED')) next(error);
    else refuse(error, req, res, next);
  };
  app.use('/v1', notFound, refuseRequest);
}
