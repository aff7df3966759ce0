import { AppError } from '../errors.ts';
import type { SessionRecord, SessionRef, Store } from '../store/store.ts';

/** Who asks. Without authentication everybody is the same caller of one tenant. */
export interface Caller {
  tenant: string;
  subject: string;
  /** What was handed in as `Authorization: Bearer`. */
  bearer?: string | null;
  /** Whose turns share the slots of the model fairly with those of others, where the session does not say: a connection. */
  client: string;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
}

const ANONYMOUS = 'anonymous';

/** Whose sessions share what is known of a risk: a subject that was authenticated, else the client id; null for somebody nobody knows. */
export function clientOf({ owner, clientId }: Pick<SessionRecord, 'owner' | 'clientId'>): string | null {
  if (owner !== ANONYMOUS) return `subject:${owner}`;
  return clientId === null ? null : `client:${clientId}`;
}

/** The caller of a server that asks nobody who they are. */
export const anonymous = (client: string, signal: AbortSignal, bearer: string | null = null): Caller => ({
  tenant: 'default',
  subject: ANONYMOUS,
  bearer,
  client,
  signal,
});

export const refOf = (caller: Caller, sessionId: string): SessionRef => ({
  tenant: caller.tenant,
  sessionId,
});

/**
 * The session, if the caller may see it. Unknown and foreign are one answer. [S-7]
 * @throws SESSION_NOT_FOUND
 */
export async function mustSession(store: Store, caller: Caller, sessionId: string): Promise<SessionRecord> {
  const session = await store.session(refOf(caller, sessionId));
  if (!session || session.owner !== caller.subject) throw new AppError('SESSION_NOT_FOUND');
  return session;
}
