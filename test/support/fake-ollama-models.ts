// What the fake has on disk and in memory, how it loads, and how many generations it runs at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from './fake-ollama-gates.ts';
import type { Gates } from './fake-ollama-gates.ts';
import type { FakeModel, RequestRecord } from './fake-ollama-types.ts';
import type { Changes } from './wait.ts';

export type InstalledModel = Required<FakeModel>;

interface Load {
  state: 'running' | 'failed' | 'over';
}

function fullName(name: string): string {
  return name.includes(':') ? name : `${name}:latest`;
}

export class Models {
  readonly #changes: Changes;
  readonly #gates: Gates;
  readonly #isLoadFragile: boolean;
  readonly #installed = new Map<string, InstalledModel>();
  readonly #loaded = new Map<string, number>();
  readonly #loads = new Map<string, Load>();
  readonly #running = new Map<string, number>();
  slots: number;
  generating = 0;
  maxGenerating = 0;

  constructor(changes: Changes, gates: Gates, options: { slots: number; isLoadFragile: boolean }) {
    this.#changes = changes;
    this.#gates = gates;
    this.slots = options.slots;
    this.#isLoadFragile = options.isLoadFragile;
  }

  get installed(): InstalledModel[] {
    return [...this.#installed.values()];
  }

  get loaded(): { model: InstalledModel; expiresAt: number }[] {
    return this.installed.flatMap((model) => {
      const expiresAt = this.#loaded.get(model.name);
      return expiresAt === undefined ? [] : [{ model, expiresAt }];
    });
  }

  find(name: string): InstalledModel | undefined {
    return this.#installed.get(fullName(name));
  }

  install(given: string | FakeModel): void {
    const model = typeof given === 'string' ? { name: given } : given;
    const whole = { capabilities: ['completion'], contextLength: 8192, loaded: true, ...model };
    const name = fullName(model.name);
    this.#installed.set(name, { ...whole, name });
    if (whole.loaded) this.keep(name, 300_000);
    this.#changes.notify();
  }

  uninstall(name: string): void {
    this.#installed.delete(fullName(name));
    this.unload(name);
  }

  keep(name: string, forMs: number): void {
    this.#loaded.set(fullName(name), Date.now() + forMs);
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
      load = { state: 'running' };
      this.#loads.set(name, load);
      void this.#run(name, load, loadMs, this.#isLoadFragile ? signals.gone : signals.stop);
    }
    this.#gates.visit(record, 'load');
    const mine = load;
    await waitFor(() => mine.state !== 'running', this.#changes, signals.gone);
    return mine.state === 'over';
  }

  async #run(name: string, load: Load, loadMs: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#gates.untilOpen('load', 0, signal);
      await sleep(loadMs, undefined, { signal });
      load.state = 'over';
      this.keep(name, 300_000);
    } catch {
      load.state = 'failed';
    }
    if (this.#loads.get(name) === load) this.#loads.delete(name);
    this.#changes.notify();
  }

  /** Waits for a free slot of the model, without limit; disposing gives it back. */
  async acquire(model: string, signal: AbortSignal): Promise<Disposable> {
    const name = fullName(model);
    const used = () => this.#running.get(name) ?? 0;
    await waitFor(
      () => {
        if (used() >= this.slots) return false;
        this.#count(name, used() + 1, 1);
        return true;
      },
      this.#changes,
      signal,
    );
    this.#changes.notify();
    return {
      [Symbol.dispose]: () => {
        this.#count(name, used() - 1, -1);
        this.#changes.notify();
      },
    };
  }

  #count(name: string, used: number, step: number): void {
    this.#running.set(name, used);
    this.generating += step;
    this.maxGenerating = Math.max(this.maxGenerating, this.generating);
  }
}
