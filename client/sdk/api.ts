// What the SDK promises. The words of the wire (docs/protocol.md) keep their names and their snake_case here.
import type { ChatError, ConnectionError } from './errors.ts';
import type {
  Disclosure,
  HumanMessage,
  Operations,
  Pushes,
  Resource,
  SafetyLevel,
  Session as SessionInfo,
  SessionExport,
  TherapistResponse,
  Turn,
} from './wire.ts';

export type { SessionInfo };

/** Something that changes: `get` answers the same object until it has changed, `subscribe` tells when it has. */
export interface Readable<T> {
  get(): T;
  /** Answers how to stop it. */
  subscribe(listener: () => void): () => void;
}

/** How frames come: Socket.IO, server-sent events, or long polls; requests go over the socket or by POST. */
export type Transport = 'socket' | 'stream' | 'poll';

/** What `localStorage` and `sessionStorage` are. */
export interface KeyValueStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ClientOptions {
  /** Address of the server, such as `https://chat.example.org`; in a browser the default is where the page comes from. */
  url?: string;
  /**
   * For servers that ask who comes in. A function is asked for every connection (without a socket: every request), and
   * again before a token runs out; a text ends with what it says.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * Where inputs that are not sent yet, and drafts, outlive a reload. Default: `sessionStorage` in a browser (gone with
   * the tab), else nowhere.
   */
  storage?: KeyValueStorage;
  /** What may be used, best first. Default: socket, stream, poll. */
  transports?: readonly Transport[];
}

/** One of these at a time; each is a new object. */
export type ConnectionState =
  /** Nothing was asked for yet. */
  | { phase: 'idle' }
  /** `attempt` counts from 1 and begins anew once a connection has held for 10 s. */
  | { phase: 'connecting'; attempt: number }
  | { phase: 'online'; via: Transport; attempt: number }
  /** Nothing is tried for `delayMs`. */
  | { phase: 'waiting'; attempt: number; delayMs: number; reason: 'lost' | 'unreachable' | 'draining' }
  /** The device says that it has no network; the next try is made when it says that it has one. */
  | { phase: 'offline' }
  /** By `close()`, or because the server does not let this client in (`error`). */
  | { phase: 'closed'; error: ChatError | null };

export type ModelStatus = Pushes['model:status'];
export type Notice = Pushes['server:notice'];

export interface ChatClient extends Disposable {
  readonly connection: Readable<ConnectionState>;
  /** What the server last said of its model; null: nothing. */
  readonly model: Readable<ModelStatus | null>;
  /**
   * The latest words of the people behind the server to everybody, beside every session; null: none since this client was made. Each
   * stream brings a copy: the same `at` is the same notice.
   */
  readonly notice: Readable<Notice | null>;
  /**
   * The session of that id, which need not exist yet: its first input makes it. Without an id the server makes one (`session.id`
   * is null until then). The same id gives the same object until that is closed. Connects nothing.
   */
  session(id?: string): ChatSession;
  /**
   * Makes a session that must not exist yet. A lost answer is asked for again with the same `create_key`, so there is
   * never a second one.
   * @throws ChatError SESSION_CONFLICT: the id is taken.
   */
  create(input?: CreateInput): Promise<ChatSession>;
  /** Any operation of the protocol, by its name. @throws ChatError with its codes, ConnectionError: no answer came. */
  request<N extends keyof Operations>(
    name: N,
    input: Operations[N]['input'],
    options?: RequestOptions,
  ): Promise<Operations[N]['output']>;
  /** Leaves every session and ends the connection. Inputs that were not stored stay in `storage`. */
  close(): void;
}

export type CreateInput = Exclude<Operations['session:create']['input'], string | null | undefined>;

export interface RequestOptions {
  signal?: AbortSignal;
  /** How long an answer is waited for; default 10,000. */
  timeoutMs?: number;
}

/** An input on its way. */
export interface PendingInput {
  /** Made before the first try and kept over reloads: the server takes an input once, however often it comes. */
  readonly inputId: string;
  readonly text: string;
  /** `waiting` for its turn, the network or the server; `sending`; `refused`: it goes out again only by `resend`. */
  readonly state: 'waiting' | 'sending' | 'refused';
  /** Why the last try was not taken. */
  readonly error: ChatError | ConnectionError | null;
}

/** A turn as it is known now; a new object whenever it changes. */
export type TurnView = Turn;

/** Places to get help, with the words that came with them if any did. */
export interface Help {
  readonly level: SafetyLevel;
  readonly text: string | null;
  readonly resources: readonly Resource[];
}

/** A disclosure, or a person's words that are no reply; to be shown in turn `n`, before its reply (0: before all turns). */
export type Remark =
  | ({ readonly kind: 'disclosure'; readonly n: number } & Pick<Disclosure, 'seq' | 'text' | 'prominence'>)
  | ({ readonly kind: 'human'; readonly n: number } & Pick<HumanMessage, 'seq' | 'text' | 'name'>);

