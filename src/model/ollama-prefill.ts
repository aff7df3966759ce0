import { z } from 'zod';
import type { Prefill } from './model.ts';
import type { OllamaHttp } from './ollama-http.ts';
import type { OllamaLoader } from './ollama-load.ts';
import type { OllamaSetup } from './ollama-setup.ts';
import { Call } from './watchdog.ts';

const unknownForMs = 60_000;
const probe = 'Take a slow breath, and';

const Debug = z.object({ rendered_template: z.string() }).optional();
const Rendered = z.object({ _debug_info: Debug, debug_info: Debug });

type Answer = { prefill: Prefill; until: number };

interface ProberParts {
  http: OllamaHttp;
  setup: OllamaSetup;
  loader: OllamaLoader;
  closed: AbortSignal;
}

/** Finds out whether the model goes on behind an assistant message, by having the server show the prompt it would run. */
export class PrefillProber {
  readonly #parts: ProberParts;
  #answer: Answer | undefined;

  constructor(parts: ProberParts) {
    this.#parts = parts;
  }

  /**
   * `yes` and `no` are kept until `forget`, an `unknown` that the server is to blame for for a minute. Each who asks
   * meanwhile makes a request of its own, in its own slot, which is closed with its `signal`. Never raises.
   */
  async ask(signal: AbortSignal): Promise<Prefill> {
    if (this.#answer && performance.now() < this.#answer.until) return this.#answer.prefill;
    const { closed, loader, setup } = this.#parts;
    using call = new Call(closed, signal);
    try {
      if (!loader.isLoaded) await call.race(loader.load());
      call.arm(setup.lookMs, 'no answer');
      return this.#keep(await this.#render(call));
    } catch {
      return call.answered && !signal.aborted ? this.#keep('unknown') : 'unknown';
    }
  }

  forget(): void {
    this.#answer = undefined;
  }

  #keep(prefill: Prefill): Prefill {
    this.#answer = { prefill, until: prefill === 'unknown' ? performance.now() + unknownForMs : Infinity };
    return prefill;
  }

  /** A server that does not know the option begins a reply instead; leaving with the call stops it at its first line. */
  async #render(call: Call): Promise<Prefill> {
    const request = {
      ...this.#parts.setup.chat,
      messages: [
        { role: 'user', content: 'I feel restless.' },
        { role: 'assistant', content: probe },
      ],
      stream: true as const,
      _debug_render_only: true,
    };
    const lines = await this.#parts.http.lines(call).chat(request);
    for await (const line of lines) {
      const rendered = Rendered.safeParse(line).data;
      const template = (rendered?._debug_info ?? rendered?.debug_info)?.rendered_template;
      if (template === undefined) return 'unknown';
      return template.trimEnd().endsWith(probe) ? 'yes' : 'no';
    }
    return 'unknown';
  }
}
