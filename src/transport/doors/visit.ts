// One request at a door, and what it asks of the operations. Nothing goes around `dispatch`.
import type { Request, Response } from 'express';
import type { Identity } from '../../access/authenticator.ts';
import { refOf } from '../../chat/access.ts';
import { startOf, toCursor } from '../../chat/wire.ts';
import type { ErrorCode } from '../../contract/errors.ts';
import type { Admission, OperationName, Output, Turn } from '../../contract/types.ts';
import { AppError } from '../../errors.ts';
import type { SessionLife } from '../../store/store.ts';
import { HttpGuest } from '../http-guest.ts';
import type { RestParts } from '../rest.ts';
import { isAtRisk } from './help.ts';

/** As often as the words of a client are run again, and the turn before them. */
const LAST_TURNS = 5;

/** What is known of a person when a chat begins. */
export type About = Record<'client_id' | 'locale' | 'country' | 'age_band', string | null>;

export const aboutOf = (given: { [field in keyof About]?: string | null | undefined }): About => ({
  client_id: given.client_id || null,
  locale: given.locale || null,
  country: given.country || null,
  age_band: given.age_band || null,
});

/** An input as a door understood it. */
export interface Said {
  sessionId: string;
  words: string;
  inputId: string | null;
  interrupt: boolean;
}

export const isRefused = (error: unknown, ...codes: ErrorCode[]): error is AppError =>
  error instanceof AppError && codes.includes(error.code);

const isBad = ({ state }: Pick<Admission, 'state'>): boolean => state === 'failed' || state === 'cancelled';

export class Visit {
  readonly req: Request;
  readonly res: Response;
  readonly parts: RestParts;
  readonly guest: HttpGuest;
  readonly #uncounted: HttpGuest;

  constructor(parts: RestParts, req: Request, res: Response) {
    this.req = req;
    this.res = res;
    this.parts = parts;
    this.guest = new HttpGuest(parts, req, res, true);
    this.#uncounted = new HttpGuest({ ...parts, addressOf: () => null }, req, res, false);
  }

  /** Of whoever asks, once anything was asked. */
  get identity(): Identity {
    return this.guest.identity;
  }

  /** The value of an operation, which counts against the limits. @throws what it was refused with */
  ask<N extends OperationName>(name: N, payload: object): Promise<Output<N>> {
    return this.#ask(name, payload, this.guest);
  }

  /** The same for what comes with a request that has been counted already. */
  look<N extends OperationName>(name: N, payload: object): Promise<Output<N>> {
    return this.#ask(name, payload, this.#uncounted);
  }

  async #ask<N extends OperationName>(name: N, payload: object, guest: HttpGuest): Promise<Output<N>> {
    const result = await this.parts.dispatch(name, payload, guest);
    if (result.ok) return result.value;
    throw result.error instanceof AppError ? result.error : new AppError('INTERNAL', { cause: result.error });
  }

  /**
   * Finds out who asks. Over the limits only words at risk go on. [P-12]
   * @throws UNAUTHENTICATED · FORBIDDEN · RATE_LIMITED · STORE_UNAVAILABLE
   */
  async mustBeKnown(words = ''): Promise<void> {
    try {
      await this.ask('session:status', { session_id: 'door' });
    } catch (error) {
      if (isRefused(error, 'SESSION_NOT_FOUND')) return;
      if (!isRefused(error, 'RATE_LIMITED') || !isAtRisk(words)) throw error;
    }
  }

  /** What a body says. Who is not let in hears that before anything else. */
  async read<T>(read: () => T): Promise<T> {
    try {
      return read();
    } catch (error) {
      await this.mustBeKnown();
      throw error;
    }
  }

  /** Says it. A repeat gets the turn there is; one that failed or was cancelled is run again while it is the last one. */
  async say({ sessionId, words, inputId, interrupt }: Said): Promise<Admission> {
    const input = { session_id: sessionId, user_input: words, input_id: inputId, interrupt };
    let admission = await this.ask('session:input', input);
    if (inputId === null) return admission;
    for (let run = 2; admission.duplicate && isBad(admission); run++) {
      const again = await this.#runAgain(sessionId, admission.turn_id, `${inputId} run ${run}`);
      if (!again) break;
      admission = again;
    }
    return admission;
  }

  /** The turn of words that a client sends again by itself, without a name for them; undefined: they are new. */
  async repeated({ sessionId, words }: Said): Promise<Admission | undefined> {
    await this.mustBeKnown(words);
    const last = await this.lastTurn(sessionId);
    if (last?.turn.user_input !== words) return undefined;
    const { admission } = last;
    return isBad(admission) ? this.#runAgain(sessionId, admission.turn_id, null) : admission;
  }

  /** Undefined where another turn came after it. */
  async #runAgain(sessionId: string, turnId: string, inputId: string | null): Promise<Admission | undefined> {
    try {
      return await this.ask('turn:retry', { session_id: sessionId, turn_id: turnId, input_id: inputId });
    } catch (error) {
      if (isRefused(error, 'TURN_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Undefined where nothing was said yet. */
  async lastTurn(sessionId: string): Promise<{ turn: Turn; admission: Admission } | undefined> {
    const turns = await this.turnsOf(sessionId);
    const turn = turns?.at(-1);
    if (!turns || !turn) return undefined;
    const { epoch } = await this.look('session:status', { session_id: sessionId });
    const { turn_id, n, state } = turn;
    const cursor = toCursor({ epoch }, turns.at(-2)?.seq ?? 0);
    return { turn, admission: { turn_id, n, state, cursor, duplicate: true } };
  }

  /** The last ones; undefined: there is no such session. */
  async turnsOf(sessionId: string): Promise<Turn[] | undefined> {
    try {
      return (await this.look('session:history', { session_id: sessionId, limit: LAST_TURNS })).turns;
    } catch (error) {
      if (isRefused(error, 'SESSION_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Where to begin to read for a turn: behind the end of the one before, so that what a person said in between is heard too. */
  async startOf(sessionId: string, { n, cursor }: Admission): Promise<{ life: SessionLife; after: number }> {
    const start = startOf(refOf(this.identity, sessionId), cursor);
    if (n === 1) return start;
    const { turns } = await this.look('session:history', { session_id: sessionId, before: n, limit: 1 });
    return { ...start, after: Math.min(start.after, turns[0]?.seq ?? start.after) };
  }

  /** Opens a session with what is known of the person, before the first words of a chat. One that is there stays as it is. */
  async open(sessionId: string, about: About): Promise<void> {
    if (Object.values(about).every((value) => value === null)) return;
    // what stands in the way of an input, the input itself is told
    await this.ask('session:create', { session_id: sessionId, ...about }).catch(() => undefined);
  }
}
