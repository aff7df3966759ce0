// Letting others into a session: capabilities that an owner hands out, and tickets for event streams.
import { newCapability } from '../access/capabilities.ts';
import type { Tickets } from '../access/tickets.ts';
import type { Handlers, Input, Output, Right } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { CapabilityRecord } from '../store/access.ts';
import type { SessionRecord, Store } from '../store/store.ts';
import { mustHave, mustSession } from './access.ts';
import type { Caller } from './access.ts';
import type { Control } from './control.ts';
import { toTime } from './wire.ts';

export interface GrantParts {
  store: Store;
  tickets: Tickets;
  control: Control;
  now: () => number;
}

type View = Output<'session:grants'>['capabilities'][number];
type GrantName = 'session:grant' | 'session:grants' | 'session:revoke' | 'session:ticket';

const DAY_S = 86_400;
const DEFAULT_RIGHTS = ['read', 'write'] as const;
/** Most capabilities of one session that have not ended. */
const CAPABILITIES_MAX = 100;
/** Who follows a session hears that it is gone before the connection ends. */
const FAREWELL_MS = 1_000;

function toCapability({ capabilityId, rights, label, createdAt, expiresAt }: CapabilityRecord): View {
  return {
    capability_id: capabilityId,
    rights: rights.filter((right) => right !== 'create' && right !== 'grant'),
    label,
    created_at: toTime(createdAt),
    expires_at: expiresAt === null ? null : toTime(expiresAt),
  };
}

export function grantHandlers(parts: GrantParts): Pick<Handlers<Caller>, GrantName> {
  const { store, tickets, control } = parts;
  return {
    'session:grant': (input, caller) => grant(parts, input, caller),

    'session:grants': async (input, caller) => {
      const found = await valid(parts, await mustOwn(store, caller, input.session_id));
      return { capabilities: found.map(toCapability) };
    },

    'session:revoke': async (input, caller) => {
      const session = await mustOwn(store, caller, input.session_id);
      const isRevoked = await store.revoke(session, input.capability_id);
      if (!isRevoked) throw new AppError('NOT_FOUND', { message: 'No such capability' });
      control.revoke(input.capability_id);
      return {};
    },

    'session:ticket': async (input, caller) => {
      const session = await mustSession(store, caller, input.session_id);
      const { ticket, expiresAt } = await tickets.issue(caller, session);
      return { ticket, expires_at: toTime(expiresAt) };
    },
  };
}

/** Closes the connections of whoever was let into a session that is gone, soon. */
export function endGrants(control: Control, letIn: readonly CapabilityRecord[]): void {
  if (letIn.length === 0) return;
  const end = () => {
    for (const { capabilityId } of letIn) control.revoke(capabilityId);
  };
  setTimeout(end, FAREWELL_MS).unref();
}

/** The session of somebody who may let others into it: not of one who was let in. @throws SESSION_NOT_FOUND */
async function mustOwn(store: Store, caller: Caller, sessionId: string): Promise<SessionRecord> {
  const session = await mustSession(store, caller, sessionId);
  if (caller.session) throw new AppError('FORBIDDEN');
  return session;
}

/** Nobody hands out more than they may do. @throws FORBIDDEN · SESSION_NOT_FOUND */
async function grant(
  parts: GrantParts,
  input: Input<'session:grant'>,
  caller: Caller,
): Promise<Output<'session:grant'>> {
  const { store, now } = parts;
  const session = await mustOwn(store, caller, input.session_id);
  const rights: Right[] = [...new Set(input.rights ?? DEFAULT_RIGHTS)];
  for (const right of rights) mustHave(caller, right);
  if ((await valid(parts, session)).length >= CAPABILITIES_MAX) {
    throw new AppError('FORBIDDEN', { message: `A session has at most ${CAPABILITIES_MAX} capabilities` });
  }
  const seconds = input.expires_in === undefined ? DAY_S : input.expires_in;
  const createdAt = now();
  const expiresAt = seconds === null ? null : createdAt + seconds * 1000;
  const { token, capabilityId } = newCapability(session);
  const label = input.label ?? null;
  const granted = await store.grant(session, { capabilityId, rights, label, expiresAt });
  if (granted === 'gone') throw new AppError('SESSION_NOT_FOUND');
  const { owner } = session;
  return { ...toCapability({ session, owner, capabilityId, rights, label, createdAt, expiresAt }), token };
}

/** Those that have not ended; the others are dropped. @throws SESSION_NOT_FOUND */
async function valid({ store, now }: GrantParts, session: SessionRecord): Promise<CapabilityRecord[]> {
  const found = await store.capabilities(session);
  if (!found) throw new AppError('SESSION_NOT_FOUND');
  const hasEnded = ({ expiresAt }: CapabilityRecord) => expiresAt !== null && expiresAt <= now();
  for (const { capabilityId } of found.filter(hasEnded)) await store.revoke(session, capabilityId);
  return found.filter((one) => !hasEnded(one));
}
