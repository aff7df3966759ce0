// What a store keeps of who may use a session besides its owner, and what it knows of sessions nobody uses any more.
import type { Right } from '../contract/types.ts';
import type { AuditFact } from './escalation.ts';
import type { NewMessage } from './outbox.ts';
import type { SessionLife } from './store.ts';

/** What somebody may do in one session without being its owner. Its secret is kept nowhere. */
export interface NewCapability {
  /** The digest of its secret. */
  capabilityId: string;
  rights: readonly Right[];
  /** Words of whoever made it, to tell it from others; null for none. */
  label: string | null;
  /** ms since 1970; null for as long as the session lives. */
  expiresAt: number | null;
}

export interface CapabilityRecord extends NewCapability {
  session: SessionLife;
  /** Of the session. */
  owner: string;
  createdAt: number;
}

export interface AccessStore {
  /** Keeps a capability until it is revoked or its session is gone; `gone` when that is so already. The same one again changes nothing. */
  grant(life: SessionLife, capability: NewCapability): Promise<'granted' | 'gone'>;

  /** All of one life of a session, the oldest first, expired ones too; undefined when it is gone. */
  capabilities(life: SessionLife): Promise<CapabilityRecord[] | undefined>;

  /** The one of that id on the session under that key (`sessionKey`), expired ones too; undefined when it is revoked or was never there. */
  capability(session: string, capabilityId: string): Promise<CapabilityRecord | undefined>;

  /** False when there is none of that id on this life of the session. */
  revoke(life: SessionLife, capabilityId: string): Promise<boolean>;

  /** Keeps a text for whoever takes it first, over all nodes, for so long. It need not outlive the process of a store that only one process can open. */
  keepOnce(name: string, text: string, ms: number): Promise<void>;

  /** The text, once; undefined when it was taken before, its time is over, or there was none. */
  takeOnce(name: string): Promise<string | undefined>;

  /**
   * Sessions in which nobody has said anything since that time (`lastInteractionAt` < `since`), each once while `next` is
   * followed to its end; at most `limit`. One that changes meanwhile may be left out or come all the same.
   */
  idle(
    since: number,
    after: string | null,
    limit: number,
  ): Promise<{ sessions: IdleSession[]; next: string | null }>;
}

export interface IdleSession extends SessionLife {
  lastInteractionAt: number;
}

/** What goes with a removal. */
export interface RemoveRequest {
  audit?: readonly AuditFact[];
  /** Messages that tell of the removal: they outlive the session. */
  outbox?: readonly NewMessage[];
  /** Only if nobody has said anything since that time (ms since 1970). */
  idleSince?: number;
}
