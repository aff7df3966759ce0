// OpenAPI of the doors for other people's clients: what is not in the table of operations, since no client of ours asks for it.
import { chatStatus, MODEL_NAME } from './doors.ts';
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { refTo } from './json-schema.ts';
import type { Part, Parts, Schema } from './json-schema.ts';
import { json, refusals, tooLong, withHeaders } from './openapi-refusals.ts';

const early = ['MALFORMED_JSON', 'FORBIDDEN', 'UNAUTHENTICATED', 'RATE_LIMITED'] as const;
const late = ['STORE_UNAVAILABLE', 'INTERNAL'] as const;
const ofBody = ['VALIDATION_FAILED', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
const ofInput = [
  'SESSION_CONFLICT',
  'TURN_IN_PROGRESS',
  'IDEMPOTENCY_CONFLICT',
  'SESSION_NOT_FOUND',
  'MODEL_BUSY',
  'DRAINING',
] as const;

/** What no schema can say of a list. */
const ofWords = { 'x-rule': 'The last message of the user has to be text, and not empty' };
const token: Part[] = [{ token: [] }, {}];
const text: Schema = { type: 'string' };

const header = (description: string, schema: Schema = text): Part => ({ description, schema });
const chatHeaders: Parts = {
  'X-Session-Id': header('The session, percent-encoded'),
  'X-Turn-Id': header('The turn'),
  'X-Cursor': header('Just before the first entry of the turn', refTo('Cursor')),
};
const streamHeaders = withHeaders('Cache-Control', 'X-Accel-Buffering')['headers'] as Parts;

function chatRefusals(codes: readonly ErrorCode[]): Part {
  const groups = Map.groupBy(codes, chatStatus);
  const responses = [...groups].map(([status, group]): [number, Part] => {
    const { headers } = withHeaders(
      'X-Request-Id',
      ...(status === 401 ? ['WWW-Authenticate'] : []),
      ...(status === 429 || status === 503 ? ['Retry-After'] : []),
    );
    const retry = header('Whether the official clients try again by themselves', {
      type: 'string',
      enum: ['true', 'false'],
    });
    const description = group.map((code) => `\`${code}\`: ${errorTable[code].title}`).join('. ');
    return [
      status,
      {
        description,
        headers: { ...(headers as Parts), ...chatHeaders, 'X-Should-Retry': retry },
        content: json(refTo('ChatError')),
      },
    ];
  });
  return { ...Object.fromEntries(responses), ...tooLong };
}

const inHeader = (name: string, description: string): Part => ({
  name,
  in: 'header',
  description,
  schema: text,
});

/** `data:` lines without a name, and `data: [DONE]` behind the last. */
const dataLines = (schema: string, example: object): Part => ({
  'text/event-stream': {
    schema: { ...text, description: 'The data of each is one JSON object; the last is `[DONE]`' },
    'x-events': { message: {} },
    'x-data': refTo(schema),
    example: `data: ${JSON.stringify(example)}\n\ndata: [DONE]\n\n`,
  },
});

const asked = (schema: string, example: object): Part => ({
  required: true,
  content: { 'application/json': { schema: refTo(schema), example } },
});

function chatPaths(): Record<string, Record<string, Part>> {
  const models = (operationId: string, summary: string, value: string): Part => ({
    operationId,
    tags: ['door'],
    summary,
    security: token,
    responses: {
      200: { description: 'Done', content: json(refTo(value)) },
      ...chatRefusals([...early, ...late]),
    },
  });
  const chunk = { object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'Hello' } }] };
  const one = models('chatModel', 'The one model', 'ChatModel');
  return {
    '/v1/chat/completions': {
      post: {
        operationId: 'chatCompletion',
        tags: ['door'],
        summary: 'Say the last message of the user to the guide, for clients of OpenAI',
        description: 'Who leaves before the end stops the reply. `docs/doors.md` tells which session it is',
        security: token,
        ...ofWords,
        parameters: [
          inHeader('X-Session-Id', 'The session, percent-encoded; without it `metadata.session_id`'),
          inHeader('Idempotency-Key', 'The same key says the same words once'),
        ],
        requestBody: asked('ChatCompletionRequest', { messages: [{ role: 'user', content: 'Hello' }] }),
        responses: {
          200: {
            description: 'The reply, with what has to be seen beside it; with `stream` as it is made',
            headers: { ...chatHeaders, ...streamHeaders },
            content: { ...json(refTo('ChatCompletion')), ...dataLines('ChatCompletionChunk', chunk) },
          },
          ...chatRefusals([...early, ...ofBody, ...ofInput, 'TURN_CANCELLED', 'MODEL_INTERRUPTED', ...late]),
        },
      },
    },
    '/v1/models': { get: models('chatModels', 'The models there are: one', 'ChatModels') },
    '/v1/models/{model}': {
      get: {
        ...one,
        parameters: [{ name: 'model', in: 'path', required: true, schema: { ...text, enum: [MODEL_NAME] } }],
        responses: { ...(one['responses'] as Part), ...chatRefusals([...early, 'NOT_FOUND', ...late]) },
      },
    },
  };
}

const door = { tags: ['door'], security: token };
const ofChat = { name: 'session_id', in: 'path', required: true, schema: refTo('SessionId') };
const nothing = { description: 'Nothing runs' };

const uiStream = (description: string): Part => ({
  description,
  headers: { ...streamHeaders, 'X-Vercel-AI-UI-Message-Stream': { schema: { ...text, const: 'v1' } } },
  content: dataLines('UiChunk', { type: 'text-delta', id: 'reply-1', delta: 'Hello' }),
});

const say: Part = {
  ...door,
  ...ofWords,
  operationId: 'uiChat',
  summary: 'Say the last message of the user to the guide, for `useChat` of the AI SDK',
  requestBody: asked('UiChatRequest', {
    id: 'demo',
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }],
  }),
};

const resume: Part = {
  ...door,
  operationId: 'uiResume',
  summary: 'The live turn, from its first word on',
  parameters: [
    ofChat,
    {
      name: 'ended',
      in: 'query',
      description: '`true`: also the last turn, if it has ended',
      schema: { ...text, examples: ['true'] },
    },
  ],
};

const stop: Part = {
  ...door,
  operationId: 'uiStop',
  summary: 'Stop the live turn',
  parameters: [ofChat],
};

function uiPaths(shared: Parts): Record<string, Record<string, Part>> {
  const refused = (...codes: ErrorCode[]): Part => ({
    ...refusals([...early, ...codes, ...late], shared),
    ...tooLong,
  });
  const said = uiStream('The turn as a UI message stream, to its end; who leaves does not stop it');
  const resumed = uiStream('The turn, to its end');
  const stopped = { description: 'It is stopped', content: json(refTo('UiStopped')) };
  return {
    '/api/v1/ui/chat': {
      post: { ...say, responses: { 200: said, ...refused(...ofBody, ...ofInput) } },
    },
    '/api/v1/ui/chat/{session_id}/stream': {
      get: { ...resume, responses: { 200: resumed, 204: nothing, ...refused() } },
      delete: { ...stop, responses: { 200: stopped, 204: nothing, ...refused('SESSION_NOT_FOUND') } },
    },
  };
}

/** Refusals that are shared with others are added to `shared`. */
export function doorPaths(shared: Parts): Record<string, Record<string, Part>> {
  return { ...chatPaths(), ...uiPaths(shared) };
}
