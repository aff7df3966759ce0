// A request for a chat completion, as far as it says something to the guide.
import type { Request } from 'express';
import type { z } from 'zod';
import { ChatCompletionRequest } from '../../contract/doors.ts';
import type { ChatMessage } from '../../contract/doors.ts';
import { digestOf, mustBeText, refuseBody, textOf } from './request.ts';
import { aboutOf } from './visit.ts';

/** What somebody wants to have said, and what their client thinks was said before. */
export type Talk = ReturnType<typeof readTalk>;

type Message = z.output<typeof ChatMessage>;

/** Whether an answer is wanted as a stream, whatever else is wrong with a body. */
export const wantsStream = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'stream' in body && body.stream === true;

/** As in a path: percent-encoded. @throws VALIDATION_FAILED */
function decoded(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    return refuseBody([{ path: ['X-Session-Id'], message: 'must be percent-encoded' }]);
  }
}

const given = (value: string | null | undefined): string | undefined =>
  value === null || value === '' ? undefined : value;

/** @throws VALIDATION_FAILED */
export function readTalk(req: Request) {
  const parsed = ChatCompletionRequest.safeParse(req.body);
  if (!parsed.success) return refuseBody(parsed.error.issues);
  const { messages, metadata, stream, stream_options: options } = parsed.data;
  return {
    ...conversationOf(messages),
    ...namesOf(req, parsed.data),
    inputId: given(req.get('Idempotency-Key')),
    interrupt: metadata?.interrupt === 'true',
    /** A client of that protocol sent it again by itself. */
    isRetry: Number(req.get('X-Stainless-Retry-Count') ?? 0) > 0,
    stream: stream === true,
    includeUsage: options?.include_usage === true,
  };
}

/** Instructions are no part of it: the guide has its own. */
function conversationOf(messages: readonly Message[]) {
  const index = messages.findLastIndex(({ role }) => role === 'user');
  const last = messages[index];
  if (!last) return refuseBody([{ path: ['messages'], message: 'the user says nothing' }]);
  const words = mustBeText(last.content, ['messages', index, 'content']);
  const before = messages
    .slice(0, index)
    .filter(({ role }) => role === 'user' || role === 'assistant')
    .map(({ role, content }) => ({ role, text: textOf(content) }));
  const users = before.filter(({ role }) => role === 'user').map(({ text }) => text);
  return {
    words,
    /** Undefined: these are the first. */
    wordsBefore: users.at(-1),
    firstWords: users[0] ?? words,
    replyBefore: before.findLast(({ role }) => role === 'assistant')?.text,
    /** The same for the same request. */
    digest: digestOf(before, words),
  };
}

/** What a request says of its session and its person; what comes first counts. */
function namesOf(req: Request, { metadata, user }: ChatCompletionRequest) {
  const { session_id, client_id } = metadata ?? {};
  const header = given(req.get('X-Session-Id'));
  const name = header === undefined ? given(session_id) : decoded(header);
  const named = name ?? given(req.get('X-OpenWebUI-Chat-Id'));
  const person = given(client_id) ?? given(req.get('X-OpenWebUI-User-Id'));
  // where the user names the session, it is nobody beside it
  const about = aboutOf({ ...metadata, client_id: person ?? (named && given(user)) });
  return { sessionId: named ?? given(user), about };
}
