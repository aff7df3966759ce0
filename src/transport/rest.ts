// REST: a loop over the table of operations. What an answer looks like is decided by its route's `reply`.
import type { Express, Request, RequestHandler, Response } from 'express';
import { refOf } from '../chat/access.ts';
import type { Dispatch, Origin } from '../chat/dispatch.ts';
import { Frame } from '../chat/frame.ts';
import type { Follow, Sink } from '../chat/follow.ts';
import { startOf } from '../chat/wire.ts';
import { operations } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import type { Admission, Failure, OperationName, Output } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { EventStream, EventStreams } from './events.ts';
import { jsonBody } from './http.ts';
import { HttpGuest } from './http-guest.ts';
import type { DoorParts } from './visitors.ts';

export interface RestParts extends DoorParts {
  dispatch: Dispatch;
  follow: Follow;
  streams: EventStreams;
  /** Aborts when the server goes down. */
  closing: AbortSignal;
}

type Route = Operation['rest'][number];
interface Call {
  name: OperationName;
  route: Route;
  req: Request;
  res: Response;
  guest: HttpGuest;
}

/** Ids can be long, and headers not: Node's own client takes 16 KiB of them, many proxies 4. `turn_id` says as much. */
const LOCATION_CHARS = 2_048;
const endEvents = new Set(['therapist:done', 'therapist:error', 'turn:cancelled']);
/** Query values arrive as text; these fields are numbers. */
const numeric = new Set(['before', 'limit', 'wait']);

/** One segment of a path. Dots alone would be taken for a way up, and so are encoded too. */
const toSegment = (id: string): string =>
  encodeURIComponent(id).replace(/^\.{1,2}$/, (dots) => '%2E'.repeat(dots.length));

function fromQuery(field: string, value: unknown): unknown {
  const isNumber =
    numeric.has(field) && typeof value === 'string' && /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(value);
  return isNumber ? Number(value) : value;
}

/** An `input_id` of a body that is no id is refused, also where the header would win. */
const isIdOrNone = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value !== '');

/** The input of an operation from the places of a request it may lie in; the path wins. */
function readInput({ route, req }: Call): { payload: unknown; origin: Origin } {
  const { params } = req;
  const body: unknown = route.method === 'GET' ? undefined : req.body;
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (body !== undefined && !isObject) {
    if (Object.keys(params).length === 0) return { payload: body, origin: () => 'body' };
    const detail = [{ loc: ['body'], msg: 'must be an object', type: 'object_type' }];
    throw new AppError('VALIDATION_FAILED', { message: 'body: must be an object', detail });
  }
  const payload: Record<string, unknown> = { ...(isObject ? body : {}) };
  for (const field of route.query) {
    if (req.query[field] !== undefined) payload[field] = fromQuery(field, req.query[field]);
  }
  const key = req.get('Idempotency-Key');
  if (key !== undefined && route.reply === 'turn' && isIdOrNone(payload['input_id']))
    payload['input_id'] = key;
  const lastEventId = req.get('Last-Event-ID');
  if (lastEventId && route.reply === 'stream') payload['after'] = lastEventId;
  Object.assign(payload, params);
  const origin: Origin = (field) => {
    if (field in params) return 'path';
    return route.query.includes(field) ? 'query' : 'body';
  };
  return { payload, origin };
}

/** Runs the operation, or raises what it was refused with. */
async function run<N extends OperationName>(
  dispatch: Dispatch,
  name: N,
  call: Call,
): Promise<{ value: Output<N>; sessionId: string }> {
  const { payload, origin } = readInput(call);
  const result = await dispatch(name, payload, call.guest, origin);
  if (!result.ok) throw result.error instanceof AppError ? result.error : new AppError('INTERNAL');
  const isNamed = typeof payload === 'object' && payload !== null && 'session_id' in payload;
  return { value: result.value, sessionId: isNamed ? String(payload.session_id) : '' };
}

class Rest {
  readonly #parts: RestParts;

  constructor(parts: RestParts) {
    this.#parts = parts;
  }

