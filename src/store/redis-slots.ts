// The slots of one model over all nodes. Redis decides; each node keeps what its tickets need to be put back where Redis lost them.
import { hash, randomUUID } from 'node:crypto';
import { AppError } from '../errors.ts';
import { loadScript } from './redis-link.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import { BUSY_RETRY_MS } from './slots.ts';
import type { SlotRequest, Slots, Ticket } from './slots.ts';
import { HeldTicket } from './ticket.ts';

export interface RedisSlotsOptions {
  /** With `hosts` it says which nodes share the slots: those where both are the same. */
  model: string;
  hosts: readonly string[];
  /** Slots of each host. */
  size: number;
  maxWaiting: number;
  /** How long the tickets of a node that is gone are counted. */
  leaseMs: number;
  log: { error(facts: object, message: string): void };
}

/** What of the link is used. */
type Way = Pick<RedisLink, 'prefix' | 'run'> & { wakes: Pick<RedisLink['wakes'], 'watch'> };

interface Seat {
  client: string;
  hosts: () => readonly string[];
  /** Where it stands among all, by round and arrival. */
  order: string;
  ticket: HeldTicket;
}

interface Standing {
  id: string;
  /** 0 once it runs. */
  position: number;
  host: string;
  order: string;
}

interface NewTicket {
  id: string;
  client: string;
  always: boolean;
  first: boolean;
  hosts: string;
}

interface Step {
  round: number;
  leave: string[];
  keep: object[];
  add?: NewTicket;
}

const script = loadScript('slots', 'time');

/** A wake-up may be lost: whoever waits looks this often by itself … */
const LOOK_MS = 1_000;
/** Tickets that are to be given back once Redis is there again; those beyond go with their lease. */
const LEAVING_MAX = 10_000;
/** … and no more often than this, however many wake-ups there are. */
const GAP_MS = 50;

const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 22);

const namesOf = (hosts: () => readonly string[]): string => JSON.stringify(hosts());

function readStanding(reply: Reply): Standing {
  const [id, position, host, order] = Array.isArray(reply) ? reply : [];
  return { id: String(id), position: Number(position), host: String(host), order: String(order) };
}

export class RedisSlots implements Slots {
  readonly size: number;
  readonly #link: Way;
  readonly #options: RedisSlotsOptions;
  readonly #key: string;
  readonly #seats = new Map<string, Seat>();
  /** Given back here; Redis has not heard of it yet. */
  readonly #leaving = new Set<string>();
  readonly #watch: Disposable;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #next: NodeJS.Timeout | undefined;
  #lookedAt = -Infinity;
  /** The latest one heard of: Redis may lose it. */
  #round = 0;
  #wakes = 0;
  #wasAway = false;
  #isClosed = false;

