// Has Ollama fetch a model, and shows how far it is.
import { z } from 'zod';
import { OllamaHttp, toModelError } from '../../model/ollama-http.ts';
import { Call } from '../../model/watchdog.ts';
import { sizeOf } from './finding.ts';
import type { Missing } from './ollama.ts';

const CONNECT_MS = 3_000;
/** Checking a large download says nothing for minutes. */
const SILENCE_MS = 600_000;
const BAR = 24;
const STEP = 10;

const Progress = z.object({
  digest: z.string().optional(),
  total: z.number().optional(),
  completed: z.number().optional(),
});

/** In bytes; both grow, since a model comes in parts that are told one after the other. */
interface Amount {
  total: number;
  completed: number;
}

/** Resolves with null once the model is there, else with why not. `show` is told how far it is. */
export async function pullModel(
  { url, model }: Missing,
  show: (amount: Amount) => void,
): Promise<string | null> {
  await using http = new OllamaHttp(url, CONNECT_MS, () => {});
  using call = new Call();
  const parts = new Map<string, Amount>();
  const hear = (line: unknown) => {
    call.arm(SILENCE_MS, 'nothing more came');
    const { digest, total, completed = 0 } = Progress.parse(line);
    if (digest === undefined || total === undefined) return;
    parts.set(digest, { total, completed });
    show(sum(parts.values()));
  };
  try {
    call.arm(SILENCE_MS, 'nothing came');
    // one that ends without saying that it is done is an error of the library
    for await (const line of await http.lines(call).pull({ model, stream: true })) hear(line);
    return null;
  } catch (error) {
    return toModelError(call.signal.aborted ? call.signal.reason : error).message;
  }
}

function sum(parts: Iterable<Amount>): Amount {
  const whole = { total: 0, completed: 0 };
  for (const { total, completed } of parts) {
    whole.total += total;
    whole.completed += completed;
  }
  return whole;
}

const shareOf = ({ total, completed }: Amount): number =>
  total > 0 ? Math.min(1, Math.max(0, completed / total)) : 0;

/** One line without its end: `llama3.1  ████░░░░  42 %  2.0 of 4.7 GB`. */
export function barOf(model: string, amount: Amount): string {
  const share = shareOf(amount);
  const full = Math.round(share * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `${model}  ${bar}  ${percent} %  ${sizeOf(amount.completed)} of ${sizeOf(amount.total)}`;
}

export interface Screen {
  write: (text: string) => void;
  /** Whether a line may be drawn over. */
  isTerminal: boolean;
  columns: number;
}

/** On a terminal one line that is drawn again; elsewhere a line for each tenth. */
export function progressOn({ write, isTerminal, columns }: Screen, model: string) {
  let shown = '';
  let step = 0;
  return {
    show(amount: Amount): void {
      if (isTerminal) {
        const line = barOf(model, amount).slice(0, Math.max(1, columns - 1));
        // the rest of a longer line is wiped out
        if (line !== shown) write(`\r${line}\u001B[K`);
        shown = line;
        return;
      }
      const percent = Math.floor((shareOf(amount) * 100) / STEP) * STEP;
      if (percent <= step) return;
      step = percent;
      write(`${model}: ${percent} % of ${sizeOf(amount.total)}\n`);
    },
    end(): void {
      if (shown !== '') write('\n');
    },
  };
}
