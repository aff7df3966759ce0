// The official clients of the doors, and what a test reads with them.
import { DefaultChatTransport, readUIMessageStream } from 'ai';
import type { UIMessage, UIMessageChunk } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { pathOf, rest } from './rest.ts';

/** A message of the person, and one of the guide as a client keeps it. */
export const user = (content: string) => ({ role: 'user', content }) as const;
export const assistant = (content: string) => ({ role: 'assistant', content }) as const;

export function clientOf(url: string, apiKey = 'none'): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
}

export type Messages = OpenAI.ChatCompletionMessageParam[];

/** Says something, and where it was said. */
export async function say(url: string, messages: Messages, headers: Record<string, string> = {}) {
  const { data, response } = await clientOf(url)
    .chat.completions.create({ model: 'gpt', messages }, { headers })
    .withResponse();
  return {
    text: data.choices[0]?.message.content ?? '',
    session: response.headers.get('x-session-id') ?? '',
    turn: response.headers.get('x-turn-id'),
  };
}

export async function streamed(url: string, messages: Messages, headers: Record<string, string> = {}) {
  const stream = await clientOf(url).chat.completions.create(
    { model: 'gpt', messages, stream: true },
    { headers },
  );
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

const Turns = z.object({
  turns: z.array(z.looseObject({ user_input: z.string(), text: z.string(), state: z.string() })),
});

export async function turnsOf(url: string, id: string, headers: Record<string, string> = {}) {
  const { body } = await rest(url, `GET ${pathOf(id, '/history')}`, { headers });
  return Turns.parse(body).turns;
}

const uiMessage = (id: string, text: string): UIMessage => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text }],
});

export async function uiChunks(url: string, id: string, text: string): Promise<UIMessageChunk[]> {
  const transport = new DefaultChatTransport({ api: `${url}/api/v1/ui/chat` });
  const stream = await transport.sendMessages({
    trigger: 'submit-message',
    chatId: id,
    messageId: undefined,
    messages: [uiMessage(`of ${text}`, text)],
    abortSignal: undefined,
  });
  return Array.fromAsync(stream.values());
}

/** The message that a client has in the end. */
export async function fold(chunks: readonly UIMessageChunk[]): Promise<UIMessage> {
  const states = readUIMessageStream({ stream: ReadableStream.from<UIMessageChunk>(chunks) });
  const last = (await Array.fromAsync(states)).at(-1);
  if (!last) throw new Error('no message');
  return last;
}

/** Its texts, by what they are. */
export function textsOf({ parts }: UIMessage): Record<string, string> {
  const Marked = z.object({ stillpoint: z.object({ kind: z.string() }) });
  const texts = parts.filter((part) => part.type === 'text');
  return Object.fromEntries(
    texts.map(({ text, providerMetadata }) => {
      const mark = Marked.safeParse(providerMetadata);
      return [mark.success ? mark.data.stillpoint.kind : 'reply', text];
    }),
  );
}
