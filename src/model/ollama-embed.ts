// Vectors from an Ollama server. The model that speaks comes first: what is asked here never waits in its queue, and where both
// models have no room together, nothing is asked at all.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Embedder, Urgency } from '../retrieval/embed.ts';
import { unit } from '../retrieval/embed.ts';
import { Lane } from '../retrieval/lane.ts';
import { ModelError } from './model.ts';
import { OllamaHttp, toModelError } from './ollama-http.ts';
import { parseKeepAlive, sameModel } from './ollama-setup.ts';
import type { ModelLog } from './ollama.ts';
import { Call } from './watchdog.ts';

export interface OllamaEmbedOptions {
  baseUrl: string;
  model: string;
  /** The model that speaks, which must stay in memory. */
  chatModel: string;
  keepAlive: string;
  /** Pull the model when the server does not have it. */
  pull: boolean;
  connectMs: number;
  /** Longest wait for one answer: a load may be part of it. */
  loadMs: number;
  log?: ModelLog;
}

/** Requests at a time; the server works on one after the other anyway. */
const SLOTS = 2;
const BATCH = 4;
const LOOK_MS = 5_000;
/** Embedded to have the model loaded. */
const FIRST = 'a first look';
/** The server tells of a load a moment later. */
const SETTLE_MS = 250;

const Vectors = z.object({ embeddings: z.array(z.array(z.number())) });
const Shown = z.object({ capabilities: z.array(z.string()).nullish() });
const Listed = z.object({ models: z.array(z.object({ name: z.string(), digest: z.string().default('') })) });
const Running = z.object({ models: z.array(z.object({ name: z.string() })).nullish() });

/** Vectors of `model`, as long as it fits beside `chatModel`. */
export function createOllamaEmbedder(options: OllamaEmbedOptions): Embedder {
  return new OllamaEmbedder(options);
}

class OllamaEmbedder implements Embedder {
  readonly #options: OllamaEmbedOptions;
  readonly #keepAlive: { wire: string | number; ms: number };
  readonly #http: OllamaHttp;
  readonly #closed = new AbortController();
  readonly #lane = new Lane(SLOTS);
  /** Whether both models have been in memory together; null while that is not known; false is for good. */
  #fits: boolean | null = null;
  /** Until when the server keeps the model that it loaded for us. */
  #keptUntil = 0;
  #isWarming = false;

