// One model on several Ollama servers, each with its own connections, monitor and circuit breaker. Who runs where is decided by
// whoever holds the slots, in the order given here.
import { hostname } from 'node:os';
import { Announcer } from './announcer.ts';
import { hostName } from './host-name.ts';
import { isUsable } from './model.ts';
import type { Model, ModelEvent, ModelRequest, ModelState, Prefill, Question } from './model.ts';
import { OllamaHost } from './ollama-host.ts';
import type { OllamaHostOptions } from './ollama-host.ts';
import { createOllama } from './ollama.ts';

export interface OllamaHostsOptions extends Omit<OllamaHostOptions, 'baseUrl'> {
  /** One at least. Several addresses of one server count once. */
  baseUrls: readonly string[];
}

type OneOrMore = readonly [OllamaHost, ...OllamaHost[]];

/** The whole is what the best of its hosts is. */
const phases: readonly ModelState['phase'][] = ['ready', 'loading', 'pulling', 'unavailable'];

/**
 * A model that all of these Ollama servers run.
 * @throws RangeError when there is none
 */
export function createOllamaHosts({ baseUrls, ...options }: OllamaHostsOptions): Model {
  const names = baseUrls.map((baseUrl) => hostName(baseUrl, hostname()));
  const [first, ...others] = baseUrls.filter((_baseUrl, at) => names.indexOf(names[at] ?? '') === at);
  if (first === undefined) throw new RangeError('no address of Ollama is given');
  if (others.length === 0) return createOllama({ ...options, baseUrl: first });
  return new OllamaHosts(first, others, options);
}

class OllamaHosts implements Model {
  readonly source = 'ollama';
  readonly needsSlot = true;
  readonly name: string;
  readonly roomTokens: number;
  readonly known: Promise<void>;
  readonly #hosts: OneOrMore;
  readonly #announcer: Announcer;

  constructor(first: string, others: readonly string[], options: Omit<OllamaHostOptions, 'baseUrl'>) {
    const open = (baseUrl: string) =>
      new OllamaHost({ ...options, baseUrl }, () => this.#announcer.tell(this.state()));
    this.#hosts = [open(first), ...others.map(open)];
    this.name = this.#hosts[0].model.name;
    this.roomTokens = this.#hosts[0].model.roomTokens;
    this.#announcer = new Announcer(this.state(), options.log);
    this.known = this.#firstUsable();
  }

  state(): ModelState {
    // one that answers can say more of what is wrong
    const rank = (host: OllamaHost) => [phases.indexOf(host.state().phase), Number(!host.model.connected())];
    return bestOf(this.#hosts, rank).state();
  }

  connected(): boolean {
    return this.#hosts.some(({ model }) => model.connected());
  }

  hosts(): readonly string[] {
    const askable = this.#hosts.filter((host) => host.mayBeAsked);
    return askable.toSorted((one, other) => compare(one.rank(), other.rank())).map(({ name }) => name);
  }

  watch(listener: (state: ModelState) => void): Disposable {
    return this.#announcer.watch(listener);
  }

  async prefill(signal: AbortSignal, name: string): Promise<Prefill> {
    const host = this.#find(name);
    // the same model elsewhere tells more than a server that is away
    return await (host.mayBeAsked ? host : this.#best()).model.prefill(signal);
  }

  generate(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return {
      [Symbol.asyncIterator]: () =>
        this.#find(request.host).generate(request, signal)[Symbol.asyncIterator](),
    };
  }

  async choose(question: Question, signal: AbortSignal, name: string): Promise<string | undefined> {
    signal.throwIfAborted();
    const host = this.#find(name);
    return host.mayBeAsked ? await host.model.choose(question, signal) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#announcer.close();
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
  }

  /** Settles once one of them can be asked, or there is nothing more to wait for. */
  async #firstUsable(): Promise<void> {
    const usable = Promise.withResolvers<void>();
    const looks = this.#hosts.map(async ({ model }) => {
      await model.known;
      if (isUsable(model.state())) usable.resolve();
    });
    await Promise.race([usable.promise, Promise.all(looks)]);
  }

  #find(name: string): OllamaHost {
    return this.#hosts.find((host) => host.name === name) ?? this.#best();
  }

  #best(): OllamaHost {
    return bestOf(this.#hosts, (host) => [Number(!host.mayBeAsked), ...host.rank()]);
  }
}

function bestOf(hosts: OneOrMore, rank: (host: OllamaHost) => number[]): OllamaHost {
  return hosts.reduce((best, host) => (compare(rank(host), rank(best)) < 0 ? host : best));
}

/** By the first difference. */
function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, at) => value !== other[at]);
  return (one[at] ?? 0) - (other[at] ?? 0);
}
