// One session as its user sees it: its log, what is on its way to it, and the replies that somebody waits for.
import type {
  ChatSession,
  CreateInput,
  KeyValueStorage,
  PendingInput,
  Reply,
  SayOptions,
  SessionEvents,
  SessionInfo,
  SessionState,
} from './api.ts';
import type { Connection } from './connection.ts';
import { ChatError, ConnectionError, waitOf } from './errors.ts';
import type { Arrival, Line, OperationName } from './line.ts';
import { Outbox } from './outbox.ts';
import { cancelled, SessionReply } from './reply.ts';
import { SessionLog } from './session-log.ts';
import { keep, newKey, recall } from './surroundings.ts';
import { nothing, partsOf, turnOf, withEarlier } from './transcript.ts';
import { safely, Value } from './value.ts';
import type { Admission, Operations, SessionExport } from './wire.ts';

/** After a confirmed cancel the end entry of the turn is on its way; it is waited for so long. */
const END_MS = 5_000;
const AGAIN_MS = 1_000;

export interface SessionParts {
  connection: Connection;
  storage: KeyValueStorage | undefined;
  /** Of everything that this client keeps. */
  prefix: string;
  create(input: CreateInput): Promise<Operations['session:create']['output']>;
  /** The handle is in use, under its id if it has one. */
  named(session: Session): void;
  closed(session: Session): void;
}

type OwnOperation = Exclude<
  OperationName,
  'session:create' | 'session:list' | 'server:health' | 'auth:refresh'
>;
type OwnInput<N extends OwnOperation> = Omit<Operations[N]['input'], 'session_id'>;

export class Session implements ChatSession {
  readonly state: Value<SessionState>;
  readonly #parts: SessionParts;
  readonly #log: SessionLog;
  readonly #outbox: Outbox;
  readonly #replies = new Set<SessionReply>();
  readonly #listeners = new Map<string, Set<(payload: never) => void>>();
  #id: string | null;
  #line: Line | null = null;
  #unsubscribe: (() => void) | null = null;
  #making: Promise<SessionInfo> | null = null;
  #draft: string;

