// What a caller may ask for at a time. An input that shows risk is never refused for it: it is slowed down. [P-12]
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '../access/authenticator.ts';
import { nobody as uncounted } from '../access/limits.ts';
import type { Budget, Limits, Who } from '../access/limits.ts';
import type { OperationName } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import { rightFor } from './access.ts';
import type { Visitor } from './access.ts';

/** What a flood of inputs that show risk waits, one by one. */
const PACE_MS = 1_000;

/** What is taken beside the budget of any request. */
const budgets: Partial<Record<OperationName, Budget>> = {
  'session:create': 'create',
  'session:grant': 'create',
  'session:input': 'input',
  'turn:retry': 'input',
};
/** Cost nothing: they say what was applied already, keep somebody in, or are answered from memory. Wrong keys of operators cost enough. */
const isFree = (name: OperationName): boolean => name === 'received' || rightFor(name) === null;

/** Whom a request counts for. Who is not counted by address is not counted at all: a caller on loopback. */
export function whoOf(
  { address }: Pick<Visitor, 'address'>,
  { tenant, person, credential }: Identity,
  session: string | null,
): Who {
  if (address === null) return uncounted;
  // a service speaks for many people from one address
  const isService = credential !== '' && person === null;
  return { address: isService ? null : address, tenant: tenant || null, subject: person, session };
}

/** A session as limits know it: what others ask of the same id is not counted for it. */
export const countedSession = ({ tenant, subject }: Identity, sessionId: string): string =>
  JSON.stringify([tenant, subject, sessionId]);

interface Words {
  user_input: string;
}

const hasWords = (input: object): input is Words =>
  'user_input' in input && typeof input.user_input === 'string';

/** An input over the limits: who admits it looks at what it says before it is refused. */
export interface OverLimit {
  waitMs: number;
  /** Waited for by one that shows risk, once however often it is decided: in a flood of them each costs time, none is lost. */
  pace: () => Promise<void>;
}

export const rateLimited = (retryAfterMs: number): AppError => new AppError('RATE_LIMITED', { retryAfterMs });

/** What somebody is refused with; who hands in what does not count again and again hears when to come back instead. */
export async function slowed(limits: Limits, address: string | null, error: unknown): Promise<unknown> {
  if (address === null || !(error instanceof AppError && error.code === 'UNAUTHENTICATED')) return error;
  const waitMs = await limits.take('failure', { ...uncounted, address });
  return waitMs > 0 ? rateLimited(waitMs) : error;
}

/**
 * Takes what any request costs, before it is looked at: one that is refused costs as much. Answers how long to wait, in ms.
 * @throws RATE_LIMITED for all but an input
 */
export async function takeRequest(
  limits: Limits,
  name: OperationName,
  visitor: Pick<Visitor, 'address'>,
  identity: Identity,
): Promise<number> {
  if (visitor.address === null || isFree(name)) return 0;
  const waitMs = await limits.take('request', whoOf(visitor, identity, null));
  if (waitMs > 0 && name !== 'session:input') throw rateLimited(waitMs);
  return waitMs;
}

/** Takes what this one costs beside that. Answers that an input is over the limits. @throws RATE_LIMITED anything else is */
export async function keepTo(
  limits: Limits,
  name: OperationName,
  input: object,
  visitor: Pick<Visitor, 'address'>,
  identity: Identity,
  requestMs: number,
): Promise<OverLimit | null> {
  const budget = budgets[name];
  if (visitor.address === null || budget === undefined) return null;
  const sessionId = 'session_id' in input && typeof input.session_id === 'string' ? input.session_id : null;
  const session = sessionId === null ? null : countedSession(identity, sessionId);
  const who = whoOf(visitor, identity, session);
  const weight = hasWords(input) ? input.user_input.length : 0;
  const waits = await Promise.all([limits.take(budget, who), limits.take('bytes', who, weight)]);
  const waitMs = Math.max(requestMs, ...waits);
  if (waitMs === 0) return null;
  if (!hasWords(input)) throw rateLimited(waitMs);
  const wait = async () => {
    const paceMs = await limits.take('risk', who);
    if (paceMs > 0) await sleep(Math.min(paceMs, PACE_MS), undefined, { ref: false });
  };
  let waited: Promise<void> | undefined;
  return { waitMs, pace: () => (waited ??= wait()) };
}
