import { hostname } from 'node:os';
import { z } from 'zod';
import { Announcer } from './announcer.ts';
import { Chunks } from './chunks.ts';
import { hostName } from './host-name.ts';
import type { JsonLine } from './ndjson.ts';
import { isUsable, ModelError } from './model.ts';
import type { Model, ModelEvent, ModelRequest, ModelState, Prefill, Question } from './model.ts';
import { chooseWith } from './ollama-choose.ts';
import { OllamaHttp, toModelError } from './ollama-http.ts';
import { OllamaLoader } from './ollama-load.ts';
import { OllamaMonitor } from './ollama-monitor.ts';
import { PrefillProber } from './ollama-prefill.ts';
import { createSetup } from './ollama-setup.ts';
import type { OllamaSetup } from './ollama-setup.ts';
import { ReplyLimits } from './reply-limits.ts';
import { Call, leavable } from './watchdog.ts';

/** What the adapter tells an operator; a pino logger fits. Never holds message text, and words of the server only at `debug`. */
export interface ModelLog {
  debug?(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface OllamaOptions {
  baseUrl: string;
  model: string;
  /** How long the model stays in memory after a request: seconds, or a duration such as `5m`; negative is for ever. */
  keepAlive: string;
  /** Size of the context in tokens. Costs memory for each of Ollama's parallel requests. */
  numCtx: number;
  /** Most tokens of one reply. */
  numPredict: number;
  temperature: number;
  /** Pull the model when the server does not have it. */
  pull: boolean;
  /** Time between two looks at a model that is not there; one that is there is looked at five times less often. */
  checkMs: number;
  /** Longest wait for a connection. */
  connectMs: number;
  /** Longest wait of `known`, while the first look may go on; default 2,000. */
  knownMs?: number;
  /** Longest load of the model. */
  loadMs: number;
  /** Longest wait for the first word once the model is loaded: long prompts take long. */
  firstTokenMs: number;
  /** Longest silence between two words. */
  stallMs: number;
  /** Longest reply. */
  totalMs: number;
  log?: ModelLog;
}

const Line = z.object({
  message: z.object({ content: z.string().optional() }).optional(),
  done: z.boolean().optional(),
  done_reason: z.string().optional(),
});

const KNOWN_MS = 2_000;

/** A model that an Ollama server runs; follows that server's coming and going. */
export function createOllama(options: OllamaOptions): Model {
  return new OllamaModel(options);
}

/** What is known of the model's place in memory, from the best to the worst. */
export type Warmth = 'loaded' | 'loading' | 'cold';

export class OllamaModel implements Model {
  readonly source = 'ollama';
  readonly needsSlot = true;
  readonly name: string;
  readonly host: string;
  readonly roomTokens: number;
  readonly #options: OllamaOptions;
  readonly #setup: OllamaSetup;
  readonly #http: OllamaHttp;
  readonly #closed = new AbortController();
  readonly #loader: OllamaLoader;
  readonly #prober: PrefillProber;
  readonly #monitor: OllamaMonitor;
  readonly #announcer: Announcer;

  constructor(options: OllamaOptions) {
    this.name = options.model;
    this.host = hostName(options.baseUrl, hostname());
    this.roomTokens = options.numCtx - options.numPredict;
    this.#options = options;
    const setup = createSetup(options);
    const { baseUrl, connectMs, knownMs = KNOWN_MS, pull, checkMs, loadMs, log } = options;
    const http = new OllamaHttp(baseUrl, connectMs, (text) =>
      log?.debug?.({ model: options.model, said: text }, 'Ollama reported an error'),
    );
    const closed = this.#closed.signal;
    const loader = new OllamaLoader({ http, setup, loadMs, closed, changed: () => this.#announce() });
    this.#setup = setup;
    this.#http = http;
    this.#loader = loader;
    this.#prober = new PrefillProber({ http, setup, loader, closed });
    this.#monitor = new OllamaMonitor({
      http,
      setup,
      pull,
      checkMs,
      knownMs,
      closed,
      log,
      pullSilenceMs: options.firstTokenMs,
      changed: () => this.#stateChanged(),
      found: () => loader.verify(),
    });
    this.#announcer = new Announcer(this.state(), log);
  }

  get known(): Promise<void> {
    return this.#monitor.known;
  }

  state(): ModelState {
    const { state } = this.#monitor;
    return state.phase === 'ready' && this.#loader.isLoading ? { phase: 'loading' } : state;
  }

  connected(): boolean {
    return this.#monitor.connected;
  }

  get warmth(): Warmth {
    if (this.#loader.isLoading) return 'loading';
    return this.#loader.isWarm ? 'loaded' : 'cold';
  }

  hosts(): readonly string[] {
    return isUsable(this.state()) ? [this.host] : [];
  }

  watch(listener: (state: ModelState) => void): Disposable {
    return this.#announcer.watch(listener);
  }

  prefill(signal: AbortSignal): Promise<Prefill> {
    return this.#prober.ask(signal);
  }

  generate(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return leavable((left) => this.#reply(request, signal, left));
  }

  choose(question: Question, signal: AbortSignal): Promise<string | undefined> {
    const parts = { http: this.#http, setup: this.#setup, loader: this.#loader, closed: this.#closed.signal };
    return chooseWith({ ...parts, patienceMs: this.#options.firstTokenMs }, question, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#announcer.close();
    this.#closed.abort(new ModelError('interrupted', 'the model is closed'));
    await this.#monitor.stopped();
    await this.#http[Symbol.asyncDispose]();
  }

  async *#reply(
    request: ModelRequest,
    signal: AbortSignal,
    left: AbortSignal,
  ): AsyncGenerator<ModelEvent, void, void> {
    using call = new Call(signal, left, this.#closed.signal);
    try {
      call.signal.throwIfAborted();
      if (!this.#loader.isLoaded) {
        const loaded = this.#loader.load();
        yield { kind: 'loading' };
        await call.race(loaded);
      }
      call.limit(this.#options.totalMs);
      const opening = this.#ask(request, call);
      opening.catch(() => undefined);
      yield { kind: 'prompt' };
      call.arm(this.#options.firstTokenMs, 'no word came');
      const limits = new ReplyLimits(request.prefix);
      const { body, lines } = await opening;
      using chunks = new Chunks(body);
      while (!limits.isOver) {
        if (!chunks.isReady) await chunks.ready();
        const chunk = chunks.next();
        const { text, fault } = heard(chunk ? lines.read(chunk) : lines.end(), limits, call);
        if (text !== '') yield { kind: 'text', text };
        call.signal.throwIfAborted();
        if (fault) throw fault.cause;
        if (!chunk) break;
        if (text !== '') call.arm(this.#options.stallMs, 'no further word came');
      }
      if (!limits.isOver) throw new ModelError('interrupted', 'the answer broke off before its end');
      this.#loader.touch();
    } catch (error) {
      throw call.signal.aborted ? call.signal.reason : this.#failed(toModelError(error));
    }
  }

  #ask({ messages, prefix }: ModelRequest, call: Call) {
    // Templates trim the end of an open assistant message or not; without white space there both do the same.
    const begun = prefix.trimEnd();
    const all = begun === '' ? messages : [...messages, { role: 'assistant', content: begun }];
    return this.#http.reply({ ...this.#setup.chat, messages: all, stream: true }, call);
  }

  /** After a failure nothing known before is trusted. */
  #failed(error: ModelError): ModelError {
    if (error.fault === 'busy' || error.fault === 'refused') return error;
    this.#loader.forget();
    void this.#monitor.look();
    return error;
  }

  #stateChanged(): void {
    const { phase } = this.#monitor.state;
    if (phase !== 'ready') {
      this.#loader.forget();
      if (this.#monitor.connected) this.#prober.forget();
    }
    this.#announce();
  }

  #announce(): void {
    this.#announcer.tell(this.state());
  }
}

/**
 * What lines that came together say, as one text: a model that is far ahead costs no more than its reader. And what is wrong
 * with the line behind it, if anything is.
 */
function heard(
  lines: Iterable<JsonLine>,
  limits: ReplyLimits,
  call: Call,
): { text: string; fault?: { cause: unknown } } {
  // words that came before the abort may still wait to be read
  call.signal.throwIfAborted();
  let text = '';
  try {
    for (const { value } of lines) {
      const { message, done, done_reason: reason } = Line.parse(value);
      const said = message?.content ?? '';
      if (said !== '') call.disarm();
      if (said !== '') text += limits.take(said);
      if (done === true && !limits.isOver) limits.end(reason);
      if (limits.isOver) break;
    }
    return { text };
  } catch (cause) {
    return { text, fault: { cause } };
  }
}
