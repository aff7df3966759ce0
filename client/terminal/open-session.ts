import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatClient, ChatSession } from '../sdk/api.ts';
import { ChatError, ConnectionError } from '../sdk/errors.ts';
import type { Settings } from './arguments.ts';

const AGAIN_MS = 1_000;

export interface Opened {
  session: ChatSession;
  isNew: boolean;
}

/**
 * The session of that id, which is made where there is none, or a new one. Tried until it is there: a server that cannot be
 * reached may come back. @throws ChatError: it never will.
 */
export async function openSession(client: ChatClient, settings: Settings): Promise<Opened> {
  for (;;) {
    try {
      return await tryToOpen(client, settings);
    } catch (error) {
      const wait = waitBefore(error);
      if (wait === null) throw error;
      await sleep(wait);
    }
  }
}

async function tryToOpen(client: ChatClient, { id, locale }: Settings): Promise<Opened> {
  const session = id === null ? null : await existing(client, id);
  if (session) return { session, isNew: false };
  const fields = { ...(id === null ? {} : { session_id: id }), ...(locale === null ? {} : { locale }) };
  const made = await client.create(fields);
  await made.open();
  return { session: made, isNew: true };
}

async function existing(client: ChatClient, id: string): Promise<ChatSession | null> {
  const session = client.session(id);
  try {
    await session.open();
    return session;
  } catch (error) {
    if (error instanceof ChatError && error.code === 'SESSION_NOT_FOUND') return null;
    throw error;
  }
}

/** Null: trying again cannot help. Somebody else who made it at the same time did so for good. */
function waitBefore(error: unknown): number | null {
  if (error instanceof ConnectionError) return error.reason === 'closed' ? null : AGAIN_MS;
  if (!(error instanceof ChatError)) return null;
  if (error.retryable) return error.retryAfterMs ?? AGAIN_MS;
  return null;
}
