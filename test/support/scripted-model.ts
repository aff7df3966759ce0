// A model that plays what a test wrote down: words, faults where they are to happen, and pauses that the test ends.
import type { Source } from '../../src/contract/types.ts';
import { isUsable, ModelError } from '../../src/model/model.ts';
import type {
  Model,
  ModelEvent,
  ModelFault,
  ModelRequest,
  ModelState,
  Prefill,
  Question,
} from '../../src/model/model.ts';
import { Call, leavable } from '../../src/model/watchdog.ts';
import { createChanges, until } from './wait.ts';

/** The model says nothing more until `release`. */
export const HOLD = { kind: 'hold' } as const;

/** A piece of text, why no words come yet, what is raised, or a pause. */
export type Step = string | Exclude<ModelEvent, { kind: 'text' }> | Error | typeof HOLD;
/** One request from its beginning to its end; a function sees what was asked. */
export type Run = readonly Step[] | ((request: ModelRequest) => readonly Step[]);

export interface Script {
  /** What the first requests get, in order. */
  runs?: Run[];
  /** What all others get; nothing at all unless told. */
  always?: Run;
  /** What it chooses, whether that is an option or not, or a pause; `none of these` unless told. */
  choice?: string | typeof HOLD;
  /** `yes` unless told. */
  prefill?: Prefill;
  state?: ModelState;
  /** Where it may be asked while it is ready or loading; one place without a name unless told. */
  hosts?: readonly string[];
  source?: Source;
  /** Whether it is counted against the slots: true unless told. */
  needsSlot?: boolean;
}

export const fault = (kind: ModelFault): ModelError => new ModelError(kind, `it is ${kind}`);

export class ScriptedModel implements Model {
  readonly source: Source;
  readonly name: string;
  readonly needsSlot: boolean;
  readonly roomTokens = 7_000;
  readonly known: Promise<void> = Promise.resolve();
  /** Every request, in the order in which they were read. */
  readonly asked: ModelRequest[] = [];
  /** Every question, likewise. */
  readonly questions: Question[] = [];
  #choice: NonNullable<Script['choice']>;
  readonly #runs: Run[];
  readonly #always: Run;
  readonly #prefill: Prefill;
  readonly #changes = createChanges();
  readonly #listeners = new Set<(state: ModelState) => void>();
  #state: ModelState;
  #hosts: readonly string[];
  #gate = Promise.withResolvers<void>();
  /** Requests that are being answered, and those of them that are in a pause. */
  busy = 0;
  held = 0;

  constructor(script: Script = {}) {
    this.source = script.source ?? 'ollama';
    this.name = script.source === 'guide' ? 'built-in' : 'scripted';
    this.needsSlot = script.needsSlot ?? script.source !== 'guide';
    this.#runs = [...(script.runs ?? [])];
    this.#always = script.always ?? [];
    this.#choice = script.choice ?? 'none of these';
    this.#prefill = script.prefill ?? 'yes';
    this.#state = script.state ?? { phase: 'ready' };
    this.#hosts = script.hosts ?? [''];
  }

  state(): ModelState {
    return this.#state;
  }

  become(state: ModelState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  connected(): boolean {
    return this.#state.phase !== 'unavailable';
  }

  hosts(): readonly string[] {
    return isUsable(this.#state) ? this.#hosts : [];
  }

  /** Where it may be asked from now on, best first. */
  movesTo(hosts: readonly string[]): void {
    this.#hosts = hosts;
  }

  watch(listener: (state: ModelState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  prefill(): Promise<Prefill> {
    return Promise.resolve(this.#prefill);
  }

  /** What it chooses from now on, also where it pauses already. */
  answers(choice: string): void {
    this.#choice = choice;
  }

  async choose(question: Question, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    using call = new Call(signal);
    this.questions.push(question);
    this.#count('busy', 1);
    try {
      if (this.#choice === HOLD) await this.#pause(call);
      return question.options.find((option) => option === this.#choice);
    } finally {
      this.#count('busy', -1);
    }
  }

  generate(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return leavable((left) => this.#play(request, signal, left));
  }

  /** Ends every pause there is now. */
  release(): void {
    const gate = this.#gate;
    this.#gate = Promise.withResolvers<void>();
    this.#count('held', -this.held);
    gate.resolve();
  }

  /** Resolves when the condition holds; it is looked at whenever a request or a pause begins or ends. */
  async until(condition: (model: this) => boolean, label: string): Promise<void> {
    await until(
      () => condition(this),
      this.#changes.subscribe,
      () => `${label}: ${this.asked.length} asked, ${this.busy} busy, ${this.held} held`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  async *#play(request: ModelRequest, ...signals: AbortSignal[]): AsyncGenerator<ModelEvent, void, void> {
    using call = new Call(...signals);
    call.signal.throwIfAborted();
    this.asked.push(request);
    this.#count('busy', 1);
    try {
      const run = this.#runs.shift() ?? this.#always;
      for (const step of typeof run === 'function' ? run(request) : run) yield* this.#take(step, call);
    } finally {
      this.#count('busy', -1);
    }
  }

  async *#take(step: Step, call: Call): AsyncGenerator<ModelEvent, void, void> {
    call.signal.throwIfAborted();
    if (step instanceof Error) throw step;
    if (typeof step === 'string') yield { kind: 'text', text: step };
    else if (step.kind === 'hold') await this.#pause(call);
    else yield step;
  }

  async #pause(call: Call): Promise<void> {
    const gate = this.#gate;
    this.#count('held', 1);
    try {
      await call.race(gate.promise);
    } finally {
      // what was released is counted off already
      if (gate === this.#gate) this.#count('held', -1);
    }
  }

  #count(what: 'busy' | 'held', by: number): void {
    this[what] += by;
    this.#changes.notify();
  }
}
