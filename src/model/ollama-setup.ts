import type { OllamaOptions } from './ollama.ts';

/**
 * What every request carries. The size of the context is the same for each, because Ollama loads the model anew when it
 * changes; and `think` is always said, because it is on when left out.
 */
export interface OllamaSetup {
  readonly model: string;
  /** How long the model is taken to stay in memory after a request: a little less than Ollama keeps it. */
  readonly keepAliveMs: number;
  /** How long a question about the model may take. */
  readonly lookMs: number;
  readonly chat: SharedFields;
  readonly load: SharedFields;
  /** Of a choice from a list, which is short and always the same. */
  readonly choice: SharedFields;
}

interface SharedFields {
  model: string;
  think: boolean;
  keep_alive: string | number;
  options: { num_ctx: number; num_predict: number; temperature: number };
}

/** More than the longest option and its JSON take. */
const CHOICE_TOKENS = 40;

const unitMs: Record<string, number> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** @throws RangeError when `keepAlive` is not a duration Ollama understands */
export function createSetup(options: OllamaOptions): OllamaSetup {
  const keepAlive = parseKeepAlive(options.keepAlive);
  const shared = {
    model: options.model,
    think: false,
    options: {
      num_ctx: options.numCtx,
      num_predict: options.numPredict,
      temperature: options.temperature,
    },
  };
  return {
    model: options.model,
    keepAliveMs: 0.95 * keepAlive.ms,
    lookMs: 2 * options.connectMs,
    chat: { ...shared, keep_alive: keepAlive.wire },
    // An empty request with a keep_alive of nothing unloads the model.
    load: { ...shared, keep_alive: keepAlive.ms === 0 ? '1m' : keepAlive.wire },
    choice: {
      ...shared,
      keep_alive: keepAlive.wire,
      options: { ...shared.options, num_predict: CHOICE_TOKENS, temperature: 0 },
    },
  };
}

/** Ollama's own reading: a bare number is seconds, anything else a Go duration, and a negative one means for ever. */
export function parseKeepAlive(text: string): { wire: string | number; ms: number } {
  const plain = text.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(plain))
    return { wire: Number(plain), ms: forEverIfNegative(Number(plain) * 1000) };
  const duration = /^([+-]?)((?:\d+(?:\.\d+)?(?:h|ms|m|us|µs|ns|s))+)$/.exec(plain);
  if (!duration) throw new RangeError(`"${text}" is not a duration such as 5m, 300 or -1`);
  let ms = 0;
  for (const [, amount, unit] of plain.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/g)) {
    ms += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return { wire: plain, ms: forEverIfNegative(duration[1] === '-' ? -ms : ms) };
}

function forEverIfNegative(ms: number): number {
  return ms < 0 ? Infinity : ms;
}

/** Whether two names mean one model: the tag `latest` may be left out, and case does not count. */
export function sameModel(one: string, other: string): boolean {
  return fullName(one) === fullName(other);
}

function fullName(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return (last.includes(':') ? name : `${name}:latest`).toLowerCase();
}
