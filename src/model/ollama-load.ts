import { z } from 'zod';
import { toModelError } from './ollama-http.ts';
import type { OllamaHttp } from './ollama-http.ts';
import type { OllamaSetup } from './ollama-setup.ts';
import { sameModel } from './ollama-setup.ts';
import { Call } from './watchdog.ts';

const Running = z.object({ models: z.array(z.object({ name: z.string() })).nullish() });

type Load =
  | { phase: 'unknown' }
  | { phase: 'loading'; done: Promise<void> }
  | { phase: 'loaded'; at: number; until: number };

interface LoaderParts {
  http: OllamaHttp;
  setup: OllamaSetup;
  loadMs: number;
  closed: AbortSignal;
  /** Called when a load begins and when it is over. */
  changed: () => void;
}

/**
 * Gets the model into memory with requests of its own. Ollama gives up a load, for everybody who waits for it, when the
 * request that began it is closed; so no caller's request may be the one that begins it.
 */
export class OllamaLoader {
  readonly #parts: LoaderParts;
  #load: Load = { phase: 'unknown' };
  #isSeen = false;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  get isLoading(): boolean {
    return this.#load.phase === 'loading';
  }

  /** Whether the model is in memory, as far as is known. */
  get isLoaded(): boolean {
    return this.#load.phase === 'loaded' && performance.now() < this.#load.until;
  }

  /**
   * Whether the model is in memory, whoever had it loaded. Not enough to ask it without a load: what others loaded may go
   * at any time, and comes with the context they wanted.
   */
  get isWarm(): boolean {
    return this.isLoaded || this.#isSeen;
  }

  /**
   * Loads the model. Everybody who asks meanwhile waits for the same request, and nobody can stop it.
   * @throws ModelError
   */
  load(): Promise<void> {
    if (this.#load.phase === 'loading') return this.#load.done;
    const done = this.#run();
    done.catch(() => undefined);
    this.#load = { phase: 'loading', done };
    this.#parts.changed();
    return done;
  }

  /** The model was just heard of; it stays for another `keep_alive`. */
  touch(): void {
    if (this.#load.phase === 'loaded') this.#load.until = performance.now() + this.#parts.setup.keepAliveMs;
  }

  /** The next request loads again. */
  forget(): void {
    this.#isSeen = false;
    if (this.#load.phase === 'loaded') this.#load = { phase: 'unknown' };
  }

  /** Asks the server whether the model is in memory, and forgets it when it no longer is. */
  async verify(): Promise<void> {
    const askedAt = performance.now();
    const { http, setup, closed } = this.#parts;
    using call = new Call(closed);
    call.arm(setup.lookMs, 'no answer');
    const running = Running.safeParse(await http.whole(call).ps());
    if (!running.success) return;
    this.#isSeen = running.data.models?.some(({ name }) => sameModel(name, setup.model)) ?? false;
    const isOlder = this.#load.phase === 'loaded' && this.#load.at <= askedAt;
    if (isOlder && !this.#isSeen) this.forget();
  }

  #loaded(): void {
    const now = performance.now();
    this.#load = { phase: 'loaded', at: now, until: now + this.#parts.setup.keepAliveMs };
  }

  async #run(): Promise<void> {
    const { http, setup, loadMs, closed, changed } = this.#parts;
    using call = new Call(closed);
    call.arm(loadMs, 'the model was not loaded');
    try {
      // as a stream, which has an end that can be checked
      for await (const _ of await http.lines(call).chat({ ...setup.load, messages: [], stream: true }));
      this.#loaded();
    } catch (error) {
      this.#load = { phase: 'unknown' };
      if (call.signal.aborted) throw call.signal.reason;
      const fault = toModelError(error);
      // a server that does not know empty requests may well know the real one
      if (fault.fault !== 'refused') throw fault;
      this.#loaded();
    } finally {
      changed();
    }
  }
}
