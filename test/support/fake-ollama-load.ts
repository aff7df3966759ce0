// How a request brings its model into memory, and for how long.
import { z } from 'zod';
import type { Exchange } from './fake-ollama-exchange.ts';
import type { Models } from './fake-ollama-models.ts';
import type { Ending } from './fake-ollama-types.ts';

/** Seconds or a duration; absent: five minutes. */
export const KeepAlive = z.union([z.number(), z.string()]).optional();

interface Keeping {
  keep_alive?: z.output<typeof KeepAlive>;
}

export function isUnload({ keep_alive: keep }: Keeping): boolean {
  return keep === 0 || (typeof keep === 'string' && /^0+(\.0+)?[a-z]*$/.test(keep));
}

function keepMs({ keep_alive: keep }: Keeping): number {
  const seconds = typeof keep === 'number' ? keep : Number.parseFloat(keep ?? '300');
  return seconds < 0 ? 10 * 365 * 86_400_000 : seconds * 1000;
}

/** Settles once the model of the request is in memory; an answer where its load was aborted. */
export async function bringIn(
  exchange: Exchange,
  models: Models,
  keeping: Keeping,
): Promise<Ending | undefined> {
  const { record, behaviour, parts } = exchange;
  const { gone, stop } = parts;
  if (!(await models.load(record, behaviour.loadMs ?? 0, { gone, stop }))) {
    const error = 'timed out waiting for llama runner to start: context canceled';
    return await exchange.json({ error }, 500);
  }
  models.keep(record.model, keepMs(keeping));
  return undefined;
}
