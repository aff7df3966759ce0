// The way to Ollama: the `ollama` library with our own fetch beneath it, because the library can neither be aborted
// before the first byte nor be trusted with a bad line, and prints to the console. It is undici's `request` rather than
// its `fetch`: the same connections for a third less work per word.
import type { Readable } from 'node:stream';
import { Ollama } from 'ollama';
import type { ChatRequest } from 'ollama';
import { Agent, buildConnector, request } from 'undici';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { placeOf } from './host-name.ts';
import { ModelError } from './model.ts';
import type { ModelFault } from './model.ts';
import { jsonBody, JsonLines, jsonLines, said } from './ndjson.ts';
import type { Hear } from './ndjson.ts';
import type { Call } from './watchdog.ts';

const maxLineBytes = 1024 * 1024;
const maxBodyBytes = 16 * 1024 * 1024;
const maxRefusalBytes = 4096;
/** How long the text of a refusal may take once its status is known. */
const refusalMs = 1000;

const Refusal = z.object({ error: z.unknown() });

type Answer = Dispatcher.ResponseData;

/** Connections to one Ollama server. */
export class OllamaHttp implements AsyncDisposable {
  /** Where it is, without credentials: fit for a log. */
  readonly place: string;
  readonly #authorization: string | undefined;
  readonly #agent: Agent;
  readonly #hear: Hear;

  /**
   * `hear` is told what the server says of errors.
   * @throws TypeError when `baseUrl` is no URL
   */
  constructor(baseUrl: string, connectMs: number, hear: Hear) {
    this.#hear = hear;
    this.#authorization = authorization(new URL(baseUrl));
    this.place = placeOf(baseUrl);
    // Each request has its own connection (`pipelining: 0`): a kept one may be dead already, and whether the server saw
    // a request that was lost with it cannot be known.
    this.#agent = new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 0,
      connect: connector(connectMs),
    });
  }

  /** A client for one request whose answer is a stream of lines. The request is closed when the call ends. */
  lines(call: Call): Ollama {
    return this.#client(async (answer) => {
      const checked = jsonLines(answer.body, maxLineBytes, this.#hear);
      return new Response(ReadableStream.from(checked), { status: answer.statusCode });
    }, call);
  }

  /**
   * Asks for a reply; its lines are read from the body as it comes. Without the library, which parses each line once more
   * behind three more streams: half of what a word costs. The request is closed when the call ends.
   * @throws ModelError
   */
  async reply(request: ChatRequest, call: Call): Promise<{ body: Readable; lines: JsonLines }> {
    const { body } = await this.#ask(`${this.place}/api/chat`, 'POST', JSON.stringify(request), call);
    return { body, lines: new JsonLines(maxLineBytes, this.#hear) };
  }

  /** A client for one request whose answer is one object. The request is closed when the call ends. */
  whole(call: Call): Ollama {
    return this.#client(async (answer) => {
      return new Response(await jsonBody(answer.body, maxBodyBytes, this.#hear));
    }, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  #client(check: (answer: Answer) => Promise<Response>, call: Call): Ollama {
    return new Ollama({
      host: this.place,
      fetch: async (input, init) => {
        const url = input instanceof Request ? input.url : input;
        const method = init?.method === 'POST' ? 'POST' : 'GET';
        const body = typeof init?.body === 'string' ? init.body : null;
        return await check(await this.#ask(url, method, body, call));
      },
    });
  }

  async #ask(url: string | URL, method: 'GET' | 'POST', body: string | null, call: Call): Promise<Answer> {
    const { signal } = call;
    const options = { method, headers: this.#headers(), body, signal, dispatcher: this.#agent };
    const answer = await request(url, options);
    call.answered = true;
    if (answer.statusCode < 200 || answer.statusCode > 299) throw await refusal(answer, this.#hear);
    return answer;
  }

  #headers(): Record<string, string> {
    const json = { 'content-type': 'application/json', accept: 'application/json, application/x-ndjson' };
    return this.#authorization === undefined ? json : { ...json, authorization: this.#authorization };
  }
}

/** The fault behind whatever a request raised; nothing but a ModelError leaves this folder. */
export function toModelError(error: unknown): ModelError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ModelError) return cause;
  }
  return new ModelError('interrupted', 'the answer broke off before its end', error);
}

/** Whatever fails while connecting happens before a request exists, so it is told apart here and not by error codes. */
function connector(connectMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: connectMs, keepAlive: true, keepAliveInitialDelay: 30_000 });
  return (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(new ModelError('unreachable', 'Ollama does not answer', error), null);
    });
  };
}

function authorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

async function refusal(answer: Answer, hear: Hear): Promise<ModelError> {
  const text = await opening(answer);
  if (text !== '') hear(text);
  return new ModelError(faultOf(answer.statusCode), `Ollama answered ${answer.statusCode}`);
}

function faultOf(status: number): ModelFault {
  if (status === 404) return 'missing';
  if (status === 503) return 'busy';
  return status >= 500 ? 'interrupted' : 'refused';
}

/** What a refusal says. Its status already tells what to do, so trouble in reading it changes nothing. */
async function opening({ body }: Answer): Promise<string> {
  const timer = setTimeout(() => body.destroy(), refusalMs);
  try {
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of body) {
      text += decoder.decode(part, { stream: true });
      if (text.length > maxRefusalBytes) break;
    }
    return refusalText(text);
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}

function refusalText(text: string): string {
  try {
    return said(Refusal.parse(JSON.parse(text)).error);
  } catch {
    return '';
  }
}
