// One HTTP request and whoever waits for its answer: as long as the answer is under way it ends with what let it in.
import type { Request, Response } from 'express';
import type { Identity } from '../access/authenticator.ts';
import type { Who } from '../access/limits.ts';
import { nobody } from '../chat/access.ts';
import type { Visitor } from '../chat/access.ts';
import { Frame } from '../chat/frame.ts';
import { countedSession, whoOf } from '../chat/keep-to.ts';
import { toTime } from '../chat/wire.ts';
import { operations } from '../contract/operations.ts';
import { AppError } from '../errors.ts';
import type { EventStream } from './events.ts';
import { goneSignal } from './http.ts';
import type { Guest } from './stays.ts';
import { bearerOf, mustBeInTime } from './visitors.ts';
import type { DoorParts } from './visitors.ts';

const pathsOf = (name: 'session:events' | 'session:log') => operations[name].rest.map(({ path }) => path);
/** Where a ticket counts in place of a token, and nowhere else. */
const withTicket: ReadonlySet<string> = new Set(pathsOf('session:events'));
/** Where whoever asks stays, and is among the followers of a session. */
const following: ReadonlySet<string> = new Set([...withTicket, ...pathsOf('session:log')]);

export class HttpGuest implements Visitor, Guest {
  readonly bearer: string | null;
  readonly address: string | null;
  readonly client: string;
  /** Aborts when the client is gone, or may not have the answer any more. */
  readonly signal: AbortSignal;
  readonly #parts: DoorParts;
  readonly #req: Request;
  readonly #gone: AbortSignal;
  readonly #ended = new AbortController();
  readonly #waits: boolean;
  #identity: Identity = nobody;
  #stream: EventStream | undefined;

  /** `waits`: its answer takes as long as a client stays. */
  constructor(parts: DoorParts, req: Request, res: Response, waits: boolean) {
    this.#parts = parts;
    this.#req = req;
    this.#waits = waits;
    this.bearer = bearerOf(req.get('Authorization'));
    this.address = parts.addressOf(req);
    this.client = req.socket.remoteAddress ?? '';
    this.#gone = goneSignal(res);
    this.signal = AbortSignal.any([this.#gone, this.#ended.signal]);
  }

  /** Who it was found to be. */
  get identity(): Identity {
    return this.#identity;
  }

  get #who(): Who {
    const { session_id: sessionId } = this.#req.params;
    const session = typeof sessionId === 'string' ? countedSession(this.#identity, sessionId) : null;
    return whoOf(this, this.#identity, session);
  }

  /** Where an answer that is a stream goes. It may be over before it begins: what let it in can end while it is opened. */
  set stream(stream: EventStream) {
    this.#stream = stream;
    if (this.#ended.signal.aborted) stream.end();
  }

  async identify(): Promise<Identity> {
    const { authenticator, tickets, stays } = this.#parts;
    const { ticket } = this.#req.query;
    const path = String(this.#req.route?.path);
    const hasTicket = withTicket.has(path) && typeof ticket === 'string' && ticket !== '';
    this.#identity = hasTicket ? await tickets.take(ticket) : await authenticator.authenticate(this.bearer);
    mustBeInTime(this.#identity, this.#parts.now());
    if (this.#waits && !this.#gone.aborted) {
      const held = stays.hold(this.#identity, this);
      this.#gone.addEventListener('abort', () => held[Symbol.dispose](), { once: true });
    }
    if (following.has(path)) this.#takePlace();
    return this.#identity;
  }

  /** Among the followers of one caller, as long as the answer is under way. @throws RATE_LIMITED */
  #takePlace(): void {
    const place = this.#parts.limits.place('follow', this.#who);
    if (!place) {
      throw new AppError('RATE_LIMITED', { message: 'Too many follow already', retryAfterMs: 1_000 });
    }
    if (this.#gone.aborted) place[Symbol.dispose]();
    else this.#gone.addEventListener('abort', () => place[Symbol.dispose](), { once: true });
  }

  /** A request has the token that came with it. */
  refresh(): Promise<never> {
    return Promise.reject(new AppError('FORBIDDEN'));
  }

  expiring(expiresAt: number): void {
    this.#stream?.push(new Frame('auth:expiring', { expires_at: toTime(expiresAt) }));
  }

  end(): void {
    this.#ended.abort();
    this.#stream?.end();
  }

  /** @throws UNAUTHENTICATED what let it in has ended meanwhile */
  mustStillCount(): void {
    if (this.#ended.signal.aborted) throw new AppError('UNAUTHENTICATED');
  }
}
