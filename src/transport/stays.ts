// Connections that stay open end with what let them in: told before it runs out, closed when it has, or was taken back.
import type { Authenticator, Identity } from '../access/authenticator.ts';

/** SAFETY.md SEC-15: how long before its end a client is told, and how long it may take for a fresh token afterwards. */
const NOTICE_MS = 60_000;
const GRACE_MS = 25_000;
/** A revocation that was told to nobody, since Redis was away, costs this at most. */
const RECHECK_MS = 20_000;
const LOOK_MS = 1_000;

export interface Guest {
  /** Its time runs out then (ms since 1970). Called once for each end. */
  expiring(expiresAt: number): void;
  /** It may not stay. Called once. */
  end(): void;
}

interface Stay {
  identity: Identity;
  guest: Guest;
  told: boolean;
  checkedAt: number;
}

/** A place among those who stay. */
export interface Held extends Disposable {
  /** It goes on with a fresh credential. */
  renew(identity: Identity): void;
}

export class Stays implements Disposable {
  readonly #authenticator: Authenticator;
  readonly #now: () => number;
  readonly #stays = new Set<Stay>();
  readonly #timer: NodeJS.Timeout;
  readonly #watch: Disposable;

  /** `now`: ms since 1970, by the clock of what ends. */
  constructor(authenticator: Authenticator, now: () => number) {
    this.#authenticator = authenticator;
    this.#now = now;
    this.#watch = authenticator.onRevoked((credential) => this.revoke(credential));
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Until it is disposed of. Who came in with nothing stays as long as it likes. */
  hold(identity: Identity, guest: Guest): Held {
    const stay: Stay = { identity, guest, told: false, checkedAt: performance.now() };
    let isOver = false;
    const keep = () => {
      if (isOver || stay.identity.credential === '') this.#stays.delete(stay);
      else this.#stays.add(stay);
    };
    keep();
    return {
      renew: (fresh) => {
        // the same end once more is not news
        if (fresh.expiresAt !== stay.identity.expiresAt) stay.told = false;
        stay.identity = fresh;
        keep();
      },
      [Symbol.dispose]: () => {
        isOver = true;
        this.#stays.delete(stay);
      },
    };
  }

  /** Ends every stay by that credential here. */
  revoke(credential: string): void {
    for (const stay of this.#stays) if (stay.identity.credential === credential) this.#end(stay);
  }

  #end(stay: Stay): void {
    if (this.#stays.delete(stay)) stay.guest.end();
  }

  #look(): void {
    const now = this.#now();
    for (const stay of this.#stays) {
      const { expiresAt } = stay.identity;
      if (expiresAt !== null && now >= expiresAt + GRACE_MS) {
        this.#end(stay);
        continue;
      }
      if (expiresAt !== null && !stay.told && now >= expiresAt - NOTICE_MS) {
        stay.told = true;
        stay.guest.expiring(expiresAt);
      }
      void this.#recheck(stay);
    }
  }

  async #recheck(stay: Stay): Promise<void> {
    const now = performance.now();
    if (now - stay.checkedAt < RECHECK_MS) return;
    stay.checkedAt = now;
    const { identity } = stay;
    // a store that is away takes nothing back
    const counts = await this.#authenticator.stillCounts(identity).catch(() => true);
    if (!counts && stay.identity === identity) this.#end(stay);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#watch[Symbol.dispose]();
    this.#stays.clear();
  }
}
