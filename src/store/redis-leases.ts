// Who owns which turn, and until when. The lease lies with the turn; the list of all leases only says where to look.
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Listed, RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { Lease, SessionRecord, TurnView } from './store.ts';
import { toSession, toView } from './redis-records.ts';
import { Fields, listOf, numberOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

interface Taken {
  session: SessionRecord;
  view: TurnView;
  why: 'released' | 'expired';
}

/** More sessions are looked at than turns are wanted: other nodes look for the same. */
const DUE_FACTOR = 2;

/** Longer than a follower takes to look whether a log is as long as it was: once a second, and the time to reconnect. */
const RESTART_MS = 2_500;

export class RedisLeases {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;
  readonly #log: Pick<Log, 'warn'>;
  readonly #isLess: (session: SessionRecord) => Promise<boolean>;

  /** `isLess` says whether Redis has less of a session than it acknowledged. */
  constructor(
    link: RedisLink,
    index: RedisIndex,
    keys: RedisKeys,
    log: Pick<Log, 'warn'>,
    isLess: (session: SessionRecord) => Promise<boolean>,
  ) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
    this.#log = log;
    this.#isLess = isLess;
  }

  async renew(leases: Lease[], leaseMs: number): Promise<Lease[]> {
    const asked = await Promise.allSettled(leases.map((lease) => this.#lease(lease, leaseMs)));
    const answers = asked.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
    const held = leases.filter((_, at) => answers[at] === true);
    await Promise.all(held.map((lease) => this.#index.enlist(lease, leaseMs)));
    if (leases.length > 0 && answers.every((answer) => answer === undefined)) throw reasonIn(asked);
    return leases.filter((_, at) => answers[at] === false);
  }

  async release(leases: Lease[]): Promise<void> {
    const held = await Promise.all(leases.map((lease) => this.#lease(lease, 0)));
    await this.#index.released(leases.filter((_, at) => held[at]));
  }

  async takeOver(leaseMs: number, limit: number, overdueMs: number): Promise<Taken[]> {
    const found: Taken[] = [];
    while (found.length < limit) {
      const due = await this.#index.due(overdueMs, DUE_FACTOR * limit);
      let isFailing = false;
      for (const one of due) {
        try {
          const taken = await this.#take(one, leaseMs, overdueMs);
          if (taken) found.push(taken);
        } catch (error) {
          // those that were taken must be begun, whatever becomes of this one
          const isAway = error instanceof AppError && error.code === 'STORE_UNAVAILABLE';
          if (!isAway) this.#log.warn({ err: error }, 'a turn could not be taken over');
          isFailing = true;
        }
        if (found.length === limit) break;
      }
      if (due.length === 0 || isFailing) break;
    }
    return found;
  }

  async #lease({ epoch, turnId, generation, ...ref }: Lease, ms: number): Promise<boolean> {
    const args = [epoch, turnId, generation, ms];
    return (await this.#link.run(steps.lease, this.#index.base(ref), args)) === 1;
  }

  async #take(one: Listed, leaseMs: number, overdueMs: number): Promise<Taken | undefined> {
    const base = this.#index.baseOf(one.digest);
    const args = [leaseMs, overdueMs, RESTART_MS, this.#keys.vault.masters.join(' ')];
    const [kind, what, view, why] = listOf(await this.#link.run(steps.take, base, args));
    if (kind === 'none') await this.#index.relist(one, null);
    if (kind === 'held') await this.#index.relist(one, numberOf(what));
    if (kind === 'foreign') throw new AppError('STORE_UNAVAILABLE');
    if (kind !== 'taken') return undefined;
    const fields = Fields.ofList(what);
    const sealer = this.#keys.sealer(base, fields.text('k'));
    const session = toSession(fields, sealer);
    if (await this.#isLess(session)) return undefined;
    // where that fails, the next renewal does it
    await this.#index.enlist(session, leaseMs).catch(() => undefined);
    return { session, view: toView(view, sealer), why: why === 'released' ? 'released' : 'expired' };
  }
}

function reasonIn(settled: readonly PromiseSettledResult<unknown>[]): unknown {
  return settled.find((one) => one.status === 'rejected')?.reason;
}
