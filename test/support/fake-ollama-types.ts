// What a test can ask of the fake Ollama, and what the fake tells about the requests it got.

export interface FakeMessage {
  role: string;
  content: string;
}

/** A model the fake has on its disk. `llama3.1` and `llama3.1:latest` are one. */
export interface FakeModel {
  name: string;
  /** Default `["completion"]`; with `"thinking"` it thinks unless told not to, as the real one does. */
  capabilities?: readonly string[];
  /** Default 8,192. */
  contextLength?: number;
  /** Names its weights; default: made from the name. */
  digest?: string;
  /** Whether it is in memory at the start; default true. */
  loaded?: boolean;
}

/**
 * What a request is for. `load` and `unload` are chats with no messages, `render` one with `_debug_render_only`, `choice`
 * one with a `format`.
 */
export type RequestKind =
  | 'chat'
  | 'load'
  | 'unload'
  | 'render'
  | 'choice'
  | 'root'
  | 'version'
  | 'tags'
  | 'show'
  | 'ps'
  | 'pull'
  | 'embed'
  | 'unknown';

/**
 * What goes wrong once `after` pieces (of thought or of text; lines of a pull) are out. Default 0: before the first, and
 * before the headers, which go out with it. More pieces than there are: after the last one, before the last line.
 *
 * `error`: a line `{"error"}`, then the end. `end`: a complete HTTP body with no `done`. `close`: FIN in the middle of
 * the body. `reset`: RST. `silence`: nothing more, for ever; with `headers` the headers are out in any case. Of these,
 * `partial` bytes of the next line go out first (default 0).
 * `line`: these raw bytes as they are, then it goes on. `long-line`: one line of that many bytes, then it goes on.
 * `whitespace`: pieces of one space, for ever (not counted in the record). `html`: status 200 with a page of HTML instead of everything.
 */
export type Fault =
  | { kind: 'error'; after?: number; message?: string }
  | { kind: 'end' | 'close' | 'reset'; after?: number; partial?: number }
  | { kind: 'silence'; after?: number; partial?: number; headers?: boolean }
  | { kind: 'line'; after?: number; line: string }
  | { kind: 'long-line'; after?: number; bytes: number }
  | { kind: 'whitespace'; after?: number }
  | { kind: 'html' };

/**
 * What is made of an assistant message that ends the conversation.
 *
 * `honoured`: goes on at exactly that character. `ignored`: the whole reply again. `ignored-anew`: a whole other reply.
 * `repeats-prefix`: the prefill, then what follows. `repeats-sentence`: the last sentence of the prefill, then what
 * follows. `trims-prefix`: the template cuts trailing whitespace off, so the reply brings it again.
 * `trims-output`: the reply comes without its leading whitespace.
 */
export type PrefillHabit =
  | 'honoured'
  | 'ignored'
  | 'ignored-anew'
  | 'repeats-prefix'
  | 'repeats-sentence'
  | 'trims-prefix'
  | 'trims-output';

/** How one request is answered. Everything absent is as a healthy, instant Ollama does it. */
export interface Behaviour {
  /** The whole reply (without regard to a prefill); absent: made from model, messages and seed. */
  reply?: string | ((messages: readonly FakeMessage[]) => string);
  /**
   * Of a `choice`: the value that is put wherever the schema has a list of values, whether it is on that list or not;
   * absent: the first of each. A `reply` is said as it is, whatever the schema asks for.
   */
  choice?: string;
  /** Length of a made reply in words; default 40. */
  words?: number;
  /** Puts emoji, ZWJ sequences, combining marks, RTL, CRLF and `data:` lines in a made reply. */
  hardText?: boolean;
  /** What it thinks when it thinks; default a short sentence. */
  thinking?: string;
  /** UTF-16 units per piece, taken in turn; default: one word with the space before it. */
  pieceSize?: number | readonly number[];
  /** Lets a piece end inside a surrogate pair; default false. */
  splitPairs?: boolean;
  /** Pieces per second; absent: no delay. */
  rate?: number;
  /** Bytes per write (and HTTP chunk), taken in turn, across lines; default: one line per write. */
  packetBytes?: number | readonly number[];
  /** Answer with this status and `{"error"}` before anything else. */
  refuse?: { status: number; error?: string };
  /** Time before anything is done with the request, in ms. */
  headersDelayMs?: number;
  /** Time a load takes when this request starts it, in ms; default 0. */
  loadMs?: number;
  /** Time of prompt evaluation, in ms; default 0. */
  promptMs?: number;
  /** How long prompt evaluation goes on (and keeps its slot) after the client has left, in ms; default 0. */
  lingerMs?: number;
  prefill?: PrefillHabit;
  /** Answer 400 to a prefill with `think` on; default false. */
  refusePrefillWithThink?: boolean;
  /**
   * `_debug_render_only`. `open` (default): the rendered template ends with the prefill. `trimmed`: with the prefill
   * less its trailing whitespace. `closed`: an end-of-turn marker follows it. `unknown`: the option does not exist,
   * a normal reply is streamed.
   */
  render?: 'open' | 'trimmed' | 'closed' | 'unknown';
  fault?: Fault;
  /** Default `stop`, or `length` when `num_predict` cut it. */
  doneReason?: string;
  /** Which progress a pull tells, and what the model can do that it brings; default 3 steps of 1,000 bytes, and `["completion"]`. */
  pull?: { total: number; steps: number; capabilities?: readonly string[] };
  /** Of an `embed`: what is made of the texts; absent: unit vectors made from their words. */
  vectors?: (texts: readonly string[]) => unknown;
}

