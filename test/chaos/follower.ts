// A client that follows a session through whatever happens, over any transport and any node, and leaves and comes back by chance.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { attempts } from '../support/devices.ts';
import type { DeviceKind } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import type { Random } from '../support/random.ts';
import type { Door } from './doors.ts';
import type { Journal } from './journal.ts';
import type { Oracle } from './oracle.ts';

/** What came, and over which way: kept so that what goes wrong can be explained. */
interface Came {
  at: string;
  via: string;
  what: string;
  data: unknown;
}

/** So much is kept of each client. */
const CAME_KEPT = 4_000;
const ENDS = ['therapist:done', 'therapist:error', 'turn:cancelled'];

/** A client that tells the oracle all it has, and keeps how it came by it. */
export class Witness extends Client {
  readonly name: string;
  readonly came: Came[] = [];
  readonly #journal: Journal;
  readonly #oracle: Oracle;
  readonly #told = new Set<string>();
  #isBroken = false;
  via = '';

  constructor(sessionId: string, name: string, journal: Journal, oracle: Oracle) {
    super(sessionId);
    this.name = name;
    this.#journal = journal;
    this.#oracle = oracle;
  }

  override joined(answer: unknown): void {
    this.#step('joined', answer, () => super.joined(answer));
    this.#tell();
  }

  override at(cursor: string): void {
    this.#step('at', cursor, () => super.at(cursor));
  }

  override apply(event: string, payload: unknown): void {
    this.#step(event, payload, () => super.apply(event, payload));
    const { turnId } = this.live ?? {};
    if (turnId !== undefined) this.#oracle.saw(turnId, this.seq);
    if (event === 'therapist:error')
      this.#journal.count(`turns failed, as a client heard: ${codeOf(payload)}`);
    if (ENDS.includes(event) || event === 'session:snapshot') this.#tell();
  }

  #step(what: string, data: unknown, step: () => void): void {
    const before = this.cursor;
    const at = new Date().toISOString();
    this.came.push({ at, via: this.via, what, data });
    if (this.came.length > CAME_KEPT) this.came.splice(0, CAME_KEPT / 4);
    try {
      step();
    } catch (error) {
      if (!this.#isBroken) this.#journal.caught(this.name, error);
      this.#isBroken = true;
      throw error;
    }
    const epoch = before?.slice(0, before.lastIndexOf('.'));
    if (epoch !== undefined && !this.isDeleted && !this.cursor?.startsWith(`${epoch}.`)) {
      this.#journal.count('new epochs seen');
    }
  }

  #tell(): void {
    if (this.#isBroken) return;
    for (const turn of this.turns) {
      if (turn.state === 'live' || this.#told.has(turn.turnId)) continue;
      this.#told.add(turn.turnId);
      this.#oracle.saw(turn.turnId, this.seq);
      this.#oracle.ended(this.sessionId, turn, `${this.name} over ${this.via}`);
    }
  }
}

function codeOf(payload: unknown): string {
  return z.looseObject({ error: z.looseObject({ code: z.string() }) }).parse(payload).error.code;
}

const kinds: readonly DeviceKind[] = ['websocket', 'websocket', 'sse', 'sse', 'long-poll', 'polling'];

/** Disposing takes it away for good. */
export class Follower implements AsyncDisposable {
  readonly client: Witness;
  readonly #journal: Journal;
  readonly #stop = new AbortController();
  readonly #over: Promise<void>;

  constructor(client: Witness, doors: readonly Door[], random: Random, journal: Journal) {
    this.client = client;
    this.#journal = journal;
    this.#over = this.#run(doors, random);
  }

  async #run(doors: readonly Door[], random: Random): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const kind = kinds[random.between(0, kinds.length - 1)] ?? 'sse';
      const door = doors[random.between(0, doors.length - 1)];
      const stayMs = random.chance(0.3) ? random.between(50, 600) : random.between(600, 8_000);
      const pauseMs = random.between(10, 250);
      if (door?.isOpen) {
        this.client.via = `${kind} of node ${door.index}`;
        this.#journal.count('connections of followers');
        const leave = AbortSignal.any([signal, AbortSignal.timeout(stayMs)]);
        await attempts[kind](door.url, this.client, leave).catch(() => undefined);
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }
}
