// What goes through the doors for other people's clients: the chat completions of OpenAI, and the UI message stream of the AI SDK.
import { z } from 'zod';
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import * as m from './model.ts';

/** The status by which a code is refused in the form of that protocol. */
export const chatStatus = (code: ErrorCode): number =>
  code === 'VALIDATION_FAILED' ? 400 : errorTable[code].status;

/** The one model that is to be had here. */
export const MODEL_NAME = 'stillpoint';

const word = m.Text.nullish();
/** What `session:create` takes about a person, from the first request of a chat. */
const about = { client_id: word, locale: word, country: word, age_band: word };

const TextPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const OtherPart = z.looseObject({ type: z.string().regex(/^(?!text$)/) });
const Parts = z.array(z.union([TextPart, OtherPart]));

export const ChatMessage = z
  .looseObject({
    role: z.enum(['user', 'assistant', 'system', 'developer', 'tool', 'function']),
    content: z.union([z.string(), Parts], { error: 'must be a string or a list of parts' }).nullish(),
  })
  .meta({ id: 'ChatMessage', description: 'Parts other than `text` are refused in what is said' });

const unsupported = { error: 'is not supported' };
export const ChatMetadata = z.looseObject({
  session_id: m.SessionId.nullish(),
  interrupt: z.string().nullish().meta({ description: '`true`: cancel a live turn in the same step' }),
  ...about,
});
export const ChatCompletionRequest = z
  .looseObject({
    model: z
      .string()
      .nullish()
      .meta({ description: `Any; the answer comes from \`${MODEL_NAME}\`` }),
    messages: z
      .array(ChatMessage)
      .min(1)
      .meta({ description: 'Only the last one of the role `user` is said; instructions are not followed' }),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    user: word.meta({ description: 'Without another name for the session, its id: one session per user' }),
    metadata: ChatMetadata.nullish(),
    n: z.literal(1, unsupported).nullish(),
    tool_choice: z.enum(['none', 'auto'], unsupported).nullish(),
    function_call: z.enum(['none', 'auto'], unsupported).nullish(),
    response_format: z.looseObject({ type: z.literal('text', unsupported) }).nullish(),
  })
  .meta({ id: 'ChatCompletionRequest', description: 'Other fields are taken and change nothing' });

const Usage = z
  .object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() })
  .meta({ description: 'Tokens are not counted: always 0' });
const completion = {
  id: z.string().meta({ description: '`chatcmpl-` and the turn id' }),
  created: z.int(),
  model: z.literal(MODEL_NAME),
};
export const ChatCompletion = z
  .object({
    ...completion,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.literal(0),
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        logprobs: z.null(),
        finish_reason: z.literal('stop'),
      }),
    ),
    usage: Usage,
  })
  .meta({ id: 'ChatCompletion' });
export const ChatCompletionChunk = z
  .object({
    ...completion,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.object({
        index: z.literal(0),
        delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional() }),
        logprobs: z.null(),
        finish_reason: z.literal('stop').nullable(),
      }),
    ),
    usage: Usage.nullable().optional(),
  })
  .meta({ id: 'ChatCompletionChunk' });
export const ChatModel = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'ChatModel' });
export const ChatModels = z
  .object({ object: z.literal('list'), data: z.array(ChatModel) })
  .meta({ id: 'ChatModels' });
export const ChatError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.enum([
        'invalid_request_error',
        'authentication_error',
        'permission_error',
        'rate_limit_error',
        'server_error',
      ]),
      param: z.string().nullable(),
      code: m.Failure.shape.code,
    }),
  })
  .meta({ id: 'ChatError', description: 'Why a request was refused, in the form of that protocol' });

export const UiMessage = z
  .looseObject({
    role: z.enum(['user', 'assistant', 'system']),
    parts: Parts.nullish(),
    id: z.string().optional(),
  })
  .meta({ id: 'UiMessage', description: 'Parts other than `text` are refused in what is said' });
export const UiChatRequest = z
  .looseObject({
    id: m.GivenSessionId.meta({ description: 'The id of the chat is that of the session' }),
    messages: z.array(UiMessage).min(1).meta({ description: 'Only the last one of the role `user` is said' }),
    trigger: z.string().nullish(),
    messageId: z.string().nullish(),
    interrupt: z.boolean().nullish().meta({ description: 'Cancel a live turn in the same step' }),
    ...about,
  })
  .meta({ id: 'UiChatRequest', description: 'As `DefaultChatTransport` sends it' });
export const UiStopped = z.object({ turn_id: m.TurnId, state: m.TurnState }).meta({ id: 'UiStopped' });

const textKind = z.looseObject({
  stillpoint: z.object({ kind: z.enum(['disclosure', 'human', 'resources', 'notice']) }),
});
const part = { id: z.string() };
/** One `data:` of the UI message stream, as far as it is used here. */
export const UiChunk = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('start'), messageId: z.string(), messageMetadata: z.unknown() }),
    z.object({ type: z.literal('start-step') }),
    z.object({ type: z.literal('reset-step') }),
    z.object({ type: z.literal('finish-step') }),
    z.object({ type: z.literal('text-start'), ...part, providerMetadata: textKind.optional() }),
    z.object({ type: z.literal('text-delta'), ...part, delta: z.string() }),
    z.object({ type: z.literal('text-end'), ...part }),
    z.object({ type: z.literal('data-disclosure'), ...part, data: z.unknown() }),
    z.object({ type: z.literal('data-human'), ...part, data: z.unknown() }),
    z.object({ type: z.literal('data-notice'), ...part, data: z.unknown() }),
    z.object({ type: z.literal('data-safety'), ...part, data: m.SafetyNotice.omit({ text: true }) }),
    z.object({ type: z.literal('data-status'), data: z.unknown(), transient: z.literal(true) }),
    z.object({ type: z.literal('data-reset'), data: z.unknown(), transient: z.literal(true) }),
    z.object({ type: z.literal('finish'), finishReason: z.literal('stop'), messageMetadata: z.unknown() }),
    z.object({ type: z.literal('abort'), reason: z.string() }),
    z.object({ type: z.literal('error'), errorText: z.string() }),
  ])
  .meta({ id: 'UiChunk' });

export type ChatCompletionRequest = z.output<typeof ChatCompletionRequest>;
export type ChatCompletion = z.output<typeof ChatCompletion>;
export type ChatCompletionChunk = z.output<typeof ChatCompletionChunk>;
export type ChatError = z.output<typeof ChatError>;
export type UiChatRequest = z.output<typeof UiChatRequest>;
export type UiChunk = z.output<typeof UiChunk>;
