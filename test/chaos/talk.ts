// What one person does in one session: says things, over any node, repeats, interrupts, cancels, deletes; and everybody who follows.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Random } from '../support/random.ts';
import { randomFrom } from '../support/random.ts';
import { insist } from './doors.ts';
import type { Asked, Door } from './doors.ts';
import { Follower, Witness } from './follower.ts';
import type { Journal } from './journal.ts';
import type { Oracle } from './oracle.ts';
import { RISK } from './words.ts';

export interface TalkParts {
  doors: readonly Door[];
  journal: Journal;
  oracle: Oracle;
  random: Random;
  /** Whether one more turn is to be had. */
  takeTurn: () => boolean;
}

/** An input that was acknowledged. */
export interface Accepted {
  sessionId: string;
  turnId: string;
  said: string;
  /** Nodes that may have begun its turn, in the order in which they were asked. */
  nodes: number[];
  acceptedAt: number;
  epoch: string;
  /** What a cancel was told, if there was one. */
  cancelled?: string;
}

/** A turn that does not end by then is lost. */
const END_MS = 120_000;
const TURNS_MAX = 25;

const Admission = z.looseObject({
  turn_id: z.string(),
  cursor: z.string(),
  duplicate: z.boolean().optional(),
});
const Cancel = z.looseObject({ state: z.string() });

export class Talk {
  readonly sessionId: string;
  readonly clients: Witness[];
  /** Of the life that is there now. */
  accepted: Accepted[] = [];
  /** Of all lives. */
  readonly everything: Accepted[] = [];
  lives = 1;
  isGone = false;
  readonly #parts: TalkParts;
  readonly #repeats: Promise<void>[] = [];
  /** Something of this life may still be on its way to a node that sleeps. */
  #isUnclear = false;
  #said = 0;

  constructor(sessionId: string, parts: TalkParts) {
    this.sessionId = sessionId;
    this.#parts = parts;
    const { random, journal, oracle } = parts;
    this.clients = Array.from(
      { length: random.between(2, 3) },
      (_, i) => new Witness(sessionId, `${sessionId} client ${i + 1}`, journal, oracle),
    );
  }

  /** Until it has said enough, or there are no more turns to be had. Everybody has seen everything then. */
  async run(): Promise<void> {
    const { random, doors, journal, takeTurn } = this.#parts;
    const followers = this.clients.map(
      (client) => new Follower(client, doors, randomFrom(random.between(0, 2 ** 31)), journal),
    );
    await using _followers = {
      [Symbol.asyncDispose]: async () => {
        await Promise.all(followers.map(async (follower) => await follower[Symbol.asyncDispose]()));
      },
    };
    for (let left = random.between(4, TURNS_MAX); left > 0 && !this.isGone && takeTurn(); left--) {
      await this.#says();
      if (journal.failed.aborted) break;
      await sleep(random.between(0, 200));
    }
    await this.#isSeen();
  }

