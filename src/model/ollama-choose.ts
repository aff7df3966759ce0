import { z } from 'zod';
import type { Question } from './model.ts';
import type { OllamaHttp } from './ollama-http.ts';
import type { OllamaLoader } from './ollama-load.ts';
import type { OllamaSetup } from './ollama-setup.ts';
import { Call } from './watchdog.ts';

/** A model that has to choose takes something, so nothing is on the list too. */
const none = 'none of these';

const Choice = z.object({ answer: z.string() });

interface ChooserParts {
  http: OllamaHttp;
  setup: OllamaSetup;
  loader: OllamaLoader;
  closed: AbortSignal;
  /** Longest wait for the answer of a loaded model. */
  patienceMs: number;
}

/** As JSON schema, which Ollama makes a grammar of. */
const formatOf = (options: readonly string[]) => ({
  type: 'object',
  properties: { answer: { type: 'string', enum: [...options, none] } },
  required: ['answer'],
});

/** The option that was chosen. A server that knows no grammars may answer anything. */
function read(content: string, options: readonly string[]): string | undefined {
  const { answer } = Choice.parse(JSON.parse(content));
  return options.find((option) => option === answer);
}

/** The request may not be the one that begins a load, and so waits for one that nobody's abort stops. */
export async function chooseWith(
  { http, setup, loader, closed, patienceMs }: ChooserParts,
  { instructions, text, options }: Question,
  signal: AbortSignal,
): Promise<string | undefined> {
  signal.throwIfAborted();
  using call = new Call(signal, closed);
  try {
    if (!loader.isLoaded) await call.race(loader.load());
    call.limit(patienceMs);
    const { message } = await http.whole(call).chat({
      ...setup.choice,
      messages: [
        { role: 'system', content: instructions },
        { role: 'user', content: text },
      ],
      format: formatOf(options),
      stream: false,
    });
    loader.touch();
    return read(message.content, options);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
