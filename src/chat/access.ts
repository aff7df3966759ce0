// Who may do what. Asked at every request: a session id alone opens nothing. [S-7]
import type { Identity } from '../access/authenticator.ts';
import { operations } from '../contract/operations.ts';
import type { OperationName, Right } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { OverLimit } from './keep-to.ts';
import type { SessionRecord, SessionRef, Store } from '../store/store.ts';

/** Who asks, for one request. */
export interface Caller extends Identity {
  /** What was handed in as `Authorization: Bearer`. */
  bearer: string | null;
  /** Whose turns share the slots of the model fairly with those of others, where the session does not say: a connection. */
  client: string;
  /** Aborts when nobody waits for the answer any more, or may have it. */
  signal: AbortSignal;
  /** Takes a fresh token for the connection; answers when that ends. @throws UNAUTHENTICATED · FORBIDDEN it is somebody else's */
  refresh: (token: string) => Promise<number | null>;
  /** Takes a place among the live turns of this caller; undefined when all are taken. */
  turnPlace: () => Disposable | undefined;
  /** Set for an input that comes over the limits. */
  overLimit: OverLimit | null;
}

/** Who is at the door; what they are is found out for each request anew. */
export interface Visitor extends Pick<Caller, 'bearer' | 'client' | 'signal' | 'refresh'> {
  /** Of the network; null for one that is not counted. */
  address: string | null;
  /** @throws UNAUTHENTICATED · STORE_UNAVAILABLE · RATE_LIMITED too many tries */
  identify: () => Promise<Identity>;
}

/** Of whom nothing was asked: what needs no right at all. */
export const nobody: Identity = {
  tenant: '',
  subject: '',
  person: null,
  rights: new Set(),
  session: null,
  credential: '',
  expiresAt: null,
  ageBand: null,
  locale: null,
};

const ANONYMOUS = 'anonymous';
/** What a subject begins with that is one person, not a service that speaks for many. */
const PERSON = 'user:';

const isPerson = (subject: string): boolean => subject.startsWith(PERSON);

/** Whose sessions share what is known of a risk: a person who was authenticated, else the client id; null for somebody nobody knows. */
export function clientOf({ owner, clientId }: Pick<SessionRecord, 'owner' | 'clientId'>): string | null {
  if (isPerson(owner)) return `subject:${owner}`;
  if (clientId === null) return null;
  // two services may name their clients alike
  return owner === ANONYMOUS ? `client:${clientId}` : `client:${JSON.stringify([owner, clientId])}`;
}

/** Whose turns share the slots of the model fairly with those of others; `otherwise` where a session does not say. */
export function shareOf(
  { tenant, owner, clientId }: Pick<SessionRecord, 'tenant' | 'owner' | 'clientId'>,
  otherwise: string,
): string {
  return JSON.stringify(clientId === null ? [tenant, otherwise] : [tenant, owner, clientId]);
}

export const refOf = (caller: Pick<Caller, 'tenant'>, sessionId: string): SessionRef => ({
  tenant: caller.tenant,
  sessionId,
});

/** Who may say something in a session may read it: the answer is there. */
export const mayRead = ({ rights }: Identity): boolean => rights.has('read') || rights.has('write');

/** The right that an operation needs of the caller; null where anybody may ask, or who has the operator key. */
export function rightFor(name: OperationName): Right | null {
  const { needs } = operations[name];
  return needs === 'nothing' || needs === 'operator' ? null : needs;
}

/** @throws FORBIDDEN */
export function mustHave(caller: Caller, right: Right): void {
  if (right === 'read' ? !mayRead(caller) : !caller.rights.has(right)) {
    throw new AppError('FORBIDDEN', { message: `The right to ${right} is needed` });
  }
}

/** Whether the caller may see that session. */
export function isOurs(caller: Caller, session: SessionRecord): boolean {
  const { session: only } = caller;
  const isOthers = only !== null && (only.sessionId !== session.sessionId || only.epoch !== session.epoch);
  return session.owner === caller.subject && !isOthers;
}

/**
 * The session, if the caller may see it. Unknown and foreign are one answer. [S-7]
 * @throws SESSION_NOT_FOUND
 */
export async function mustSession(store: Store, caller: Caller, sessionId: string): Promise<SessionRecord> {
  const session = await store.session(refOf(caller, sessionId));
  if (!session || !isOurs(caller, session)) throw new AppError('SESSION_NOT_FOUND');
  return session;
}
