// The client rule of docs/protocol.md section 3, written apart from the server: what a client must end with, and
// every way in which a server can break its promises on the way there.
import type { z } from 'zod';
import {
  Deleted,
  Done,
  Ended,
  Frame,
  Page,
  Snapshot,
  Started,
  Tail,
  Words,
  endStates,
  loggedEvents,
  snapshotTurns,
} from './fold-shapes.ts';
import type { SnapshotTurn } from './fold-shapes.ts';
import { PATIENCE_MS, createChanges, until } from './wait.ts';
import type { Subscribe } from './wait.ts';

/** Which promise was broken. */
export type Rule =
  /** [P-2] entries are missing between the cursor and the frame. */
  | 'gap'
  /** [P-2] a frame stands for entries on both sides of the cursor. */
  | 'overlap'
  /** Text begins elsewhere than where ours ends. */
  | 'at'
  /** [P-3] the text of the log is not ours. */
  | 'text'
  /** [P-6] [P-7] [P-8] a turn speaks before it starts, after its end, or beside another one. */
  | 'turn'
  /** [P-9] a cursor that is not ours, or one that goes back. */
  | 'cursor'
  /** The event is not as the contract says. */
  | 'shape';

export class FoldError extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`);
    this.name = 'FoldError';
    this.rule = rule;
  }
}

export interface FoldedTurn {
  turnId: string;
  n: number;
  userInput: string;
  text: string;
  state: 'live' | 'done' | 'failed' | 'cancelled';
}

interface Cursor {
  epoch: string;
  seq: number;
}

interface Counts {
  /** Logged frames that came, and those of them that were applied or ignored as repeats. */
  frames: number;
  applied: number;
  repeats: number;
  /** Applied frames that stand for more than one entry. */
  merged: number;
  resets: number;
  snapshots: number;
  /** Events that are not logged. */
  unlogged: number;
}

/**
 * One follower of one session. Feed it whatever the server sends, over any transports in any order of connections; it
 * throws a `FoldError` at the first broken promise, and keeps it for whoever waits.
 */
export class Client {
  readonly sessionId: string;
  readonly counts: Counts = {
    frames: 0,
    applied: 0,
    repeats: 0,
    merged: 0,
    resets: 0,
    snapshots: 0,
    unlogged: 0,
  };
  readonly #turns = new Map<string, FoldedTurn>();
  readonly #changes = createChanges();
  #cursor: Cursor | undefined;
  #isDeleted = false;
  #broken: FoldError | undefined;

  constructor(sessionId: string) {
    this.sessionId = sessionId;
  }

  /** What to hand in as `after`; undefined before anything is known. */
  get cursor(): string | undefined {
    return this.#cursor && `${this.#cursor.epoch}.${this.#cursor.seq}`;
  }

  get seq(): number {
    return this.#cursor?.seq ?? 0;
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Every turn it knows, oldest first. */
  get turns(): readonly FoldedTurn[] {
    return [...this.#turns.values()].sort((a, b) => a.n - b.n);
  }

  get live(): FoldedTurn | undefined {
    return this.turns.find(({ state }) => state === 'live');
  }

  /** The text of a turn; of the latest one without an id. */
  text(turnId?: string): string {
    const turn = turnId === undefined ? this.turns.at(-1) : this.#turns.get(turnId);
    return turn?.text ?? '';
  }

  /** Another client that knows the same: a second device, or a tab that went on from what it had kept. */
  copy(): Client {
    const twin = new Client(this.sessionId);
    twin.#cursor = this.#cursor && { ...this.#cursor };
    twin.#isDeleted = this.#isDeleted;
    for (const [id, turn] of this.#turns) twin.#turns.set(id, { ...turn });
    return twin;
  }

  readonly subscribe: Subscribe = (changed) => this.#changes.subscribe(changed);

  /** Resolves when the condition holds; rejects as soon as a promise is broken. */
  async until(condition: (client: this) => boolean, label: string, ms = PATIENCE_MS): Promise<void> {
    const look = () => {
      if (this.#broken) throw this.#broken;
      return condition(this);
    };
    await until(look, this.subscribe, () => `${label}: ${this.#describe()}`, ms);
  }

  /** Resolves with the turn once its end entry was applied. */
  async ended(turnId: string, ms = PATIENCE_MS): Promise<FoldedTurn> {
    const find = () => this.#turns.get(turnId);
    await this.until(() => (find()?.state ?? 'live') !== 'live', `the end of turn ${turnId}`, ms);
    return find() ?? this.#fail('turn', `no turn ${turnId}`);
  }

  /** The cursor in the ack of a create or an input: where whoever follows nothing of this life yet begins. [S-6] */
  acked(cursor: string): void {
    this.#guard(() => {
      const given = this.#parse(cursor);
      if (this.#cursor?.epoch === given.epoch) return;
      this.#forget();
      this.#cursor = given;
      this.#isDeleted = false;
    });
  }

  /** The ack of `session:join`, the answer of a long poll, or the payload of `session:snapshot`. */
  joined(answer: unknown): void {
    this.#guard(() => {
      const snapshot = Snapshot.safeParse(answer);
      if (snapshot.success) return this.#replace(snapshot.data);
      const page = Page.safeParse(answer);
      if (page.success) return this.#page(page.data);
      const { cursor } = this.#read(Tail, answer);
      this.#cursor ??= this.#parse(cursor);
      this.#expectCursor(cursor);
    });
  }

  /** An `id:` of SSE, or a cursor the server says this client has now. */
  at(cursor: string): void {
    this.#guard(() => this.#expectCursor(cursor));
  }

  /** Any event of a follow, logged or not. */
  apply(event: string, payload: unknown): void {
    this.#guard(() => {
      if (event === 'session:snapshot') this.#replace(this.#read(Snapshot, payload));
      else if (loggedEvents.includes(event)) this.#frame(event, payload);
      else this.#unlogged(event, payload);
    });
  }

  #page({ entries, cursor }: z.output<typeof Page>): void {
    for (const { seq, event, data } of entries) {
      const inner = this.#read(Frame, data);
      if (inner.seq !== seq) this.#fail('shape', `entry ${seq} holds a payload of ${inner.seq}`);
      this.#frame(event, data);
    }
    this.#expectCursor(cursor);
  }

  #unlogged(event: string, payload: unknown): void {
    this.counts.unlogged++;
    if (event !== 'session:deleted') return;
    const { session_id: sessionId, epoch } = this.#read(Deleted, payload);
    if (sessionId !== this.sessionId) this.#fail('shape', `an event of session ${sessionId}`);
    if (this.#cursor && epoch !== this.#cursor.epoch) return;
    this.#forget();
    this.#isDeleted = true;
  }

  #forget(): void {
    this.#turns.clear();
    this.#cursor = undefined;
  }

  /** Rule 4 and [P-9]: a snapshot takes the place of all there was, and may not contradict it. */
  #replace(snapshot: z.output<typeof Snapshot>): void {
    this.counts.snapshots++;
    const next = this.#parse(snapshot.cursor);
    if (snapshot.session.session_id !== this.sessionId) this.#fail('shape', 'a snapshot of another session');
    if (snapshot.session.epoch !== next.epoch)
      this.#fail('cursor', 'the cursor is of another epoch than the session');
    if (this.#cursor?.epoch !== next.epoch) this.#forget();
    if (next.seq < this.seq) this.#fail('cursor', `a snapshot at ${next.seq}, behind ${this.seq}`);
    for (const turn of snapshot.turns) this.#learn(turn, false);
    if (snapshot.live) this.#learn(snapshot.live, true);
    this.#dropUnlisted(snapshot);
    this.#cursor = next;
    this.#isDeleted = false;
  }

  /** One turn of a snapshot: what we knew of an ended one must be the same. [P-3] */
  #learn(turn: z.output<typeof SnapshotTurn>, isLive: boolean): void {
    const { turn_id: turnId, n, user_input: userInput, text } = turn;
    const state = turn.state === 'queued' || turn.state === 'running' ? 'live' : turn.state;
    if ((state === 'live') !== isLive) this.#fail('turn', `${turnId} of a snapshot is ${turn.state}`);
    const known = this.#turns.get(turnId);
    const isSame = known?.text === text && known.state === state;
    if (known && known.state !== 'live' && !isSame)
      this.#fail('text', `turn ${turnId} changed after its end`);
    this.#turns.set(turnId, { turnId, n, userInput, text, state });
  }

  /** A turn we saw live is in the snapshot, unless so many have ended since that it has no room there. */
  #dropUnlisted({ turns, live }: z.output<typeof Snapshot>): void {
    const listed = new Set([...turns, ...(live ? [live] : [])].map((turn) => turn.turn_id));
    for (const { turnId, state } of this.turns) {
      if (state !== 'live' || listed.has(turnId)) continue;
      if (turns.length < snapshotTurns)
        this.#fail('turn', `live turn ${turnId} is in no part of the snapshot`);
      this.#turns.delete(turnId);
    }
  }

  /** Rule 1. */
  #frame(event: string, payload: unknown): void {
    const { session_id: sessionId, seq, from = seq } = this.#read(Frame, payload);
    this.counts.frames++;
    if (sessionId !== this.sessionId) this.#fail('shape', `an event of session ${sessionId}`);
    if (from > seq) this.#fail('shape', `entries ${from}..${seq}`);
    const cursor = this.#cursor ?? this.#fail('cursor', `${event} ${seq} before any cursor`);
    if (seq <= cursor.seq) {
      this.counts.repeats++;
      return;
    }
    if (from > cursor.seq + 1) this.#fail('gap', `${event} ${from}..${seq} after ${cursor.seq}`);
    if (from <= cursor.seq) this.#fail('overlap', `${event} ${from}..${seq} after ${cursor.seq}`);
    this.#fold(event, payload, seq - from + 1);
    cursor.seq = seq;
    this.counts.applied++;
    if (from < seq) this.counts.merged++;
  }

  /** Rules 2 and 3. `entries` is how many entries the frame stands for. */
  #fold(event: string, payload: unknown, entries: number): void {
    switch (event) {
      case 'turn:started':
        return this.#start(this.#read(Started, payload));
      case 'therapist:token':
        return this.#append(this.#read(Words, payload));
      case 'therapist:reset':
        return this.#reset(this.#read(Words, payload));
      case 'therapist:done': {
        const { turn_id: turnId, therapist_response: text } = this.#read(Done, payload);
        return this.#end('done', { turnId, text, entries });
      }
      case 'therapist:error':
      case 'turn:cancelled': {
        const { turn_id: turnId, text } = this.#read(Ended, payload);
        return this.#end(endStates[event], { turnId, text, entries });
      }
      default:
    }
  }

  #start({ turn_id: turnId, n, user_input: userInput }: z.output<typeof Started>): void {
    const { live } = this;
    if (live) this.#fail('turn', `${turnId} starts while ${live.turnId} is live`);
    if (this.#turns.has(turnId)) this.#fail('turn', `${turnId} starts again`);
    const last = this.turns.at(-1)?.n ?? 0;
    if (n <= last) this.#fail('turn', `turn number ${n} after ${last}`);
    this.#turns.set(turnId, { turnId, n, userInput, text: '', state: 'live' });
  }

  #append({ turn_id: turnId, at, text }: z.output<typeof Words>): void {
    const turn = this.#mustLive(turnId);
    if (at !== turn.text.length) this.#fail('at', `text at ${at} for a reply of ${turn.text.length}`);
    if (!text.isWellFormed()) this.#fail('shape', `a surrogate pair is cut at ${at}`);
    turn.text += text;
  }

  #reset({ turn_id: turnId, at, text }: z.output<typeof Words>): void {
    const turn = this.#mustLive(turnId);
    this.counts.resets++;
    if (at !== text.length) this.#fail('at', `a reset at ${at} to a text of ${text.length}`);
    if (!turn.text.startsWith(text)) this.#fail('text', 'a reset to words that were never there');
    turn.text = text;
  }

  /** An end entry that stands for dropped tokens too makes the text whole; any other one has the text we have. */
  #end(
    state: FoldedTurn['state'],
    { turnId, text, entries }: { turnId: string; text: string; entries: number },
  ): void {
    const turn = this.#mustLive(turnId);
    const isEqual = turn.text === text;
    if (!isEqual && entries === 1) this.#fail('text', firstDifference(turn.text, text));
    turn.text = text;
    turn.state = state;
  }

  #mustLive(turnId: string): FoldedTurn {
    const turn = this.#turns.get(turnId) ?? this.#fail('turn', `${turnId} has not started`);
    if (turn.state !== 'live') this.#fail('turn', `${turnId} goes on after it was ${turn.state}`);
    return turn;
  }

  #expectCursor(cursor: string): void {
    if (cursor !== this.cursor) this.#fail('cursor', `${cursor} where ${this.cursor} is due`);
  }

  #parse(cursor: string): Cursor {
    const match = /^(.+)\.(0|[1-9]\d*)$/s.exec(cursor);
    if (!match?.[1]) return this.#fail('cursor', `${JSON.stringify(cursor)} is no cursor`);
    return { epoch: match[1], seq: Number(match[2]) };
  }

  #read<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
    const parsed = schema.safeParse(value);
    if (!parsed.success) return this.#fail('shape', `${parsed.error.message} in ${JSON.stringify(value)}`);
    return parsed.data;
  }

  #fail(rule: Rule, message: string): never {
    throw new FoldError(rule, `${message} (session ${this.sessionId} at ${this.cursor})`);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof FoldError) this.#broken ??= error;
      throw error;
    } finally {
      this.#changes.notify();
    }
  }

  #describe(): string {
    const turns = this.turns.map(({ turnId, state, text }) => `${turnId} ${state} ${text.length}`).join(', ');
    return `cursor ${this.cursor}, turns ${turns || 'none'}`;
  }
}

function firstDifference(ours: string, theirs: string): string {
  let i = 0;
  while (i < ours.length && ours[i] === theirs[i]) i++;
  const part = (text: string) => JSON.stringify(text.slice(Math.max(0, i - 10), i + 20));
  return `differs from index ${i}: folded ${part(ours)}, the end says ${part(theirs)}`;
}
