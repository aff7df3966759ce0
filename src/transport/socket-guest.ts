// Who is at the other end of a socket: found out when it connects, and again while it stays.
import type { Socket } from 'socket.io';
import type { Identity } from '../access/authenticator.ts';
import type { Visitor } from '../chat/access.ts';
import { slowed } from '../chat/keep-to.ts';
import { toTime } from '../chat/wire.ts';
import { AppError, toFailure } from '../errors.ts';
import type { Guest, Held } from './stays.ts';
import { bearerOf, isSame, mustBeInTime } from './visitors.ts';
import type { DoorParts } from './visitors.ts';

/** How long it is relied on that a capability was not taken back. */
const RELY_MS = 2_000;

/** `auth.token`, else the header of the request that opened the connection. What is no string counts as a bad token. */
function tokenOf(socket: Socket): string | null {
  const { token } = socket.handshake.auth;
  if (token === undefined || token === null) return bearerOf(socket.request.headers.authorization);
  return typeof token === 'string' ? token : '';
}

async function identify(socket: Socket, parts: DoorParts): Promise<Identity> {
  const identity = await parts.authenticator.authenticate(tokenOf(socket));
  mustBeInTime(identity, parts.now());
  return identity;
}

/** A connection of a person counts for the person too, until it is closed. @throws RATE_LIMITED */
function takePlace(socket: Socket, { tenant, person }: Identity, parts: DoorParts): void {
  if (person === null || parts.addressOf(socket.request) === null) return;
  const place = parts.limits.place('connection', { address: null, tenant, subject: person, session: null });
  if (!place) throw new AppError('RATE_LIMITED', { message: 'Too many connections', retryAfterMs: 5_000 });
  const leave = () => place[Symbol.dispose]();
  // who it is was found out meanwhile: it may have left
  if (socket.conn.readyState === 'closed') return leave();
  socket.conn.once('close', leave);
  // a connection may come in again as somebody else
  socket.once('disconnect', leave);
}

/** Lets a socket in as somebody, or has it answered `connect_error` with the failure as its `data`. */
export async function letIn(
  socket: Socket,
  parts: DoorParts,
  keep: (socket: Socket, identity: Identity) => void,
  next: (error?: Error) => void,
): Promise<void> {
  try {
    const identity = await identify(socket, parts);
    takePlace(socket, identity, parts);
    keep(socket, identity);
    next();
  } catch (error) {
    const address = parts.addressOf(socket.request);
    const data = toFailure(await slowed(parts.limits, address, error));
    next(Object.assign(new Error(data.message), { data }));
  }
}

export class SocketGuest implements Visitor, Guest, Disposable {
  readonly bearer = null;
  readonly address: string | null;
  readonly client: string;
  readonly signal: AbortSignal;
  readonly #gone = new AbortController();
  readonly #socket: Socket;
  readonly #parts: DoorParts;
  readonly #held: Held;
  #identity: Identity;
  #checkedAt = performance.now();

  constructor(socket: Socket, parts: DoorParts, identity: Identity) {
    this.#socket = socket;
    this.#parts = parts;
    this.#identity = identity;
    this.address = parts.addressOf(socket.request);
    this.client = socket.id;
    this.signal = this.#gone.signal;
    this.#held = parts.stays.hold(identity, this);
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Asked for every event. [S-7] */
  async identify(): Promise<Identity> {
    const identity = this.#identity;
    mustBeInTime(identity, this.#parts.now());
    if (identity.session !== null && performance.now() - this.#checkedAt > RELY_MS) {
      if (!(await this.#parts.authenticator.stillCounts(identity))) throw new AppError('UNAUTHENTICATED');
      this.#checkedAt = performance.now();
    }
    return identity;
  }

  /** Called by whoever handles the event, without the guest. */
  readonly refresh = async (token: string): Promise<number | null> => {
    const fresh = await this.#parts.authenticator.authenticate(token);
    mustBeInTime(fresh, this.#parts.now());
    if (!isSame(this.#identity, fresh)) {
      throw new AppError('FORBIDDEN', { message: 'The token is of somebody else, or for less' });
    }
    this.#identity = fresh;
    this.#checkedAt = performance.now();
    this.#held.renew(fresh);
    return fresh.expiresAt;
  };

  expiring(expiresAt: number): void {
    this.#socket.emit('auth:expiring', { expires_at: toTime(expiresAt) });
  }

  end(): void {
    this.#socket.disconnect(true);
  }

  [Symbol.dispose](): void {
    this.#gone.abort();
    this.#held[Symbol.dispose]();
  }
}