  async answer(call: Call): Promise<void> {
    const { name, route } = call;
    if (route.reply === 'turn') return this.#turn(call);
    if (route.reply === 'stream') return this.#stream(call);
    if (route.reply === 'poll') return this.#poll(call);
    const { value, sessionId } = await run(this.#parts.dispatch, name, call);
    call.res.json(name === 'session:delete' ? deleted(sessionId) : value);
  }

  async #poll(call: Call): Promise<void> {
    const name = call.name === 'operator:log' ? call.name : 'session:log';
    const { value } = await run(this.#parts.dispatch, name, call);
    call.guest.mustStillCount();
    call.res.set('X-Cursor', value.cursor);
    if (value.mode === 'tail' && value.entries.length === 0) call.res.status(204).end();
    else call.res.json(value);
  }

  async #stream(call: Call): Promise<void> {
    const { value: joined, sessionId } = await run(this.#parts.dispatch, 'session:events', call);
    const stream = this.#open(call);
    if (joined.mode === 'snapshot') stream.snapshot(joined.cursor, joined);
    const { life, after } = startOf(refOf(call.guest.identity, sessionId), joined.cursor);
    const end = await this.#parts.follow.run(life, after, stream, stream.closed);
    if (end === 'stopped') return;
    if (end === 'gone') {
      stream.push(new Frame('session:deleted', { session_id: sessionId, epoch: life.epoch }));
    }
    // one that moved is found again by the cursor: a snapshot answers it
    stream.end();
  }

  /** An input: the whole response, this turn as SSE, or where to look for it. */
  async #turn(call: Call): Promise<void> {
    const { value: admission, sessionId } = await run(this.#parts.dispatch, 'session:input', call);
    if (/(^|[,;\s])respond-async\b/i.test(call.req.get('Prefer') ?? '')) {
      const { turn_id, n, cursor } = admission;
      const path = `/api/v1/session/${toSegment(sessionId)}/turns/${toSegment(turn_id)}`;
      call.res.status(202).set('Preference-Applied', 'respond-async');
      if (path.length <= LOCATION_CHARS) call.res.set('Location', path);
      call.res.json({ turn_id, n, cursor });
    } else if (call.req.accepts(['application/json', 'text/event-stream']) === 'text/event-stream') {
      await this.#streamTurn(call, sessionId, admission);
    } else {
      call.res.json(await this.#wholeTurn(call, sessionId, admission));
    }
  }

  #open({ req, res, guest }: Call): EventStream {
    const stream = this.#parts.streams.open(req, res);
    guest.stream = stream;
    return stream;
  }

  async #streamTurn(call: Call, sessionId: string, admission: Admission): Promise<void> {
    const stream = this.#open(call);
    const { life, after } = startOf(refOf(call.guest.identity, sessionId), admission.cursor);
    const over = new AbortController();
    const sink: Sink = {
      transport: 'sse',
      push: (frame) => {
        if (over.signal.aborted) return;
        stream.push(frame);
        if (endEvents.has(frame.event) && frame.data['turn_id'] === admission.turn_id) over.abort();
      },
      ready: (signal) => stream.ready(signal),
    };
    const end = await this.#parts.follow.run(
      life,
      after,
      sink,
      AbortSignal.any([stream.closed, over.signal]),
    );
    if (end === 'gone') sink.push(new Frame('session:deleted', { session_id: sessionId, epoch: life.epoch }));
    stream.end();
  }

  async #wholeTurn(call: Call, sessionId: string, admission: Admission): Promise<object> {
    const { follow, closing } = this.#parts;
    const { life, after } = startOf(refOf(call.guest.identity, sessionId), admission.cursor);
    const signal = AbortSignal.any([call.guest.signal, closing]);
    for (let seq = after; ;) {
      const batch = await follow.next(life, seq, signal, 'turn');
      if (batch === 'gone') throw new AppError('SESSION_NOT_FOUND');
      if (batch === 'moved') throw new AppError('STORE_UNAVAILABLE', { retryAfterMs: 1_000 });
      call.guest.mustStillCount();
      if (batch === 'stopped') throw new AppError('DRAINING', { retryAfterMs: 1_000 });
      const end = batch.frames.find(
        ({ event, data }) => endEvents.has(event) && data['turn_id'] === admission.turn_id,
      );
      if (end) return outcome(end);
      seq = batch.seq;
    }
  }
}

/** The response of a turn that is done. @throws TURN_CANCELLED · MODEL_INTERRUPTED and what else a turn failed with */
function outcome({ event, data }: Frame): object {
  if (event === 'therapist:done') return data;
  if (event === 'turn:cancelled') throw new AppError('TURN_CANCELLED');
  // The payload of `therapist:error` was made by toFailure.
  const { code, message } = data['error'] as Failure;
  throw new AppError(code, { message });
}

function deleted(sessionId: string): { message: string; timestamp: string } {
  return { message: `Session '${sessionId}' was deleted.`, timestamp: new Date().toISOString() };
}

/** Every route of the table; on its path, every other method is refused with `Allow`. */
export function mountRest(app: Express, parts: RestParts): void {
  const rest = new Rest(parts);
  const readBody = jsonBody();
  const allowed = new Map<string, string[]>();
  for (const [name, row] of Object.entries(operations) as [OperationName, Operation][]) {
    for (const route of row.rest) {
      const handler: RequestHandler = async (req, res) => {
        // nothing of it is kept by anybody, so nothing can be found unchanged
        delete req.headers['if-none-match'];
        delete req.headers['if-modified-since'];
        const guest = new HttpGuest(parts, req, res, route.reply !== 'value');
        await rest.answer({ name, route, req, res, guest });
      };
      const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
      allowed.set(route.path, [...(allowed.get(route.path) ?? []), ...methods]);
      if (route.method === 'GET') app.get(route.path, handler);
      else if (route.method === 'POST') app.post(route.path, readBody, handler);
      else app.delete(route.path, handler);
    }
  }
  for (const [path, methods] of allowed) app.all(path, onlyThese(methods));
}

/** @throws METHOD_NOT_ALLOWED for every method but OPTIONS */
export function onlyThese(methods: string[]): RequestHandler {
  const allow = [...methods, 'OPTIONS'];
  return (req, res) => {
    if (req.method !== 'OPTIONS') throw new AppError('METHOD_NOT_ALLOWED', { allow });
    res.status(204).set('Allow', allow.join(', ')).end();
  };
}