  constructor(options: OllamaEmbedOptions) {
    this.#options = options;
    const keepAlive = parseKeepAlive(options.keepAlive);
    // a model that is put away after each text would never be there for a turn
    this.#keepAlive = keepAlive.ms === 0 ? parseKeepAlive('1m') : keepAlive;
    this.#http = new OllamaHttp(options.baseUrl, options.connectMs, (text) =>
      options.log?.debug?.({ model: options.model, said: text }, 'Ollama reported an error'),
    );
  }

  async identity(signal: AbortSignal): Promise<string> {
    const { model } = this.#options;
    const { capabilities } = await this.#show(signal).catch(async (error: unknown) => {
      if (!(error instanceof ModelError && error.fault === 'missing')) throw error;
      await this.#pull(signal);
      return await this.#show(signal);
    });
    if (capabilities && !capabilities.includes('embedding'))
      throw new ModelError('refused', `model ${model} makes no vectors`);
    const { models } = Listed.parse(await this.#look(signal, (client) => client.list()));
    const digest = models.find(({ name }) => sameModel(name, model))?.digest ?? '';
    return `ollama/${model}@${digest}`;
  }

  async embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += BATCH) {
      const batch = texts.slice(at, at + BATCH);
      vectors.push(...(await this.#lane.run(urgency, signal, () => this.#ask(batch, urgency, signal))));
    }
    return vectors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new ModelError('interrupted', 'the model is closed'));
    await this.#http[Symbol.asyncDispose]();
  }

  async #ask(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    const mayPushOut = await this.#makeRoom(urgency, signal);
    try {
      return await this.#vectorsOf(texts, signal);
    } finally {
      // a load that failed may have pushed out as well
      if (mayPushOut) await this.#lookAgain().catch(() => undefined);
    }
  }

  async #vectorsOf(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    using call = new Call(signal, this.#closed.signal);
    call.limit(this.#options.loadMs);
    const keptUntil = performance.now() + this.#keepAlive.ms;
    try {
      const answer = await this.#http.whole(call).embed({
        model: this.#options.model,
        input: [...texts],
        keep_alive: this.#keepAlive.wire,
        // in main memory: what the graphics card has is for the model that speaks
        options: { num_gpu: 0 },
      });
      const { embeddings } = Vectors.parse(answer);
      if (embeddings.length !== texts.length) throw new ModelError('interrupted', 'too few vectors');
      this.#keptUntil = keptUntil;
      return embeddings.map(unit);
    } catch (error) {
      throw toModelError(error);
    }
  }

  /**
   * Whether the request may push the model that speaks out of memory: only work in the background may try that, once. A
   * turn asks only a model that is in memory now: Ollama may have put it away before its time, or begun anew.
   * @throws ModelError where it must not be asked
   */
  async #makeRoom(urgency: Urgency, signal: AbortSignal): Promise<boolean> {
    if (this.#fits === false) throw this.#noRoom();
    const isKept = performance.now() < this.#keptUntil;
    if (urgency === 'query' && !isKept) throw this.#notLoaded();
    const { chat, own } = await this.#inMemory(signal);
    if (chat && own) this.#fits = true;
    if (own) return false;
    if (chat && isKept && this.#fits === null) {
      // it was in memory, and went when the other one came
      this.#bar();
      throw this.#noRoom();
    }
    if (urgency === 'query') throw this.#notLoaded();
    return chat;
  }

  /** A turn does not load the model; the next one is to find it. */
  #notLoaded(): ModelError {
    this.#warmUp();
    return new ModelError('busy', 'the model is not loaded');
  }

  /** A turn has no time for a load, and one that is left begins anew with the next turn. */
  #warmUp(): void {
    if (this.#isWarming) return;
    this.#isWarming = true;
    void this.embed([FIRST], 'batch', this.#closed.signal)
      .catch(() => undefined)
      .finally(() => (this.#isWarming = false));
  }

  /** The one load that may have been too much is the last one. */
  async #lookAgain(): Promise<void> {
    const { signal } = this.#closed;
    await delay(SETTLE_MS, undefined, { signal });
    const { chat, own } = await this.#inMemory(signal);
    // where it came back already and pushed this one out, the next request sees it
    if (!chat) this.#bar();
    else if (own) this.#fits = true;
  }

  #bar(): void {
    if (this.#fits === false) return;
    this.#fits = false;
    this.#options.log?.warn(
      { model: this.#options.model, chatModel: this.#options.chatModel },
      'Ollama has no room for both models: set OLLAMA_MAX_LOADED_MODELS=2 there; until the next start examples are found by their words',
    );
  }

  #noRoom(): ModelError {
    return new ModelError('refused', `no room for ${this.#options.model} beside the model that speaks`);
  }

  async #inMemory(signal: AbortSignal): Promise<{ chat: boolean; own: boolean }> {
    const { model, chatModel } = this.#options;
    const { models } = Running.parse(await this.#look(signal, (client) => client.ps()));
    const has = (wanted: string) => models?.some(({ name }) => sameModel(name, wanted)) ?? false;
    return { chat: has(chatModel), own: has(model) };
  }

  async #show(signal: AbortSignal): Promise<z.output<typeof Shown>> {
    const { model } = this.#options;
    return Shown.parse(await this.#look(signal, (client) => client.show({ model })));
  }

  async #pull(signal: AbortSignal): Promise<void> {
    const { model, pull, log, loadMs } = this.#options;
    if (!pull) throw new ModelError('missing', `model ${model} is not there`);
    log?.info({ model }, 'pulling the model');
    using call = new Call(signal, this.#closed.signal);
    try {
      for await (const _line of await this.#http.lines(call).pull({ model, stream: true })) {
        call.arm(loadMs, 'the pull said nothing');
      }
    } catch (error) {
      throw toModelError(call.signal.aborted ? call.signal.reason : error);
    }
  }

  async #look<T>(
    signal: AbortSignal,
    ask: (client: ReturnType<OllamaHttp['whole']>) => Promise<T>,
  ): Promise<T> {
    using call = new Call(signal, this.#closed.signal);
    call.limit(LOOK_MS);
    try {
      return await ask(this.#http.whole(call));
    } catch (error) {
      throw toModelError(error);
    }
  }
}
