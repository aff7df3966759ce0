// What the fake has on disk and in memory, how it loads, and how many generations it runs at once.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from './fake-ollama-gates.ts';
import type { Gates } from './fake-ollama-gates.ts';
import type { FakeModel, RequestRecord } from './fake-ollama-types.ts';
import type { Changes } from './wait.ts';

export type InstalledModel = Required<FakeModel>;

interface Load {
  state: 'waiting' | 'running' | 'failed' | 'over';
}

interface Kept {
  forMs: number;
  until: number;
}

const KEPT_MS = 300_000;

function fullName(name: string): string {
  return name.includes(':') ? name : `${name}:latest`;
}

export class Models {
  readonly #changes: Changes;
  readonly #gates: Gates;
  readonly #isLoadFragile: boolean;
  readonly #installed = new Map<string, InstalledModel>();
  readonly #loaded = new Map<string, Kept>();
  readonly #loads = new Map<string, Load>();
  readonly #running = new Map<string, number>();
  /** Requests of each model that run or wait for a slot. */
  readonly #claims = new Map<string, number>();
  slots: number;
  maxLoaded: number;
  generating = 0;
  maxGenerating = 0;

  constructor(
    changes: Changes,
    gates: Gates,
    options: { slots: number; maxLoaded: number; isLoadFragile: boolean },
  ) {
    this.#changes = changes;
    this.#gates = gates;
    this.slots = options.slots;
    this.maxLoaded = options.maxLoaded;
    this.#isLoadFragile = options.isLoadFragile;
  }

  get installed(): InstalledModel[] {
    return [...this.#installed.values()];
  }

  get loaded(): { model: InstalledModel; expiresAt: number }[] {
    return this.installed.flatMap((model) => {
      const kept = this.#loaded.get(model.name);
      return kept ? [{ model, expiresAt: kept.until }] : [];
    });
  }

  find(name: string): InstalledModel | undefined {
    return this.#installed.get(fullName(name));
  }

  install(given: string | FakeModel): void {
    const model = typeof given === 'string' ? { name: given } : given;
    const name = fullName(model.name);
    const digest = createHash('sha256').update(name).digest('hex');
    const whole = { capabilities: ['completion'], contextLength: 8192, loaded: true, digest, ...model };
    this.#installed.set(name, { ...whole, name });
    if (whole.loaded) this.keep(name, KEPT_MS);
    this.#changes.notify();
  }

  uninstall(name: string): void {
    this.#installed.delete(fullName(name));
    this.unload(name);
  }

  keep(name: string, forMs: number): void {
    this.#loaded.set(fullName(name), { forMs, until: Date.now() + forMs });
    this.#changes.notify();
  }

  unload(name: string): void {
    this.#loaded.delete(fullName(name));
    this.#changes.notify();
  }

  /** As after a new start of the process. */
  forget(): void {
    this.#loaded.clear();
    this.#loads.clear();
  }

  /** Resolves once the model is in memory; false when its load was aborted. */
  async load(
    record: RequestRecord,
    loadMs: number,
    signals: { gone: AbortSignal; stop: AbortSignal },
  ): Promise<boolean> {
    const name = fullName(record.model);
    if (this.#loaded.has(name)) return true;
    let load = this.#loads.get(name);
    if (!load) {
      load = { state: 'waiting' };
      this.#loads.set(name, load);
      void this.#run(name, load, loadMs, this.#isLoadFragile ? signals.gone : signals.stop);
    }
    this.#gates.visit(record, 'load');
    const mine = load;
    await waitFor(() => mine.state === 'failed' || mine.state === 'over', this.#changes, signals.gone);
    return mine.state === 'over';
  }

  async #run(name: string, load: Load, loadMs: number, signal: AbortSignal): Promise<void> {
    try {
      await waitFor(() => this.#takeRoom(load), this.#changes, signal);
      await this.#gates.untilOpen('load', 0, signal);
      await sleep(loadMs, undefined, { signal });
      load.state = 'over';
      this.keep(name, KEPT_MS);
    } catch {
      load.state = 'failed';
    }
    if (this.#loads.get(name) === load) this.#loads.delete(name);
    this.#changes.notify();
  }

  /** Gives the load a place in memory, where there is one or a model that has nothing to do. */
  #takeRoom(load: Load): boolean {
    const loading = [...this.#loads.values()].filter(({ state }) => state === 'running').length;
    if (this.#loaded.size + loading >= this.maxLoaded) {
      const [victim] = [...this.#loaded]
        .filter(([name]) => (this.#claims.get(name) ?? 0) === 0)
        .toSorted(([a, one], [b, other]) => one.forMs - other.forMs || a.localeCompare(b));
      if (!victim) return false;
      this.#loaded.delete(victim[0]);
    }
    load.state = 'running';
    return true;
  }

  /** Waits for a free slot of the model, without limit; disposing gives it back. */
  async acquire(model: string, signal: AbortSignal): Promise<Disposable> {
    const name = fullName(model);
    const used = () => this.#running.get(name) ?? 0;
    this.#claim(name, 1);
    try {
      await waitFor(
        () => {
          if (used() >= this.slots) return false;
          this.#count(name, used() + 1, 1);
          return true;
        },
        this.#changes,
        signal,
      );
    } catch (error) {
      this.#claim(name, -1);
      throw error;
    }
    this.#changes.notify();
    return {
      [Symbol.dispose]: () => {
        this.#count(name, used() - 1, -1);
        this.#claim(name, -1);
      },
    };
  }

  #claim(name: string, step: number): void {
    this.#claims.set(name, (this.#claims.get(name) ?? 0) + step);
    this.#changes.notify();
  }

  #count(name: string, used: number, step: number): void {
    this.#running.set(name, used);
    this.generating += step;
    this.maxGenerating = Math.max(this.maxGenerating, this.generating);
  }
}