  constructor(id: string | null, parts: SessionParts) {
    this.#id = id;
    this.#parts = parts;
    this.#draft = recall(parts.storage, this.#key('draft')) ?? '';
    this.#log = new SessionLog({
      changed: () => this.#changed(),
      applied: (arrival) => this.#emit(arrival),
      turnEnded: () => this.#outbox.turnEnded(),
      restored: () => this.#findLostTurns(),
      deleted: () => this.#forget(),
    });
    this.#outbox = new Outbox({
      storage: parts.storage,
      key: this.#key('inputs'),
      send: (name, input) => this.#request(name, input),
      // what cannot be valid is stored by no server; its refusal says whether the words show risk [P-1]
      screen: (text) =>
        this.#request('session:input', { user_input: text, interrupt: 'never' as unknown as boolean }),
      isLive: () => Boolean(this.#log.transcript?.live),
      stored: (admission) => this.#log.stored(admission),
      refused: ({ safety }) => safety && this.#log.helped(safety),
      changed: () => this.#changed(),
    });
    this.state = new Value(this.#view());
  }

  get id(): string | null {
    return this.#id;
  }

  // following

  /** What is known of it from an answer. */
  adopt(info: SessionInfo): void {
    this.#name(info.session_id);
    this.#log.adopt(info);
  }

  /** The page is back after so long a quiet. */
  resync(quietMs: number): void {
    this.#log.resync(quietMs);
  }

  async open(): Promise<SessionInfo> {
    this.#log.again();
    this.start();
    if (this.#id === null) return await this.#make();
    const { info, error } = await this.state.until(
      ({ info, error, phase }) =>
        info !== null || error !== null || phase === 'absent' || phase === 'deleted',
    );
    if (error) throw error;
    if (!info) throw notFound();
    return info;
  }

  /** Follows from here on, over every line. */
  start(): void {
    if (this.#unsubscribe) return this.#makeIfNone();
    const { connection } = this.#parts;
    this.#parts.named(this);
    this.#outbox.rename(this.#key('inputs'));
    if (connection.state.get().phase === 'closed') return this.abandon(connection.whyNot());
    this.#unsubscribe = connection.line.subscribe(() => this.#attach(connection.line.get()));
    connection.tell({ type: 'wanted' });
    this.#attach(connection.line.get());
  }

  /** Inputs go out first: where they make the session, it is there to be read. */
  #attach(line: Line | null): void {
    if (line === this.#line) return;
    this.#line = line;
    this.#makeIfNone();
    this.#use();
  }

  #makeIfNone(): void {
    if (this.#line && this.#id === null) this.#make().catch(() => {});
  }

  #use(): void {
    this.#outbox.ready(this.#line !== null && this.#id !== null);
    this.#log.attach(this.#id, this.#line);
  }

  /** The server makes the id; the same key until it is known. [S-5] */
  #make(): Promise<SessionInfo> {
    this.#making ??= this.#insist(() => this.#parts.create({})).then(
      (info) => {
        // it was closed meanwhile
        if (!this.#unsubscribe) return info;
        this.adopt(info);
        this.#use();
        return info;
      },
      (error: ChatError | ConnectionError) => {
        this.#making = null;
        this.abandon(error);
        throw error;
      },
    );
    return this.#making;
  }

  /** What was typed and said meanwhile is kept from here on. */
  #name(id: string): void {
    if (this.#id === id) return;
    this.#id = id;
    this.keepDraft(this.#draft);
    this.#outbox.rename(this.#key('inputs'));
    this.#parts.named(this);
  }

  /** An operation on this session. @throws ChatError, ConnectionError */
  #request<N extends OwnOperation>(name: N, input: OwnInput<N>): Promise<Operations[N]['output']> {
    if (this.#id === null) return Promise.reject(notFound());
    const whole = { ...input, session_id: this.#id } as Operations[N]['input'];
    return this.#parts.connection.request(name, whole);
  }

  /** Asked until it is answered. `isRepeat`: an earlier try may have been done. */
  async #insist<T>(ask: (isRepeat: boolean) => Promise<T>): Promise<T> {
    for (let isRepeat = false; ; isRepeat = true) {
      try {
        return await ask(isRepeat);
      } catch (error) {
        const mayPass = error instanceof ChatError ? error.retryable : isLost(error);
        if (!mayPass) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitOf(error) ?? AGAIN_MS));
      }
    }
  }

  // saying

  say(text: string, options: SayOptions = {}): Reply {
    const inputId = options.inputId ?? newKey();
    return this.#send({ inputId, text, interrupt: options.interrupt ?? false, retryOf: null }, options);
  }

  retry(turnId: string, options: Pick<SayOptions, 'signal' | 'onReset'> = {}): Reply {
    const text = turnOf(this.#log.transcript, turnId)?.user_input ?? '';
    return this.#send({ inputId: newKey(), text, interrupt: false, retryOf: turnId }, options);
  }

  #send(kept: Parameters<Outbox['add']>[0], { signal, onReset }: SayOptions): SessionReply {
    const reply = new SessionReply(kept.inputId, (reply) => this.#cancelReply(reply), onReset);
    this.#replies.add(reply);
    this.#outbox.add(kept, (admission, error) => {
      if (admission) this.#admitted(reply, admission);
      else this.#endReply(reply, error ?? cancelled());
    });
    const abort = () => void reply.cancel().catch(() => {});
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
    void reply.response.catch(() => {}).then(() => signal?.removeEventListener('abort', abort));
    this.start();
    return reply;
  }

  #admitted(reply: SessionReply, admission: Admission): void {
    reply.admitted(admission);
    this.#showTurn(reply);
    // a repeat of an input whose turn lies behind what is known
    if ((this.#log.transcript?.seq ?? 0) > partsOf(admission.cursor).seq) this.#findTurn(reply);
  }

  #showTurn(reply: SessionReply): void {
    const turn =
      reply.knownTurnId === undefined ? undefined : turnOf(this.#log.transcript, reply.knownTurnId);
    if (turn) reply.show(turn, this.#log.transcript?.takenBack ?? 0);
    if (reply.isOver) this.#replies.delete(reply);
  }

  #endReply(reply: SessionReply, error: Error): void {
    reply.fail(error);
    this.#replies.delete(reply);
  }

  /** Turns that ended so long ago that a snapshot has them no more. */
  #findLostTurns(): void {
    for (const reply of this.#replies) this.#findTurn(reply);
  }

  #findTurn(reply: SessionReply): void {
    const turnId = reply.knownTurnId;
    if (turnId === undefined || turnOf(this.#log.transcript, turnId)) return;
    this.#insist(() => this.#request('turn:get', { turn_id: turnId })).then(
      (turn) => {
        // a live one is further than the log here, whose words come anyway
        if (turn.ended_at !== null) reply.show(turn, 0);
        if (reply.isOver) this.#replies.delete(reply);
      },
      (error: Error) => this.#endReply(reply, error),
    );
  }

  async #cancelReply(reply: SessionReply): Promise<void> {
    if (reply.isOver || this.#outbox.withdraw(reply.inputId, cancelled())) return;
    const turnId = await reply.turnId.catch(() => undefined);
    if (turnId !== undefined && !reply.isOver) await this.cancel(turnId);
  }

  async cancel(turnId = this.#lastTurnId()): Promise<Operations['turn:cancel']['output']> {
    const answer = await this.#insist(() => this.#request('turn:cancel', { turn_id: turnId }));
    const isOver = () => {
      const { transcript } = this.#log;
      return !transcript || Boolean(turnOf(transcript, answer.turn_id)?.ended_at);
    };
    // its end entry may still be on its way, and words before it
    await this.state.until(isOver, AbortSignal.timeout(END_MS)).catch(() => {});
    return answer;
  }

  /** The live turn; the log may not have come to one that is known to be stored. */
  #lastTurnId(): string | undefined {
    return this.#log.transcript?.live?.turn_id ?? [...this.#replies].at(-1)?.knownTurnId;
  }

  resend(inputId: string): void {
    this.#outbox.resend(inputId);
    this.start();
  }

  withdraw(inputId: string): PendingInput | undefined {
    return this.#outbox.withdraw(inputId, cancelled());
  }

  // reading

  status(): Promise<SessionInfo> {
    return this.#request('session:status', {});
  }

  history(page: { before?: number; limit?: number } = {}): Promise<Operations['session:history']['output']> {
    return this.#request('session:history', page);
  }

  async earlier(): Promise<void> {
    const before = this.#log.transcript;
    const first = before?.turns[0]?.n ?? before?.live?.n;
    const { turns, next_before } = await this.history(first === undefined ? {} : { before: first });
    const now = this.#log.transcript;
    if (!now || now.epoch !== before?.epoch) return;
    this.#log.transcript = withEarlier(now, turns, next_before !== null);
    this.#changed();
  }

  export(): Promise<SessionExport> {
    return this.#request('session:export', {});
  }

  async delete(): Promise<void> {
    await this.#insist((isRepeat) =>
      this.#request('session:delete', {}).catch((error: unknown) => {
        // the first try was done and its answer lost
        if (!(isRepeat && error instanceof ChatError && error.code === 'SESSION_NOT_FOUND')) throw error;
      }),
    );
    this.#log.phase = 'deleted';
    this.#log.gone();
  }

  // keeping

  /** Without an id nothing is kept: another handle without one would find it. */
  #key(what: string): string | null {
    return this.#id === null ? null : `${this.#parts.prefix}${what}:${this.#id}`;
  }

  get draft(): string {
    return this.#draft;
  }

  keepDraft(text: string): void {
    this.#draft = text;
    keep(this.#parts.storage, this.#key('draft'), text || null);
  }

  /** Nothing of a deleted session stays here. */
  #forget(): void {
    const why = notFound();
    this.keepDraft('');
    this.#outbox.clear(why);
    for (const reply of this.#replies) this.#endReply(reply, why);
  }

  // telling

  on<E extends keyof SessionEvents>(event: E, listener: (payload: SessionEvents[E]) => void): () => void {
    const all = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, all.add(listener));
    return () => void all.delete(listener);
  }

  #emit({ event, data }: Arrival): void {
    for (const listener of this.#listeners.get(event) ?? []) safely(() => listener(data as never));
  }

  #view(): SessionState {
    const { transcript, phase, help, error } = this.#log;
    const { epoch: _epoch, seq: _seq, takenBack: _takenBack, ...known } = transcript ?? nothing;
    return { ...known, id: this.#id, phase, pending: this.#outbox.pending, help, error };
  }

  #changed(): void {
    for (const reply of this.#replies) this.#showTurn(reply);
    this.state.set(this.#view());
  }

  /** The connection is closed for good. */
  abandon(error: ChatError | ConnectionError): void {
    this.#log.error = error;
    this.#changed();
    this.#outbox.abandon(error);
    for (const reply of this.#replies) this.#endReply(reply, error);
  }

  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#line = null;
    this.#log.attach(this.#id, null);
    this.abandon(new ConnectionError('closed'));
    this.#listeners.clear();
    this.#parts.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const isLost = (error: unknown) => error instanceof ConnectionError && error.reason !== 'closed';

const notFound = (): ChatError => new ChatError({ code: 'SESSION_NOT_FOUND', status: 404 });
