// The people who talk, in a process of their own: each with a real client, one turn each.
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { z } from 'zod';
import { clock } from './clock.ts';
import { Talk } from './speech.ts';
import type { Heard, Way } from './speech.ts';

/** What one client hears. */
class Ear {
  readonly #at: number[] = [];
  readonly #ends: number[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #began: () => void;
  #start = '';
  #length = 0;
  askedAt = 0;

  constructor(began: () => void) {
    this.#began = began;
  }

  hear(text: string): void {
    if (this.#length === 0) this.#began();
    if (!this.#start.includes(',')) this.#start += text;
    this.#length += text.length;
    this.#at.push(clock());
    this.#ends.push(this.#length);
  }

  end(): void {
    this.#ended.resolve();
  }

  fail(why: unknown): void {
    this.#ended.reject(new Error('a turn did not end as it should', { cause: why }));
  }

  async whole(): Promise<Heard> {
    await this.#ended.promise;
    const at = Float64Array.from(this.#at);
    return {
      reply: Number(/\d+/.exec(this.#start)?.[0]),
      askedAt: this.askedAt,
      at,
      ends: Float64Array.from(this.#ends),
    };
  }
}

interface Asker {
  /** Says something; the ear hears the answer. */
  ask(): void;
  close(): void;
}

type Open = (url: string, session: string, ear: Ear) => Promise<Asker>;

async function openSocket(url: string) {
  const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
  await new Promise<void>(
    (resolve, reject) => void socket.once('connect', resolve).once('connect_error', reject),
  );
  return socket;
}

const bySocket: Open = async (url, session, ear) => {
  const socket = await openSocket(url);
  // what comes thousands of times a second is not checked
  socket.on('therapist:token', ({ text }: { text: string }) => ear.hear(text));
  socket.on('therapist:done', () => ear.end());
  for (const event of ['therapist:error', 'turn:cancelled', 'disconnect'])
    socket.on(event, (why) => ear.fail(why));
  const ask = () => {
    socket.emit('session:input', { session_id: session, user_input: 'hello' }, (ack: { ok: boolean }) => {
      if (!ack.ok) ear.fail(ack);
    });
  };
  return { ask, close: () => socket.close() };
};

const byRelaySocket: Open = async (url, _session, ear) => {
  const socket = await openSocket(url);
  socket.on('token', (text: string) => ear.hear(text));
  socket.on('done', () => ear.end());
  socket.on('disconnect', (why) => ear.fail(why));
  return { ask: () => void socket.emit('say', 'hello'), close: () => socket.close() };
};

/** Calls back with each event of a stream. */
function readEvents(answer: IncomingMessage, onEvent: (event: string, data: string) => void): void {
  let rest = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const field = (name: string) => lines.find((line) => line.startsWith(name))?.slice(name.length);
      const data = field('data: ');
      if (data !== undefined) onEvent(field('event: ') ?? 'message', data);
    }
  });
}

const post = (
  url: string,
  type: string,
  body: string,
  accept: string,
  onAnswer: (answer: IncomingMessage) => void,
  fail: (why: unknown) => void,
) => {
  const headers = { 'Content-Type': type, Accept: accept };
  request(url, { method: 'POST', headers, agent: false }, onAnswer).on('error', fail).end(body);
};

const byEvents: Open = async (url, session, ear) => {
  const onAnswer = (answer: IncomingMessage) => {
    readEvents(answer, (event, data) => {
      if (event === 'therapist:token') ear.hear(String(JSON.parse(data).text));
      else if (event === 'therapist:done') ear.end();
    });
    answer.on('end', () => ear.fail(answer.statusCode));
  };
  const input = JSON.stringify({ user_input: 'hello' });
  const path = `${url}/api/v1/session/${session}/input`;
  return {
    ask: () => post(path, 'application/json', input, 'text/event-stream', onAnswer, (why) => ear.fail(why)),
    close: () => undefined,
  };
};

const byRelayEvents: Open = async (url, _session, ear) => {
  const onAnswer = (answer: IncomingMessage) => {
    readEvents(answer, (event, data) => {
      if (event === 'done') ear.end();
      else ear.hear(String(JSON.parse(data)));
    });
    answer.on('end', () => ear.fail(answer.statusCode));
  };
  return {
    ask: () =>
      post(`${url}/say`, 'text/plain', 'hello', 'text/event-stream', onAnswer, (why) => ear.fail(why)),
    close: () => undefined,
  };
};

const Page = z.object({
  cursor: z.string(),
  entries: z
    .array(z.object({ event: z.string(), data: z.looseObject({ text: z.string().optional() }) }))
    .default([]),
});

const byPoll: Open = async (url, session, ear) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const json = (method: string, path: string, body?: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', Prefer: 'respond-async' };
      const asked = request(
        `${url}/api/v1/session/${session}/${path}`,
        { method, headers, agent },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          answer.on('end', () => resolve(text === '' ? undefined : JSON.parse(text)));
        },
      );
      asked.on('error', reject).end(body);
    });
  const talk = async () => {
    let { cursor } = Page.parse(await json('POST', 'input', JSON.stringify({ user_input: 'hello' })));
    for (;;) {
      const answer = await json('GET', `log?after=${encodeURIComponent(cursor)}&wait=25`);
      if (answer === undefined) continue;
      const page = Page.parse(answer);
      cursor = page.cursor;
      for (const { event, data } of page.entries) {
        if (event === 'therapist:token') ear.hear(data.text ?? '');
        else if (event === 'therapist:done') return ear.end();
      }
    }
  };
  return { ask: () => void talk().catch((why: unknown) => ear.fail(why)), close: () => agent.destroy() };
};

const ways: Record<Way, Open> = {
  socket: bySocket,
  sse: byEvents,
  poll: byPoll,
  'relay-socket': byRelaySocket,
  'relay-sse': byRelayEvents,
};

async function talk({ way, url, turns, everyMs, name }: Talk): Promise<Heard[]> {
  let silent = turns;
  const began = () => {
    silent -= 1;
    if (silent === 0) process.send?.('begun');
  };
  const ears: Ear[] = [];
  const askers: Asker[] = [];
  for (let n = 0; n < turns; n += 1) {
    const ear = new Ear(began);
    ears.push(ear);
    askers.push(await ways[way](url, `${name}-${n}`, ear));
  }
  const firstAt = clock();
  for (const [n, asker] of askers.entries()) {
    const waitMs = firstAt + n * everyMs - clock();
    if (waitMs >= 1) await sleep(waitMs);
    const ear = ears[n];
    if (ear) ear.askedAt = clock();
    asker.ask();
  }
  const heard = await Promise.all(ears.map((ear) => ear.whole()));
  for (const asker of askers) asker.close();
  return heard;
}

process.on('message', (message) => {
  talk(Talk.parse(message)).then(
    (heard) => process.send?.(heard),
    (error: unknown) => process.send?.(String(error instanceof Error ? error.cause : error)),
  );
});
process.on('disconnect', () => process.exit(0));