  async #says(): Promise<void> {
    const { random, journal } = this.#parts;
    const name = `${this.sessionId} life ${this.lives} says ${++this.#said}`;
    const said = random.chance(0.02) ? `${RISK} (${name})` : name;
    const interrupts = random.chance(0.15);
    const accepted = await this.#input(said, interrupts);
    if (!accepted) return;
    const later = randomFrom(random.between(0, 2 ** 31));
    if (random.chance(0.3)) this.#repeats.push(this.#repeatsIt(accepted, later));
    if (random.chance(0.12)) await this.#cancels(accepted);
    // the next input may interrupt it
    if (random.chance(0.1)) return;
    await this.#ends(accepted);
    if (random.chance(0.04) && !journal.failed.aborted) await this.#deletes();
  }

  async #input(said: string, interrupts: boolean): Promise<Accepted | undefined> {
    const { journal } = this.#parts;
    const { outcome, tries, answeredAt } = await this.#ask({
      event: 'session:input',
      session_id: this.sessionId,
      user_input: said,
      input_id: said,
      ...(interrupts && { interrupt: true as const }),
    });
    if (outcome.kind !== 'ok') {
      const why = outcome.kind === 'lost' ? 'no answer at all' : outcome.code;
      if (!journal.failed.aborted) journal.broken('input', this.sessionId, `"${said}" was not taken: ${why}`);
      return undefined;
    }
    const { turn_id: turnId, cursor, duplicate } = Admission.parse(outcome.body);
    const asked = tries.filter(({ kind }) => kind !== 'refused').map(({ node }) => node);
    const accepted: Accepted = {
      sessionId: this.sessionId,
      turnId,
      said,
      nodes: duplicate ? asked : asked.slice(-1),
      acceptedAt: answeredAt,
      epoch: cursor.slice(0, cursor.lastIndexOf('.')),
    };
    this.accepted.push(accepted);
    this.everything.push(accepted);
    return accepted;
  }

  /** The same input again, on other nodes, at once or later: the same turn. */
  async #repeatsIt({ said, turnId }: Accepted, random: Random): Promise<void> {
    const { doors, journal } = this.#parts;
    const request = {
      event: 'session:input' as const,
      session_id: this.sessionId,
      user_input: said,
      input_id: said,
    };
    await sleep(random.between(0, 1_000));
    const times = Array.from({ length: random.between(1, 4) }, () => randomFrom(random.between(0, 2 ** 31)));
    const answers = await Promise.all(times.map(async (own) => await insist(doors, request, own, journal)));
    for (const { outcome, tries } of answers) {
      if (tries.some(({ kind }) => kind === 'lost')) this.#isUnclear = true;
      journal.count('inputs repeated');
      if (outcome.kind === 'ok' && outcome.body['turn_id'] === turnId) continue;
      if (!journal.failed.aborted)
        journal.broken('input', this.sessionId, `"${said}" again: ${JSON.stringify(outcome)}, not ${turnId}`);
    }
  }

  async #cancels(accepted: Accepted): Promise<void> {
    const { random, journal } = this.#parts;
    await sleep(random.between(0, 700));
    const { turnId } = accepted;
    const { outcome } = await this.#ask({
      event: 'turn:cancel',
      session_id: this.sessionId,
      turn_id: turnId,
    });
    if (outcome.kind !== 'ok') {
      if (!journal.failed.aborted)
        journal.broken('cancel', this.sessionId, `cancel of ${turnId}: ${JSON.stringify(outcome)}`);
      return;
    }
    accepted.cancelled = Cancel.parse(outcome.body).state;
    journal.count(accepted.cancelled === 'cancelled' ? 'turns cancelled' : 'cancels that came too late');
  }

  /** Waits for the end, which somebody must see. */
  async #ends({ turnId, said, cancelled }: Accepted): Promise<void> {
    const { oracle, journal } = this.#parts;
    try {
      const turn = await oracle.end(turnId, END_MS, journal.failed);
      if (turn && turn.userInput !== said)
        journal.broken('input', this.sessionId, `turn ${turnId} is of "${turn.userInput}", not of "${said}"`);
      if (turn && cancelled !== undefined && turn.state !== cancelled)
        journal.broken(
          'cancel',
          this.sessionId,
          `${turnId} was told to be ${cancelled}, and is ${turn.state}`,
        );
    } catch (error) {
      journal.broken('end', this.sessionId, `"${said}": ${String(error)}`);
    }
  }

  /** Only where nothing is on its way that would make it again. */
  async #deletes(): Promise<void> {
    const { random, journal } = this.#parts;
    await this.#settled();
    if (this.#isUnclear || journal.failed.aborted) return;
    const { outcome, tries } = await this.#ask({ event: 'session:delete', session_id: this.sessionId });
    const isGone =
      outcome.kind === 'ok' || (outcome.kind === 'refused' && outcome.code === 'SESSION_NOT_FOUND');
    if (!isGone) {
      if (!journal.failed.aborted)
        journal.broken('other', this.sessionId, `delete: ${JSON.stringify(outcome)}`);
      return;
    }
    journal.count('sessions deleted');
    this.accepted = [];
    this.lives++;
    // a delete that comes later would end the next life too
    this.isGone = tries.length > 1 || random.chance(0.3);
  }

  async #ask(request: Parameters<typeof insist>[1]): Promise<Asked> {
    const { doors, random, journal } = this.#parts;
    const asked = await insist(doors, request, random, journal);
    if (asked.tries.some(({ kind }) => kind === 'lost')) this.#isUnclear = true;
    return asked;
  }

  /** All turns of this life have ended, and all repeats were answered. */
  async #settled(): Promise<void> {
    await Promise.all(this.#repeats.splice(0));
    for (const accepted of this.accepted) await this.#ends(accepted);
  }

  /** Every follower has every end. */
  async #isSeen(): Promise<void> {
    const { journal } = this.#parts;
    await this.#settled();
    const ids = this.accepted.map(({ turnId }) => turnId);
    const hasAll = (client: Witness) =>
      ids.every((id) => client.turns.some(({ turnId, state }) => turnId === id && state !== 'live'));
    const waits = this.clients.map(async (client) => {
      if (journal.failed.aborted) return;
      await client
        .until(() => journal.failed.aborted || hasAll(client), 'all ends', END_MS)
        .catch((error) => {
          if (!journal.failed.aborted) journal.broken('end', client.name, String(error));
        });
    });
    await Promise.all(waits);
  }
}
