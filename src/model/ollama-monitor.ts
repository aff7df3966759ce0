import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ModelState } from './model.ts';
import { toModelError } from './ollama-http.ts';
import type { OllamaHttp } from './ollama-http.ts';
import type { ModelLog } from './ollama.ts';
import type { OllamaSetup } from './ollama-setup.ts';
import { Call } from './watchdog.ts';

/** A model that is there is looked at less often than one that is awaited. */
const calmFactor = 5;
/** A failed pull is tried again after so many looks. */
const pullAgainFactor = 30;

const Shown = z.object({ capabilities: z.array(z.string()).nullish() });
const Progress = z.object({
  digest: z.string().optional(),
  total: z.number().optional(),
  completed: z.number().optional(),
});

interface MonitorParts {
  http: OllamaHttp;
  setup: OllamaSetup;
  pull: boolean;
  checkMs: number;
  /** Longest wait of `known`. */
  knownMs: number;
  /** Longest silence of a pull: checking a large download says nothing for minutes. */
  pullSilenceMs: number;
  closed: AbortSignal;
  log: ModelLog | undefined;
  changed: () => void;
  /** Called after each look that found the model, for what else is to be looked at then. */
  found: () => Promise<void>;
}

/** Watches whether the model is there, for as long as the server runs, and pulls it when it is missing and that is wanted. */
export class OllamaMonitor {
  /** Settles after the first look, or after a time if that takes longer; it goes on then. */
  readonly known: Promise<void>;
  readonly #parts: MonitorParts;
  #state: ModelState;
  #connected = false;
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #pulling: Promise<void> | undefined;
  #failedPull: { reason: string; until: number } | undefined;

  constructor(parts: MonitorParts) {
    this.#parts = parts;
    this.#state = { phase: 'unavailable', reason: 'Ollama did not answer yet' };
    this.known = this.#firstLook();
  }

  get state(): ModelState {
    return this.#state;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Looks now. Whoever asks during a look gets one more, since that one may have seen the time before. Never raises. */
  look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return this.#looking;
    }
    clearTimeout(this.#timer);
    this.#looking = this.#lookUntilSeen().finally(() => {
      this.#looking = undefined;
      this.#schedule();
    });
    return this.#looking;
  }

  /** Waits until nothing of it runs any more; `closed` has to be aborted before. */
  async stopped(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#pulling;
  }

  async #firstLook(): Promise<void> {
    const over = new AbortController();
    const patience = delay(this.#parts.knownMs, undefined, { signal: over.signal });
    await Promise.race([this.look(), patience]);
    over.abort();
    await patience.catch(() => undefined);
  }

  async #lookUntilSeen(): Promise<void> {
    do {
      this.#again = false;
      await this.#lookOnce();
    } while (this.#again && !this.#parts.closed.aborted);
  }

  #schedule(): void {
    if (this.#parts.closed.aborted) return;
    const { checkMs } = this.#parts;
    const afterMs = this.#state.phase === 'ready' ? calmFactor * checkMs : checkMs;
    this.#timer = setTimeout(() => void this.look(), afterMs).unref();
  }

  async #lookOnce(): Promise<void> {
    const { http, setup, closed, found, log } = this.#parts;
    using call = new Call(closed);
    call.arm(setup.lookMs, 'no answer');
    try {
      const { capabilities } = Shown.parse(await http.whole(call).show({ model: setup.model }));
      this.#connected = true;
      if (capabilities && !capabilities.includes('completion')) {
        log?.debug?.({ model: setup.model, capabilities }, 'the model cannot write replies');
        this.#become(unavailable(`model ${setup.model} cannot write replies`));
        return;
      }
      this.#failedPull = undefined;
      this.#become({ phase: 'ready' });
    } catch (error) {
      if (!closed.aborted) this.#missed(error, call.answered);
      return;
    }
    await found().catch(() => undefined);
  }

  #missed(error: unknown, answered: boolean): void {
    const { setup } = this.#parts;
    const { fault, message } = toModelError(error);
    this.#connected = answered;
    if (!answered) this.#become(unavailable('Ollama does not answer'));
    else if (fault === 'missing') this.#missing();
    // A full queue says nothing about the model.
    else if (fault !== 'busy' || this.#state.phase !== 'ready') {
      this.#become(unavailable(`model ${setup.model} cannot be used: ${message}`));
    }
  }

  #missing(): void {
    const { pull, setup } = this.#parts;
    const failed =
      this.#failedPull && performance.now() < this.#failedPull.until ? this.#failedPull : undefined;
    if (!pull || failed) {
      this.#become(unavailable(failed?.reason ?? `model ${setup.model} is not there`));
      return;
    }
    if (this.#pulling) return;
    this.#become({ phase: 'pulling' });
    this.#pulling = this.#pull().finally(() => {
      this.#pulling = undefined;
      if (!this.#parts.closed.aborted) void this.look();
    });
  }

  async #pull(): Promise<void> {
    const { http, setup, closed, pullSilenceMs, checkMs, log } = this.#parts;
    log?.info({ model: setup.model }, 'pulling the model');
    using call = new Call(closed);
    call.arm(pullSilenceMs, 'the pull said nothing');
    const layers = new Map<string, { total: number; completed: number }>();
    try {
      for await (const line of await http.lines(call).pull({ model: setup.model, stream: true })) {
        call.arm(pullSilenceMs, 'the pull said nothing');
        const { digest, total, completed } = Progress.parse(line);
        if (digest === undefined || total === undefined) continue;
        layers.set(digest, { total, completed: completed ?? 0 });
        this.#become({ phase: 'pulling', ...sum(layers.values()) });
      }
      log?.info({ model: setup.model }, 'pulled the model');
    } catch (error) {
      if (closed.aborted) return;
      const { message } = toModelError(call.signal.aborted ? call.signal.reason : error);
      const reason = `model ${setup.model} is not there and could not be pulled: ${message}`;
      this.#failedPull = { reason, until: performance.now() + pullAgainFactor * checkMs };
      log?.warn({ model: setup.model, reason }, 'the pull failed');
      this.#become(unavailable(reason));
    }
  }

  /** The one place where the address is told. */
  #tell(state: ModelState): void {
    const { http, setup, log } = this.#parts;
    const reason = state.phase === 'unavailable' ? { reason: state.reason } : {};
    log?.info({ model: setup.model, phase: state.phase, ...reason, place: http.place }, 'the model changed');
  }

  #become(state: ModelState): void {
    if (this.#parts.closed.aborted) return;
    const before = this.#state;
    this.#state = state;
    if (toldOf(before) !== toldOf(state)) this.#tell(state);
    this.#parts.changed();
  }
}

/** What an operator is told of a state: of a pull not each step. */
function toldOf(state: ModelState): string {
  return state.phase === 'unavailable' ? state.reason : state.phase;
}

function unavailable(reason: string): ModelState {
  return { phase: 'unavailable', reason };
}

function sum(layers: Iterable<{ total: number; completed: number }>): { total: number; completed: number } {
  let total = 0;
  let completed = 0;
  for (const layer of layers) {
    total += layer.total;
    completed += layer.completed;
  }
  return { total, completed };
}
