// What the words of the wire mean, in words for people.
import { ChatError } from '../sdk/errors.ts';
import type { Alert, NodeView, SessionView } from './views.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long, in its two largest parts. */
export function lengthOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`;
}

/** By the clock of the device. */
export const clockOf = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

export const levels: Record<Alert['level'], string> = {
  none: 'Nothing found',
  passive: 'A wish not to be here',
  past_attempt: 'An attempt long ago',
  active: 'Thoughts of suicide or self-harm',
  plan: 'A plan, means or a goodbye',
  acute: 'Voices, being watched, or days without sleep',
  abuse: 'Being hurt or threatened',
  other_harm: 'An urge to hurt somebody',
  medical: 'A medical emergency',
};

export const urgencies: Record<Alert['urgency'], string> = {
  immediate: 'Immediate',
  urgent: 'Urgent',
  notice: 'Notice',
};

export const statuses: Record<Alert['status'], string> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  taken_over: 'Taken over',
  cleared: 'Cleared',
};

export const modes = {
  normal: 'normal',
  support: 'support: the process rests',
  crisis: 'crisis',
  crisis_hold: 'hold after a crisis',
  emergency: 'emergency',
} as const;

export const modelPhases: Readonly<Record<string, string>> = {
  ready: 'ready',
  loading: 'being loaded',
  pulling: 'being fetched',
  unavailable: 'not there: the guide answers',
};

export const turnPhases: Record<NonNullable<SessionView['turn']>['phase'], string> = {
  queued: 'waits for the model',
  loading: 'model is loaded',
  prompt: 'model reads',
  streaming: 'words come',
  recovering: 'is taken up again',
};

/** Whether somebody was told outside of this page. */
export function deliveryOf({ delivery, tries }: Alert): string {
  const count = tries === 1 ? '1 try' : `${tries} tries`;
  if (delivery === 'sent') return 'Sent to your receiver';
  if (delivery === 'dead') return `Not delivered: given up after ${count}`;
  if (delivery === 'off') return 'Sent nowhere: no receiver is set';
  return tries === 0 ? 'On its way to your receiver' : `Not delivered yet, ${count}`;
}

export const shortNode = (node: string): string => node.slice(0, 8);

export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

export interface LiveSession extends SessionView {
  /** Short names of the nodes that know it. */
  readonly nodes: readonly string[];
}

/** The sessions of all nodes, each once: those with a turn first, in the order of the queue, then by who follows. */
export function sessionsOf(nodes: readonly NodeView[]): LiveSession[] {
  const byName = new Map<string, LiveSession>();
  for (const { node, sessions } of nodes) {
    for (const session of sessions) {
      const known = byName.get(session.name);
      byName.set(session.name, {
        name: session.name,
        followers: (known?.followers ?? 0) + session.followers,
        turn: session.turn ?? known?.turn ?? null,
        nodes: [...(known?.nodes ?? []), shortNode(node)],
      });
    }
  }
  const rank = ({ turn }: LiveSession): number => (turn ? (turn.position ?? 0) : Infinity);
  return [...byName.values()].sort((a, b) => {
    const [one, other] = [rank(a), rank(b)];
    return one === other ? b.followers - a.followers : one - other;
  });
}

const statusRank = { open: 0, taken_over: 1, acknowledged: 2, cleared: 3 } as const;
const urgencyRank = { immediate: 0, urgent: 1, notice: 2 } as const;

/** What needs somebody first: open before all else, then by urgency, then the newest. */
export const sortedAlerts = (alerts: readonly Alert[]): Alert[] =>
  alerts.toSorted(
    (a, b) =>
      statusRank[a.status] - statusRank[b.status] ||
      urgencyRank[a.urgency] - urgencyRank[b.urgency] ||
      b.time.localeCompare(a.time),
  );

/** Why something was not done or not shown. */
export function faultOf(error: unknown): string {
  if (!(error instanceof ChatError)) return 'The server does not answer.';
  const wait = error.retryAfterMs === undefined ? '' : ` Try again in ${lengthOf(error.retryAfterMs + 999)}.`;
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return 'The server does not know this key.';
    case 'NOT_FOUND':
      return 'It is not there any more: the session was deleted, or the server takes no operators.';
    case 'RATE_LIMITED':
      return `Too many requests from here.${wait}`;
    case 'STORE_UNAVAILABLE':
      return `The store of the server is away: nothing was changed.${wait}`;
    case 'DRAINING':
      return `The server is going down for a restart.${wait}`;
    case 'FORBIDDEN':
      return `The server says no: ${error.message}.`;
    default:
      return `The server refused it (${error.code}): ${error.message}.${wait}`;
  }
}
