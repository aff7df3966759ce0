// The life of a connection as a value: what happened turns one state into the next, and nothing else does.
import type { ConnectionState, Transport } from './api.ts';
import type { ChatError } from './errors.ts';

/** REALTIME.md 5.14: from half a second to ten, each spread by half of it to both sides. */
const FIRST_MS = 500;
const MOST_MS = 10_000;
const SPREAD = 0.5;
/** A connection that held so long was a good one: the next loss begins anew. */
const STABLE_MS = 10_000;

export type ConnectionEvent =
  | { type: 'wanted' }
  | { type: 'opened'; via: Transport }
  /** `heldMs`: how long it was online, 0 where it never was. `leastMs`: the server asks for no try before. */
  | { type: 'failed'; reason: 'lost' | 'unreachable'; heldMs: number; leastMs: number; random: number }
  | { type: 'draining'; reconnectAfterMs: number }
  | { type: 'offline' }
  /** The time is over, or somebody came back to the page. */
  | { type: 'again' }
  | { type: 'closed'; error: ChatError | null };

function backoffMs(attempt: number, random: number): number {
  const mean = Math.min(FIRST_MS * 2 ** (attempt - 1), MOST_MS);
  return Math.round(mean * (1 - SPREAD + 2 * SPREAD * random));
}

const isOneOf = (state: ConnectionState, ...phases: ConnectionState['phase'][]) =>
  phases.includes(state.phase);
const attemptOf = (state: ConnectionState): number => ('attempt' in state ? state.attempt : 0);

/** The state after an event; the same object where the event means nothing in that state. */
export function next(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state.phase === 'closed') return state;
  switch (event.type) {
    case 'wanted':
      return state.phase === 'idle' ? { phase: 'connecting', attempt: 1 } : state;
    case 'opened':
      return { phase: 'online', via: event.via, attempt: attemptOf(state) };
    case 'failed':
      return isOneOf(state, 'connecting', 'online') ? failed(state, event) : state;
    case 'draining':
      if (state.phase !== 'online') return state;
      return { phase: 'waiting', attempt: 1, delayMs: event.reconnectAfterMs, reason: 'draining' };
    case 'offline':
      return isOneOf(state, 'idle', 'offline') ? state : { phase: 'offline' };
    case 'again':
      return isOneOf(state, 'waiting', 'offline')
        ? { phase: 'connecting', attempt: attemptOf(state) + 1 }
        : state;
  }
  return { phase: 'closed', error: event.error };
}

function failed(
  state: ConnectionState,
  { reason, heldMs, leastMs, random }: Extract<ConnectionEvent, { type: 'failed' }>,
): ConnectionState {
  const attempt = heldMs >= STABLE_MS ? 1 : Math.max(1, attemptOf(state));
  return { phase: 'waiting', attempt, delayMs: Math.max(leastMs, backoffMs(attempt, random)), reason };
}
