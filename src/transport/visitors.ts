// Who comes in by which door, and as whom.
import type { IncomingMessage } from 'node:http';
import type { Authenticator, Identity } from '../access/authenticator.ts';
import type { Limits } from '../access/limits.ts';
import type { Tickets } from '../access/tickets.ts';
import { mayRead } from '../chat/access.ts';
import { AppError } from '../errors.ts';
import type { Stays } from './stays.ts';

/** What every door needs to know of those who come in. */
export interface DoorParts {
  authenticator: Authenticator;
  tickets: Tickets;
  limits: Limits;
  stays: Stays;
  /** The address of who sends a request; null for one that is not counted. */
  addressOf: (req: IncomingMessage) => string | null;
  /** ms since 1970, by the clock that tokens end by. */
  now: () => number;
}

/** What was handed in as `Authorization: Bearer`; '' for something else in that header, null for nothing. */
export function bearerOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  return /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? '';
}

/** Whether a fresh credential is of who is here already: it changes neither who that is nor what may be followed. */
export function isSame(before: Identity, fresh: Identity): boolean {
  return (
    fresh.tenant === before.tenant &&
    fresh.subject === before.subject &&
    fresh.session?.epoch === before.session?.epoch &&
    (mayRead(fresh) || !mayRead(before))
  );
}

/** @throws UNAUTHENTICATED its time is over */
export function mustBeInTime(identity: Identity, now: number): void {
  if (identity.expiresAt !== null && identity.expiresAt <= now) {
    throw new AppError('UNAUTHENTICATED', { message: 'The token has run out' });
  }
}