/**
 * Where a request can be held, in the order it comes by: `request` it was read; `load` a load it waits for is begun, or waits for room;
 * `slot` it waits for one of the parallel generations; `prompt` it has one; `piece` n: n pieces are out;
 * `done`: all pieces are out, the last line is not; `linger`: it goes on though the client has left.
 */
export type Point = 'request' | 'load' | 'slot' | 'prompt' | 'piece' | 'done' | 'linger';

/** `client`: the client closed it. `stopped`: the fake was stopped. The rest: what the fake itself did. */
export type Ending = 'done' | 'refused' | 'error' | 'end' | 'close' | 'reset' | 'html' | 'client' | 'stopped';

/** One request as the fake saw it; it goes on changing until `endedAt` is set. Times are `performance.now()`. */
export interface RequestRecord {
  /** Number of the request, over all kinds, from 0. */
  readonly index: number;
  readonly kind: RequestKind;
  /** Method and path. */
  readonly route: string;
  readonly model: string;
  /** The JSON body as it came, or null. */
  readonly body: unknown;
  /** The header of that name, or null. */
  readonly authorization: string | null;
  readonly arrivedAt: number;
  /** The whole reply this answer is taken from. */
  reply: string;
  /** The assistant message that ended the conversation, or null. */
  prefill: string | null;
  /** Whether the prefill was a prefix of the reply; null without a prefill. */
  prefillFits: boolean | null;
  firstByteAt: number | null;
  piecesSent: number;
  /** Content of the pieces sent. */
  textSent: string;
  /** When the connection was closed before the answer was whole, or null. */
  closedAt: number | null;
  endedAt: number | null;
  ending: Ending | null;
}

export interface FakeOptions {
  /** Default 0: the system chooses. */
  port?: number;
  /** Default `["llama3.1"]`. */
  models?: readonly (string | FakeModel)[];
  /** Part of what a made reply is made from, unless the request has `options.seed`; default 1. */
  seed?: number;
  /** Parallel generations per model; the next ones wait without limit and without a sign. Default: no limit. */
  slots?: number;
  /**
   * Models in memory at once (OLLAMA_MAX_LOADED_MODELS); default 3, as without a graphics card. Where there is no room for one
   * more, it waits until one has nothing to do, and pushes that out: of several the one that is kept for the shortest time.
   */
  maxLoaded?: number;
  /** Whether a load fails for all who wait when the client that began it leaves, as the real one does; default true. */
  fragileLoad?: boolean;
  /** As by `always`. */
  behaviour?: Behaviour;
}

/** A fake Ollama on 127.0.0.1, speaking real HTTP. Disposing stops it. */
export interface FakeOllama extends AsyncDisposable {
  /** `http://127.0.0.1:port`, the same after `start()`. */
  readonly url: string;
  readonly port: number;

  /** How the next requests of a kind (default `chat`) are answered, over what `always` says; used up in turn. */
  next(behaviour: Behaviour, times?: number, kind?: RequestKind): void;
  /**
   * How all requests of a kind (default `chat`) are answered from now on; replaces what was said before. `loadMs` and
   * `render` of `chat` hold for `load` and `render` too, unless these say otherwise.
   */
  always(behaviour: Behaviour, kind?: RequestKind): void;
  /** Parallel generations per model from now on. */
  setSlots(slots: number): void;
  /** Models in memory at once from now on; what is there stays until another one needs its room. */
  setMaxLoaded(models: number): void;

  /** The reply it would make of a conversation (a prefill at its end is not looked at). */
  replyTo(model: string, messages: readonly FakeMessage[], behaviour?: Behaviour): string;

  /** Whoever comes to the point stays there until `release`. Requests that are past it are not held. */
  hold(point: Point, n?: number): void;
  /** Lets everyone at the point go, and no longer holds there; without a point: everywhere. */
  release(point?: Point, n?: number): void;
  /** The first request numbered `from` or later that is at the point or was there; waits for it. */
  reached(point: Point, n?: number, from?: number): Promise<RequestRecord>;
  /** The first ended request numbered `from` or later of that kind (default `chat`); waits for it. */
  ended(from?: number, kind?: RequestKind): Promise<RequestRecord>;

  readonly requests: readonly RequestRecord[];
  /** The requests of one kind. */
  of(kind: RequestKind): readonly RequestRecord[];
  /** Requests that are not over. */
  readonly open: number;
  /** Generations that hold a slot now, those that linger too; and the most there ever were at once. */
  readonly generating: number;
  readonly maxGenerating: number;
  /** Resolves when no request is open and nothing lingers. */
  idle(): Promise<void>;
  /** Resolves when `condition` holds; it is looked at after everything that happens in the fake. */
  until(condition: () => boolean, label: string): Promise<void>;

  /** Names of the models on disk, and of those in memory. */
  readonly installed: readonly string[];
  readonly loaded: readonly string[];
  install(model: string | FakeModel): void;
  uninstall(name: string): void;
  /** As when its `keep_alive` runs out, which nothing here does by itself. */
  unload(name: string): void;

  /** Goes away: closes the port and cuts every connection (by RST when asked). Memory is empty afterwards. */
  stop(options?: { reset?: boolean }): Promise<void>;
  /** Comes back on the same port. */
  start(): Promise<void>;
}
