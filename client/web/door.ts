// Who is let in: where the server asks for a token, somebody types it, and it lives as long as the tab.
import { useEffect, useState } from 'react';
import type { ChatClient, Help } from '../sdk/api.ts';
import { createClient } from '../sdk/client.ts';
import { ChatError } from '../sdk/errors.ts';
import { refusalOf } from '../sdk/http-request.ts';
import { useReadable } from '../sdk/react.ts';
import { failureKey } from './failures.ts';
import type { WordKey } from './words.ts';

const KEY = 'stillpoint:token';
/** What can stand in a header. */
const TOKEN = /^[!-~]+$/;

export interface Door {
  /** The server asks for a token, or for another one. */
  readonly isShut: boolean;
  /** Answers why it stays shut; null: it is open. `id`: the conversation that is read, if any. */
  readonly knock: (token: string, id: string) => Promise<WordKey | null>;
}

function keptToken(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keepToken(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // it holds until the page is closed
  }
}

const clientWith = (token: string | null): ChatClient => createClient(token === null ? {} : { token });

/** Null: it is let in, and has read the conversation. */
async function faultOf(client: ChatClient, id: string): Promise<WordKey | null> {
  try {
    await client.request('session:status', { session_id: id || '-' });
  } catch (error) {
    const isIn = error instanceof ChatError && error.code !== 'UNAUTHENTICATED' && !error.retryable;
    if (!isIn) return refusedKey(error);
  }
  // what was read stays in sight meanwhile
  if (id !== '')
    await client
      .session(id)
      .open()
      .catch(() => {});
  return null;
}

const refusedKey = (error: unknown): WordKey =>
  error instanceof ChatError && error.code === 'UNAUTHENTICATED' ? 'chat.tokenWrong' : failureKey(error);

/** A client, and another one whenever somebody was let in. */
export function useDoor(): { client: ChatClient; door: Door } {
  const [client, setClient] = useState(() => clientWith(keptToken()));
  const state = useReadable(client.connection);
  useEffect(() => () => client.close(), [client]);
  const knock: Door['knock'] = async (text, id) => {
    const token = text.trim();
    if (!TOKEN.test(token)) return 'chat.tokenWrong';
    const next = clientWith(token);
    const fault = await faultOf(next, id);
    if (fault === null) {
      keepToken(token);
      setClient(next);
    } else next.close();
    return fault;
  };
  const isShut = state.phase === 'closed' && state.error?.code === 'UNAUTHENTICATED';
  return { client, door: { isShut, knock } };
}

/**
 * Help, where words show risk that cannot be said while the door is shut. No server stores what it cannot read: the refusal
 * alone brings the help. [P-1]
 */
export async function helpFor(id: string, text: string): Promise<Help | null> {
  const body = JSON.stringify({ session_id: id, user_input: text, interrupt: 'never' });
  const refusal = await fetch(`${location.origin}/api/v1/input`, { method: 'POST', body })
    .then(refusalOf)
    .catch(() => null);
  return refusal instanceof ChatError ? (refusal.safety ?? null) : null;
}
