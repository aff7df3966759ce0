// Who somebody is. What they may do with it is decided in chat/access.ts, at every request.
import type { Right } from '../contract/types.ts';
import type { SessionLife } from '../store/store.ts';

/** Who asks, and what was handed in to show it. */
export interface Identity {
  tenant: string;
  /** Owns what it makes: `anonymous`, `key:<name>` for a service, `user:<sub>` for a person; of a capability, the owner of its session. */
  subject: string;
  /** Names the one person behind it, whose requests are counted together; null for a service, which speaks for many, and for anybody. */
  person: string | null;
  rights: ReadonlySet<Right>;
  /** The only session it may use; null: all of its subject. */
  session: SessionLife | null;
  /** Names what was handed in: a digest that tells nothing of it; '' where nothing had to be. */
  credential: string;
  /** When it ends, ms since 1970; null: it does not end by itself. */
  expiresAt: number | null;
  /** What is known of the person; it counts more than what a client says. */
  ageBand: string | null;
  locale: string | null;
}

export interface Authenticator extends Disposable {
  /**
   * Who hands in that token; null: nobody did.
   * @throws UNAUTHENTICATED one answer, whatever is wrong with it · STORE_UNAVAILABLE
   */
  authenticate(token: string | null): Promise<Identity>;

  /** Whether it was not taken back meanwhile; its own end is not looked at. @throws STORE_UNAVAILABLE */
  stillCounts(identity: Identity): Promise<boolean>;

  /** Calls with a credential once it is found here that it was taken back. */
  onRevoked(listener: (credential: string) => void): Disposable;
}
