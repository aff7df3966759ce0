// POST /api/chat: what happens between the request and the first word.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Exchange, Piece } from './fake-ollama-exchange.ts';
import type { InstalledModel, Models } from './fake-ollama-models.ts';
import { KeepAlive, bringIn, isUnload } from './fake-ollama-load.ts';
import { cutPieces, outputAfter, renderTemplate, replyText, splitPrefill } from './fake-ollama-reply.ts';
import type { Behaviour, Ending, RequestKind } from './fake-ollama-types.ts';

/** Of JSON schema, what a choice is made with. */
const Format = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ enum: z.array(z.string()).min(1) })),
});

export const ChatBody = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string().default('') })).default([]),
  stream: z.boolean().default(true),
  think: z.union([z.boolean(), z.string()]).optional(),
  keep_alive: KeepAlive,
  options: z.looseObject({ seed: z.number().optional(), num_predict: z.number().optional() }).optional(),
  _debug_render_only: z.boolean().optional(),
  format: Format.optional(),
});
export type ChatBody = z.output<typeof ChatBody>;

/** What a chat request is for. */
export function chatKind(body: ChatBody): RequestKind {
  if (body.messages.length === 0) return isUnload(body) ? 'unload' : 'load';
  if (body.format) return 'choice';
  return body._debug_render_only ? 'render' : 'chat';
}

/** Answers a chat in every form of it. */
export async function chat(
  exchange: Exchange,
  models: Models,
  body: ChatBody,
  seed: number,
): Promise<Ending | undefined> {
  const model = models.find(body.model);
  if (!model) return await exchange.json({ error: `model '${body.model}' not found` }, 404);
  const kind = chatKind(body);
  if (kind === 'unload') {
    models.unload(model.name);
    return await exchange.json(emptyAnswer(body, 'unload'));
  }
  const thinks = model.capabilities.includes('thinking');
  if (body.think && !thinks) {
    return await exchange.json({ error: `"${body.model}" does not support thinking` }, 400);
  }
  const failed = await bringIn(exchange, models, body);
  if (failed) return failed;
  if (kind === 'load') return await exchange.json(emptyAnswer(body, 'load'));
  return await answer(exchange, { models, model, body, seed, isThinking: thinks && body.think !== false });
}

/** JSON that fits the schema, unless the behaviour has words of its own. */
function fitting({ format }: ChatBody, { reply, choice }: Behaviour): string | undefined {
  if (!format || reply !== undefined) return undefined;
  const fields = Object.entries(format.properties).map(([name, { enum: values }]) => [
    name,
    choice ?? values[0],
  ]);
  return JSON.stringify(Object.fromEntries(fields));
}

interface Job {
  models: Models;
  model: InstalledModel;
  body: ChatBody;
  seed: number;
  isThinking: boolean;
}

async function answer(exchange: Exchange, job: Job): Promise<Ending | undefined> {
  const { behaviour, record } = exchange;
  const { body, models } = job;
  const talk = splitPrefill(body.messages);
  const render = behaviour.render ?? 'open';
  if (body._debug_render_only && render !== 'unknown') {
    const rendered = renderTemplate(talk, render);
    return await exchange.json({ ...head(body), _debug_info: { rendered_template: rendered } });
  }
  if (behaviour.refusePrefillWithThink && talk.prefill !== null && job.isThinking) {
    return await exchange.json(
      { error: 'Assistant response prefill is incompatible with enable_thinking.' },
      400,
    );
  }
  const source = { model: job.model.name, messages: talk.messages, seed: body.options?.seed ?? job.seed };
  record.reply = fitting(body, behaviour) ?? replyText(source, behaviour);
  const { reply: _given, ...anew } = behaviour;
  const habit = behaviour.prefill ?? 'honoured';
  const output = outputAfter(record.reply, talk.prefill, habit, () =>
    replyText({ ...source, seed: source.seed + 1 }, anew),
  );
  record.prefill = talk.prefill;
  record.prefillFits = output.fits;

  await exchange.parts.gates.pass(record, 'slot', 0, exchange.parts.gone);
  using _slot = await models.acquire(job.model.name, exchange.parts.gone);
  await evaluatePrompt(exchange);
  const ending = await speak(exchange, job, output.text);
  if (isUnload(body)) models.unload(job.model.name);
  return ending;
}

/** Goes on for a while without its client when the behaviour says so, and holds the slot as long. */
async function evaluatePrompt(exchange: Exchange): Promise<void> {
  const { parts, behaviour, record } = exchange;
  try {
    await parts.gates.pass(record, 'prompt', 0, parts.gone);
    await sleep(behaviour.promptMs ?? 0, undefined, { signal: parts.gone });
  } catch (error) {
    if (behaviour.lingerMs) {
      await parts.gates.pass(record, 'linger', 0, parts.stop);
      await sleep(behaviour.lingerMs, undefined, { signal: parts.stop });
    }
    throw error;
  }
}

async function speak(exchange: Exchange, job: Job, text: string): Promise<Ending> {
  const { body } = job;
  const { behaviour } = exchange;
  const thought = job.isThinking ? (behaviour.thinking ?? 'Let me think about that for a moment.') : '';
  const all = cutPieces(text, behaviour);
  const most = body.options?.num_predict ?? -1;
  const said = most > 0 ? all.slice(0, most) : all;
  const pieces: Piece[] = [
    ...cutPieces(thought, behaviour).map((piece) => pieceOf(body, { content: '', thinking: piece })),
    ...said.map((piece) => pieceOf(body, { content: piece })),
  ];
  const reason = behaviour.doneReason ?? (said.length < all.length ? 'length' : 'stop');
  const last = {
    ...head(body),
    message: message({ content: '' }),
    done: true,
    done_reason: reason,
    ...counts(said.length),
  };
  if (body.stream) return await exchange.stream(pieces, last);
  const whole = message({ content: said.join(''), ...(thought && { thinking: thought }) });
  return await exchange.whole(pieces, { ...last, message: whole });
}

function message(parts: { content: string; thinking?: string }) {
  return { role: 'assistant', ...parts };
}

function pieceOf(body: ChatBody, parts: { content: string; thinking?: string }): Piece {
  return { line: { ...head(body), message: message(parts), done: false }, text: parts.content };
}

function head(body: ChatBody) {
  return { model: body.model, created_at: new Date().toISOString() };
}

function emptyAnswer(body: ChatBody, reason: string) {
  return { ...head(body), message: message({ content: '' }), done: true, done_reason: reason };
}

function counts(tokens: number) {
  return {
    total_duration: 1_000_000,
    load_duration: 0,
    prompt_eval_count: 10,
    prompt_eval_duration: 500_000,
    eval_count: tokens,
    eval_duration: 500_000,
  };
}
