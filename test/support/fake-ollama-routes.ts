// Every route but the chat.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Exchange } from './fake-ollama-exchange.ts';
import { KeepAlive, bringIn, isUnload } from './fake-ollama-load.ts';
import type { InstalledModel, Models } from './fake-ollama-models.ts';
import { embedText } from './fake-ollama-reply.ts';
import type { Ending } from './fake-ollama-types.ts';

const Named = z.looseObject({
  model: z.string().optional(),
  name: z.string().optional(),
  stream: z.boolean().default(true),
});
const EmbedBody = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string())]).default([]),
  dimensions: z.int().min(1).default(64),
  keep_alive: KeepAlive,
});

/** Which model a body asks for; empty when it names none. */
export function modelOf(body: unknown): string {
  const named = Named.safeParse(body);
  return named.success ? (named.data.model ?? named.data.name ?? '') : '';
}

function details({ name }: InstalledModel) {
  const family = name.split(/[:.\d]/)[0] ?? name;
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: '8.0B',
    quantization_level: 'Q4_K_M',
  };
}

function listed(model: InstalledModel) {
  return {
    name: model.name,
    model: model.name,
    size: 1_000_000,
    digest: model.digest,
    details: details(model),
  };
}

export async function tags(exchange: Exchange, models: Models): Promise<Ending> {
  const modified = new Date().toISOString();
  return await exchange.json({
    models: models.installed.map((m) => ({ ...listed(m), modified_at: modified })),
  });
}

export async function ps(exchange: Exchange, models: Models): Promise<Ending> {
  const running = models.loaded.map(({ model, expiresAt }) => ({
    ...listed(model),
    size_vram: 1_000_000,
    context_length: model.contextLength,
    expires_at: new Date(expiresAt).toISOString(),
  }));
  return await exchange.json({ models: running });
}

export async function show(exchange: Exchange, models: Models): Promise<Ending> {
  const name = exchange.record.model;
  const model = models.find(name);
  if (!model) return await exchange.json({ error: `model '${name}' not found` }, 404);
  const { family } = details(model);
  return await exchange.json({
    license: '',
    modelfile: '',
    parameters: '',
    template: '{{ .Prompt }}',
    details: details(model),
    model_info: { 'general.architecture': family, [`${family}.context_length`]: model.contextLength },
    capabilities: model.capabilities,
    modified_at: new Date().toISOString(),
  });
}

export async function pull(exchange: Exchange, models: Models, body: unknown): Promise<Ending> {
  const name = exchange.record.model;
  const { total, steps, capabilities } = exchange.behaviour.pull ?? { total: 3000, steps: 3 };
  const digest = createHash('sha256').update(name).digest('hex');
  const layer = { status: `pulling ${digest.slice(0, 12)}`, digest: `sha256:${digest}`, total };
  const lines = [
    { status: 'pulling manifest' },
    ...Array.from({ length: steps }, (_, i) => ({
      ...layer,
      completed: Math.floor((total * (i + 1)) / steps),
    })),
    { status: 'verifying sha256 digest' },
    { status: 'writing manifest' },
  ].map((line) => ({ line, text: '' }));
  const isStreamed = Named.safeParse(body).data?.stream ?? true;
  const last = { status: 'success' };
  const ending = await (isStreamed ? exchange.stream(lines, last) : exchange.whole(lines, last));
  if (ending === 'done') models.install({ name, loaded: false, ...(capabilities && { capabilities }) });
  return ending;
}

export async function embed(exchange: Exchange, models: Models, body: unknown): Promise<Ending> {
  const parsed = EmbedBody.safeParse(body);
  if (!parsed.success) return await exchange.json({ error: 'invalid input type' }, 400);
  const { model, input, dimensions } = parsed.data;
  if (!models.find(model)) return await exchange.json({ error: `model '${model}' not found` }, 404);
  const failed = await bringIn(exchange, models, parsed.data);
  if (failed) return failed;
  const { parts, record, behaviour } = exchange;
  await parts.gates.pass(record, 'slot', 0, parts.gone);
  using _slot = await models.acquire(model, parts.gone);
  await parts.gates.pass(record, 'prompt', 0, parts.gone);
  const texts = typeof input === 'string' ? [input] : input;
  const embeddings = behaviour.vectors?.(texts) ?? texts.map((text) => embedText(text, dimensions));
  const counts = { total_duration: 1_000_000, load_duration: 0, prompt_eval_count: texts.length };
  if (isUnload(parsed.data)) models.unload(model);
  return await exchange.json({ model, embeddings, ...counts });
}
