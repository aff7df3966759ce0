// What one node tells an operator of itself: numbers, and sessions under names that tell nothing.
import { hash } from 'node:crypto';
import type { Output } from '../contract/types.ts';
import type { Follow } from './follow.ts';
import type { Turns } from './turns.ts';
import { toTime } from './wire.ts';

export type NodeView = Output<'operator:overview'>['nodes'][number];
type SessionView = NodeView['sessions'][number];

/** Sessions of a node that are told of; those with a turn come first. */
const SESSIONS = 200;

export interface OverviewParts {
  node: string;
  /** ms since 1970. */
  startedAt: number;
  version: string;
  turns: Turns;
  follow: Follow;
  isDraining: () => boolean;
  /** What the model does, as `model:status` has it. */
  modelPhase: () => string;
  /** Slots of the model at the hosts that answer now. */
  slots: () => number;
  now: () => number;
}

/** A name for one life of a session, the same on every node, from which nobody finds the session. */
function pseudonym(epoch: string): string {
  return hash('sha256', `pseudonym ${epoch}`, 'hex').slice(0, 12);
}

export function viewOf(parts: OverviewParts): NodeView {
  const { turns, follow, now } = parts;
  const sessions = new Map<string, SessionView>();
  for (const { epoch, n, phase, position, sinceAt } of turns.look()) {
    const since_ms = Math.max(0, Math.round(now() - sinceAt));
    const name = pseudonym(epoch);
    sessions.set(epoch, { name, followers: 0, turn: { n, phase, position, since_ms } });
  }
  let followers = 0;
  for (const [epoch, count] of follow.look()) {
    followers += count;
    const known = sessions.get(epoch);
    if (known) known.followers = count;
    else sessions.set(epoch, { name: pseudonym(epoch), followers: count, turn: null });
  }
  const { queued, running } = turns.count();
  return {
    node: parts.node,
    version: parts.version,
    started_at: toTime(parts.startedAt),
    draining: parts.isDraining(),
    model: parts.modelPhase(),
    slots: parts.slots(),
    queued,
    running,
    followers,
    takeovers: { ...turns.taken },
    handovers: turns.handedOver,
    sessions_total: sessions.size,
    sessions: [...sessions.values()].slice(0, SESSIONS),
  };
}
