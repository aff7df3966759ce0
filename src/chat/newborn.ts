// Sessions that are not stored yet.
import { randomBytes } from 'node:crypto';
import type { NewSession, SessionRecord } from '../store/store.ts';
import { initialProgress } from '../therapy/progress.ts';
import type { Caller } from './access.ts';

const newEpoch = (): string => randomBytes(8).toString('hex');

/** A session nobody has described: what an input makes when there is none. */
export function freshSession(caller: Caller, sessionId: string): NewSession {
  return {
    tenant: caller.tenant,
    sessionId,
    epoch: newEpoch(),
    owner: caller.subject,
    clientId: null,
    metadata: {},
    locale: caller.locale,
    country: null,
    ageBand: caller.ageBand,
    progress: initialProgress(),
  };
}

/** A session that the next step makes, as it is before anything was said in it. */
export function newborn(fresh: NewSession, now: number): SessionRecord {
  const at = { createdAt: now, lastInteractionAt: now };
  const counts = { turnCount: 0, lastSeq: 0, lastTurn: 0, version: 0 };
  const safety: SessionRecord['safety'] = { level: 'none', mode: 'normal', guarded: false, reason_codes: [] };
  return { ...fresh, ...at, ...counts, status: 'active', memory: null, care: null, human: null, safety };
}
