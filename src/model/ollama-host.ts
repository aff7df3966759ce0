import { Breaker } from './breaker.ts';
import type { Passage } from './breaker.ts';
import { isUsable, ModelError } from './model.ts';
import type { ModelEvent, ModelRequest, ModelState } from './model.ts';
import { OllamaModel } from './ollama.ts';
import type { ModelLog, OllamaOptions, Warmth } from './ollama.ts';
import { Call, leavable } from './watchdog.ts';

/** How long a host that took no more goes behind the others. */
const BUSY_MS = 2_000;

const warmths: readonly Warmth[] = ['loaded', 'loading', 'cold'];

export interface OllamaHostOptions extends OllamaOptions {
  /** In ms, and never set back; `performance.now` unless told. */
  now?: () => number;
}

/** One of several Ollama servers, with what is known of how it does. */
export class OllamaHost implements AsyncDisposable {
  readonly model: OllamaModel;
  readonly #changed: () => void;
  readonly #log: ModelLog | undefined;
  readonly #now: () => number;
  readonly #breaker: Breaker;
  readonly #watch: Disposable;
  readonly #closed = new AbortController();
  #running = 0;
  #busyUntil = 0;
  #rest: NodeJS.Timeout | undefined;

  /** `changed` is called when `state` may be another one. */
  constructor({ now = () => performance.now(), ...options }: OllamaHostOptions, changed: () => void) {
    this.model = new OllamaModel(options);
    this.#log = options.log;
    this.#now = now;
    this.#breaker = new Breaker(now);
    this.#changed = changed;
    this.#watch = this.model.watch(changed);
  }

  get name(): string {
    return this.model.host;
  }

  /** That of the model, but for a host that is left alone. */
  state(): ModelState {
    const state = this.model.state();
    const isLeftAlone = this.#breaker.restMs > 0 && isUsable(state);
    return isLeftAlone ? { phase: 'unavailable', reason: `model ${this.model.name} fails just now` } : state;
  }

  get mayBeAsked(): boolean {
    return this.#breaker.admits && isUsable(this.model.state());
  }

  /** The smaller the better, the first difference counts. */
  rank(): number[] {
    const isBusy = this.#now() < this.#busyUntil;
    const warmth = warmths.indexOf(this.model.warmth);
    return [Number(isBusy), Number(!this.#breaker.isClosed), warmth, this.#running];
  }

  /** @throws ModelError also `unreachable`, without a request, while the host is left alone */
  generate(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return leavable((left) => this.#reply(request, signal, left));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#closed.abort(new ModelError('interrupted', 'the model is closed'));
    clearTimeout(this.#rest);
    await this.model[Symbol.asyncDispose]();
  }

  async *#reply(
    request: ModelRequest,
    signal: AbortSignal,
    left: AbortSignal,
  ): AsyncGenerator<ModelEvent, void, void> {
    using call = new Call(signal, left, this.#closed.signal);
    call.signal.throwIfAborted();
    using passage = this.#breaker.enter();
    if (!passage) throw new ModelError('unreachable', 'this Ollama is left alone after faults');
    this.#running += 1;
    let isGood = false;
    try {
      for await (const event of this.model.generate(request, call.signal)) {
        if (event.kind === 'text') {
          passage.spoke();
          isGood = true;
        }
        yield event;
      }
      isGood = true;
    } catch (error) {
      if (call.signal.aborted || !(error instanceof ModelError)) throw error;
      isGood = false;
      this.#failed(passage, error);
      throw error;
    } finally {
      this.#running -= 1;
      // also when the reader has enough, which is how many replies end
      if (isGood) this.#succeeded(passage);
    }
  }

  #succeeded(passage: Passage): void {
    const wasLeftAlone = this.#breaker.restMs > 0;
    passage.succeeded();
    if (wasLeftAlone) this.#awaitRest();
  }

  #failed(passage: Passage, { fault }: ModelError): void {
    if (fault === 'busy') this.#busyUntil = this.#now() + BUSY_MS;
    const wasLeftAlone = this.#breaker.restMs > 0;
    passage.failed(fault);
    const { restMs } = this.#breaker;
    if (wasLeftAlone || restMs === 0) return;
    const facts = { model: this.model.name, host: this.name, fault };
    this.#log?.warn({ ...facts, restMs: Math.ceil(restMs) }, 'a host is left alone');
    this.#awaitRest();
  }

  /** Tells of a host that is left alone, or no longer. */
  #awaitRest(): void {
    clearTimeout(this.#rest);
    const { restMs } = this.#breaker;
    // timers may be early
    if (restMs > 0) this.#rest = setTimeout(() => this.#awaitRest(), Math.ceil(restMs)).unref();
    this.#changed();
  }
}
