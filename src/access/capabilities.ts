// Capabilities: what an integrator hands to the browser of one person, so that its API key stays where it is. The holder may
// use one session, with the rights in it.
import { randomBytes } from 'node:crypto';
import type { AccessStore } from '../store/access.ts';
import { digest, sessionKey } from '../store/envelope.ts';
import type { SessionRef } from '../store/store.ts';
import type { Identity } from './authenticator.ts';
import type { Reason } from './reason.ts';

const PREFIX = 'spc_';
const TOKEN = /^spc_([\w-]{43})([\w-]{43})$/;
const SECRET_BYTES = 32;

/** A new token for a session, and the id under which it is kept: the digest of its secret. */
export function newCapability(session: SessionRef): { token: string; capabilityId: string } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { token: `${PREFIX}${sessionKey(session)}${secret}`, capabilityId: digest(secret) };
}

/** Whether a token says that it is a capability. */
export const isCapability = (token: string): boolean => token.startsWith(PREFIX);

/** Whom a capability speaks for. Its id is the credential. @throws STORE_UNAVAILABLE */
export async function readCapability(
  store: Pick<AccessStore, 'capability'>,
  token: string,
  now: number,
): Promise<Identity | Reason> {
  const [, session, secret] = TOKEN.exec(token) ?? [];
  if (session === undefined || secret === undefined) return 'malformed';
  const found = await store.capability(session, digest(secret));
  if (!found) return 'unknown';
  if (found.expiresAt !== null && found.expiresAt <= now) return 'expired';
  const { tenant, sessionId, epoch } = found.session;
  return {
    tenant,
    subject: found.owner,
    // whoever it was handed to
    person: found.capabilityId,
    rights: new Set(found.rights),
    session: { tenant, sessionId, epoch },
    credential: found.capabilityId,
    expiresAt: found.expiresAt,
    ageBand: null,
    locale: null,
  };
}
