// Models that say a word when a test tells them to, to every turn at once.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Model, ModelEvent } from '../../src/model/model.ts';
import { isReady, openOllama, reaches } from './ollama-model.ts';
import { ScriptedModel } from './scripted-model.ts';
import { createChanges, until } from './wait.ts';

export interface Well {
  readonly model: Model;
  /** Gives the word to all turns, in one tick. */
  give(word: string): void;
  /** Resolves when so many turns wait for it. */
  awaited(turns: number): Promise<void>;
}

/** Makes one promise for each word, and nothing else. */
class PacedModel extends ScriptedModel implements Well {
  readonly model = this;
  readonly #awaits = createChanges();
  #waiting: ((result: IteratorResult<ModelEvent, void>) => void)[] = [];

  override generate(): AsyncIterable<ModelEvent, void> {
    const next = () =>
      new Promise<IteratorResult<ModelEvent, void>>((resolve) => {
        this.#waiting.push(resolve);
        this.#awaits.notify();
      });
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  give(text: string): void {
    for (const resolve of this.#waiting.splice(0)) resolve({ done: false, value: { kind: 'text', text } });
  }

  awaited(turns: number): Promise<void> {
    return until(() => this.#waiting.length === turns, this.#awaits.subscribe, `${turns} turns`).then(
      () => {},
    );
  }
}

/** Lines of an Ollama, each in one write: without a promise, and without JSON that is made anew. */
const lineOf = (content: string, rest = '"done":false'): string =>
  `{"model":"m","created_at":"2026-01-01T00:00:00.000000Z","message":{"role":"assistant","content":"${content}"},${rest}}\n`;

/** The adapter to Ollama, and a server it asks. */
async function openPacedOllama(): Promise<Well> {
  const streams: ServerResponse[] = [];
  const changes = createChanges();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      if (request.url !== '/api/chat') response.end('{"capabilities":["completion"],"models":[]}');
      // one without messages only loads the model
      else if (!body.includes('"messages":[{')) response.end(lineOf('', '"done":true,"done_reason":"load"'));
      else {
        streams.push(response);
        response.flushHeaders();
        changes.notify();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const model = openOllama(`http://127.0.0.1:${port}`);
  await reaches(model, isReady);
  return {
    model,
    give: (word) => {
      for (const stream of streams) stream.write(lineOf(word));
    },
    awaited: async (turns) => {
      await until(() => streams.length === turns, changes.subscribe, `${turns} turns`);
    },
  };
}

/** `plain`: nothing but the application is counted. `ollama`: the adapter too. */
export async function openWell(kind: 'plain' | 'ollama'): Promise<Well> {
  return kind === 'plain' ? new PacedModel() : openPacedOllama();
}