/** What a live turn is doing while no words come. */
export interface Activity {
  readonly turnId: string;
  readonly phase: Pushes['turn:status']['phase'];
  /** Place in the queue for the model, 1 is next. */
  readonly position: number | null;
}

/** Everything known of a session. Never changed in place: what is the same object is the same. */
export interface SessionState {
  readonly id: string | null;
  /**
   * `new`: nothing known yet. `following`: it is shown as the server has it, or had it when the connection was lost.
   * `absent`: the server has no such session (its first input makes it). `deleted`: it had one; nothing of it is here any more.
   */
  readonly phase: 'new' | 'following' | 'absent' | 'deleted';
  /** Of the last snapshot, answer or update. */
  readonly info: SessionInfo | null;
  /** Ended turns, oldest first. */
  readonly turns: readonly TurnView[];
  readonly live: TurnView | null;
  readonly activity: Activity | null;
  /** Turns before `turns[0]` are to be had by `earlier()`. */
  readonly hasEarlier: boolean;
  readonly pending: readonly PendingInput[];
  readonly remarks: readonly Remark[];
  /** The latest help; it stays until the session is deleted. */
  readonly help: Help | null;
  /** Ids of turns whose words are a person's. */
  readonly humanTurns: ReadonlyMap<string, string>;
  /** Why the session cannot be followed; it is tried again where that can help. */
  readonly error: ChatError | ConnectionError | null;
}

export interface SayOptions {
  /** Cancel a live turn in the same step; without it the input waits for the end of that turn. */
  interrupt?: boolean;
  /** Made if absent. The same id and text is the same input, also in another process. */
  inputId?: string;
  /** Takes back an input that is not stored yet, and cancels its turn otherwise. */
  signal?: AbortSignal;
  /**
   * Told when words that were handed out are taken back (`therapist:reset`); what comes next goes on from `kept`. Without
   * it an iteration that handed such words out throws `ReplyReset`.
   */
  onReset?: (kept: string) => void;
}

/**
 * The reply to one input. Iterating gives its words in order; together they are its text. Each iteration begins at the first word. It
 * ends where the reply is done or was cancelled, and throws what `response` rejects with where it failed.
 */
export interface Reply extends AsyncIterable<string> {
  readonly inputId: string;
  /** The words so far. */
  readonly text: string;
  /** Resolves once the input is stored. */
  readonly turnId: Promise<string>;
  /**
   * The whole response once the turn is done. Rejects with ChatError: the code of the refusal, of the failed turn, or
   * TURN_CANCELLED. Nobody has to listen.
   */
  readonly response: Promise<TherapistResponse>;
  /** Takes back what is not stored; cancels the turn otherwise. Resolves when no further word can come. [P-7] */
  cancel(): Promise<void>;
}

/** The events of a session, by their names on the wire. Logged ones come once and in order. */
export type SessionEvents = Omit<
  Pushes,
  'model:status' | 'server:notice' | 'auth:expiring' | 'server:draining'
>;

export interface ChatSession extends Disposable {
  /** Null until the server made one. */
  readonly id: string | null;
  readonly state: Readable<SessionState>;
  /**
   * Follows the session from here on, over every reconnect. Where the handle has no id, it makes a session. Saying something does it too.
   * @throws ChatError SESSION_NOT_FOUND: an input would make it.
   */
  open(): Promise<SessionInfo>;
  /** Takes the words over at once; they go out in order, as soon as it is possible, and are stored once. */
  say(text: string, options?: SayOptions): Reply;
  /** Runs the last turn again if that failed or was cancelled. */
  retry(turnId: string, options?: Pick<SayOptions, 'signal' | 'onReset'>): Reply;
  /** Stops a turn, by default the live one. Asked for until it is answered. @throws ChatError TURN_NOT_FOUND */
  cancel(turnId?: string): Promise<Operations['turn:cancel']['output']>;
  status(): Promise<SessionInfo>;
  history(page?: { before?: number; limit?: number }): Promise<Operations['session:history']['output']>;
  /** Puts the page of turns before those of `state` into it. */
  earlier(): Promise<void>;
  /** All that the server stores of it. */
  export(): Promise<SessionExport>;
  /** Deletes it there and here. */
  delete(): Promise<void>;
  /** Sends a refused input once more. */
  resend(inputId: string): void;
  /** Takes back an input that was not stored; undefined: it may be stored already. */
  withdraw(inputId: string): PendingInput | undefined;
  /** What was typed and not said yet. */
  readonly draft: string;
  keepDraft(text: string): void;
  /** Answers how to stop it. */
  on<E extends keyof SessionEvents>(event: E, listener: (payload: SessionEvents[E]) => void): () => void;
  /** Stops following. Nothing changes on the server. [P-10] */
  close(): void;
}
