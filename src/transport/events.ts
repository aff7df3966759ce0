// Follow → SSE. The Socket.IO side is in socket-follows.ts, the long poll is an operation of its own.
import { once } from 'node:events';
import type { Request, Response } from 'express';
import type { Frame } from '../chat/frame.ts';
import type { Sink } from '../chat/follow.ts';
import type { Meter } from '../meter.ts';

/** A comment keeps proxies from dropping a quiet stream (they do at 60 s). */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so many heartbeats is let go; it resumes from its cursor. */
const STALLED_BEATS = 4;

/** One response as a stream of server-sent events; a sink of a follower. */
export class EventStream implements Sink {
  readonly transport = 'sse';
  readonly #res: Response;
  readonly #closed = new AbortController();
  #stalledBeats = 0;
  /** Why it is over: its client left, it was ended here, or its client took nothing. */
  whyOver: 'closed' | 'ended' | 'stalled' = 'closed';

  constructor(req: Request, res: Response) {
    this.#res = res;
    // a client may have left while its request was read
    if (res.closed) this.#closed.abort();
    else res.once('close', () => this.#closed.abort());
    res.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
    });
    res.flushHeaders();
    req.socket.setNoDelay(true);
    if (req.method === 'HEAD') res.end();
    else this.comment();
  }

  /** Aborts when the client is gone or the stream was ended. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  comment(): void {
    this.write(': \n\n');
  }

  /** A comment, or one beat more for a client that takes nothing. */
  beat(): void {
    this.#stalledBeats = this.#res.writableNeedDrain ? this.#stalledBeats + 1 : 0;
    if (this.#stalledBeats >= STALLED_BEATS) {
      this.whyOver = 'stalled';
      this.#res.destroy();
    } else if (this.#stalledBeats === 0) this.comment();
  }

  /** What is not logged is left out for a client that takes nothing: it would only pile up. */
  push(frame: Frame): void {
    if (frame.cursor === null && this.#res.writableNeedDrain) return;
    const id = frame.cursor === null ? '' : `id: ${frame.cursor}\n`;
    this.write(`event: ${frame.event}\n${id}data: ${frame.json}\n\n`);
  }

  snapshot(cursor: string, data: object): void {
    this.write(`event: session:snapshot\nid: ${cursor}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  ready(signal: AbortSignal): Promise<void> | undefined {
    if (!this.#res.writableNeedDrain) return undefined;
    const drained = once(this.#res, 'drain', { signal: AbortSignal.any([signal, this.closed]) });
    return drained.then(
      () => undefined,
      () => undefined,
    );
  }

  /** Ends the stream; with `retryMs` an `EventSource` comes back after that time. */
  end(retryMs?: number): void {
    if (retryMs !== undefined) this.write(`retry: ${retryMs}\n\n`);
    this.#res.end();
    if (!this.#closed.signal.aborted) this.whyOver = 'ended';
    this.#closed.abort();
  }

  /** As it is; nothing once it is over. */
  protected write(text: string): void {
    if (!this.#closed.signal.aborted && !this.#res.writableEnded) this.#res.write(text);
  }
}

/** All open streams: one heartbeat, one place to announce to and to end them from. */
export class EventStreams implements Disposable {
  readonly #open = new Set<EventStream>();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #meter: Pick<Meter, 'connected'>;

  constructor(meter: Pick<Meter, 'connected'>) {
    this.#meter = meter;
    this.#heartbeat = setInterval(() => {
      for (const stream of this.#open) stream.beat();
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  open(req: Request, res: Response): EventStream {
    return this.add(new EventStream(req, res));
  }

  add<S extends EventStream>(stream: S): S {
    if (stream.closed.aborted) return stream;
    this.#open.add(stream);
    const closed = this.#meter.connected('sse');
    const close = () => {
      this.#open.delete(stream);
      closed(stream.whyOver);
    };
    stream.closed.addEventListener('abort', close, { once: true });
    return stream;
  }

  announce(frame: Frame): void {
    for (const stream of this.#open) stream.push(frame);
  }

  /** Ends every stream, each with its own time to come back. */
  endAll(retryMs: () => number): void {
    for (const stream of this.#open) stream.end(retryMs());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
  }
}