  constructor(link: Way, options: RedisSlotsOptions) {
    this.#link = link;
    this.#options = options;
    this.size = options.size;
    const pool = digest(JSON.stringify([options.model, ...[...options.hosts].sort()]));
    this.#key = `${link.prefix}:{slots:${pool}}`;
    this.#watch = link.wakes.watch(`${this.#key}:w`, () => {
      this.#wakes += 1;
      if (this.#isWaited || this.#wasAway) this.#lookSoon();
    });
    // a state that is new gives nothing out at first: so that time is over when the first turn comes
    this.#lookSoon();
  }

  async reserve({ client, hosts, always, first }: SlotRequest): Promise<Ticket> {
    const id = randomUUID();
    const who = digest(client);
    const wakes = this.#wakes;
    const standing = await this.#add({ id, client: who, always, first, hosts: namesOf(hosts) });
    const { position, host, order } = standing;
    const ticket = new HeldTicket(position, () => this.#leave(id));
    this.#seats.set(id, { client: who, hosts, order, ticket });
    if (position === 0) ticket.grant(host);
    // what happened meanwhile was told before anybody waited here
    else if (this.#wakes !== wakes) this.#lookSoon();
    if (this.#isClosed) ticket.release();
    this.#keepTime();
    return ticket;
  }

  /** @throws MODEL_BUSY · STORE_UNAVAILABLE */
  async #add(ticket: NewTicket): Promise<Standing> {
    try {
      const { isBusy, standings } = await this.#step({ leave: [...this.#leaving], keep: [], add: ticket });
      const [standing] = standings;
      if (isBusy || !standing) throw new AppError('MODEL_BUSY', { retryAfterMs: BUSY_RETRY_MS });
      return standing;
    } catch (error) {
      // it may be there all the same
      const isBusy = error instanceof AppError && error.code === 'MODEL_BUSY';
      if (!isBusy && this.#leaving.size < LEAVING_MAX) this.#leaving.add(ticket.id);
      this.#keepTime();
      throw error;
    }
  }

  async #step(news: Omit<Step, 'round'>): Promise<{ isBusy: boolean; standings: Standing[] }> {
    const { leaseMs, size, maxWaiting } = this.#options;
    const step: Step = { round: this.#round, ...news };
    const args = [leaseMs, size, maxWaiting, JSON.stringify(step)];
    const reply = await this.#link.run(script, this.#key, args);
    const [word, round, ...standings]: readonly Reply[] = Array.isArray(reply) ? reply : [reply];
    this.#round = Math.max(this.#round, Number(round ?? 0));
    return { isBusy: word === 'busy', standings: standings.map(readStanding) };
  }

  #leave(id: string): void {
    if (!this.#seats.delete(id)) return;
    this.#leaving.add(id);
    void this.#look();
  }

  get #isWaited(): boolean {
    return this.#seats.values().some(({ ticket }) => ticket.host === null);
  }

  /** Looks by itself, as long as there is something to renew or to give back. */
  #keepTime(): void {
    const isIdle = this.#isClosed || (this.#seats.size === 0 && this.#leaving.size === 0);
    if (!isIdle) this.#timer ??= setInterval(() => this.#tick(), this.#tickMs).unref();
    else if (this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  get #tickMs(): number {
    return Math.min(LOOK_MS, this.#options.leaseMs / 4);
  }

  #tick(): void {
    const sinceMs = performance.now() - this.#lookedAt;
    const isDue = sinceMs > this.#options.leaseMs / 4 - this.#tickMs / 2;
    if (isDue || this.#isWaited || this.#leaving.size > 0) void this.#look();
  }

  #lookSoon(): void {
    const waitMs = Math.max(0, this.#lookedAt + GAP_MS - performance.now());
    this.#next ??= setTimeout(() => {
      this.#next = undefined;
      void this.#look();
    }, waitMs).unref();
  }

  /** One at a time; what comes meanwhile is for the next. */
  #look(): Promise<void> {
    if (this.#looking) {
      this.#lookSoon();
      return this.#looking;
    }
    clearTimeout(this.#next);
    this.#next = undefined;
    this.#lookedAt = performance.now();
    this.#looking = this.#tellAndHear().finally(() => {
      this.#looking = undefined;
      this.#keepTime();
      // others wait for what was given back meanwhile
      if (this.#leaving.size > 0 && !this.#wasAway) void this.#look();
    });
    return this.#looking;
  }

  /** Everything in one step: what is given back, what is held and what is waited for; and what became of it. */
  async #tellAndHear(): Promise<void> {
    const leave = [...this.#leaving];
    const keep = [...this.#seats].map(([id, { client, order, hosts, ticket }]) => {
      const place = ticket.host === null ? { hosts: namesOf(hosts) } : { host: ticket.host };
      return { id, client, order, ...place };
    });
    try {
      const { standings } = await this.#step({ leave, keep });
      this.#wasAway = false;
      for (const id of leave) this.#leaving.delete(id);
      for (const { id, position, host } of standings) {
        const ticket = this.#seats.get(id)?.ticket;
        if (position === 0) ticket?.grant(host);
        else ticket?.moveTo(position);
      }
    } catch (error) {
      // all stays as it is
      this.#wasAway = error instanceof AppError && error.code === 'STORE_UNAVAILABLE';
      if (!this.#wasAway)
        this.#options.log.error({ err: error }, 'the slots of the model were not looked at');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch[Symbol.dispose]();
    for (const id of this.#seats.keys()) this.#leaving.add(id);
    this.#seats.clear();
    clearTimeout(this.#next);
    await this.#looking;
    if (this.#leaving.size > 0) await this.#look();
    clearTimeout(this.#next);
  }
}
