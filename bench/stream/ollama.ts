// A fake Ollama in a process of its own, which notes when it said each word. All but the words is the tests' fake, behind it.
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { startFakeOllama } from '../../test/support/fake-ollama.ts';
import { clock } from './clock.ts';
import { serve } from './serve.ts';
import { Speech } from './speech.ts';
import type { Said } from './speech.ts';

const Chat = z.looseObject({ stream: z.boolean().default(true), messages: z.array(z.unknown()).default([]) });
const words =
  'what do you notice in your body right now as you say that slowly and gently where is it does it move or stay let us stay with it here'.split(
    ' ',
  );
const HEAD =
  '{"model":"m","created_at":"2026-01-01T00:00:00.000000Z","message":{"role":"assistant","content":';
const END = `${HEAD}""},"done":true,"done_reason":"stop","total_duration":1000000,"load_duration":0,"prompt_eval_count":10,"eval_count":10}\n`;

const inner = await startFakeOllama();
let speech: Speech = { rate: 50, words: 10 };
let said: Said[] = [];

/** A word of the reply that so many came before; the second one is its number. */
function piece(reply: number, at: number): string {
  if (at === 0) return 'Good';
  if (at === 1) return ` ${reply},`;
  return ` ${words[(reply + at) % words.length] ?? ''}${at % 12 === 11 ? '.' : ''}`;
}

async function speak(res: ServerResponse): Promise<void> {
  const { rate, words: count } = speech;
  const reply = said.length;
  const mine: Said = { at: new Float64Array(count), ends: new Float64Array(count) };
  said.push(mine);
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  res.socket?.setNoDelay(true);
  const beganAt = clock();
  for (let n = 0, end = 0; n < count && !res.closed; n += 1) {
    const waitMs = rate === null ? 0 : beganAt + (n * 1_000) / rate - clock();
    if (waitMs >= 1) await sleep(waitMs);
    const text = piece(reply, n);
    end += text.length;
    mine.at[n] = clock();
    mine.ends[n] = end;
    const hasRoom = res.write(`${HEAD}${JSON.stringify(text)}},"done":false}\n`);
    if (!hasRoom && !res.closed)
      await new Promise<void>((resolve) => void res.once('drain', resolve).once('close', resolve));
    // one at a time, however fast: a model does not say several words at once
    else if (rate === null) await new Promise((resolve) => void setImmediate(resolve));
  }
  res.end(END);
}

function pass(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  const { method, headers } = req;
  const asked = request(`${inner.url}${req.url}`, { method, headers }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  asked.on('error', () => res.destroy());
  asked.end(body);
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync(req, (part: Buffer) => part));
  if (req.method === 'POST' && req.url === '/api/chat') {
    const chat = Chat.parse(JSON.parse(body.toString()));
    if (chat.stream && chat.messages.length > 0) return await speak(res);
  }
  pass(req, res, body);
}

process.on('message', (message) => {
  process.send?.(message === 'said' ? said : 'told');
  said = [];
  if (message !== 'said') speech = Speech.parse(message);
});
serve(createServer((req, res) => void answer(req, res).catch(() => res.destroy())));
