// Which session a chat is: that protocol knows none, its clients send everything that was said.
import { randomUUID } from 'node:crypto';
import type { Turn } from '../../contract/types.ts';
import type { Talk } from './openai-request.ts';
import { digestOf } from './request.ts';
import { isRefused } from './visit.ts';
import type { Visit } from './visit.ts';

/** Chats of one caller that begin with the same words. */
const CHATS_MAX = 64;
/** Looked at together; where none of so many is there, none comes behind. */
const TOGETHER = 8;

export interface Place {
  sessionId: string;
  /** The name of the input; null: the same words are said each time. */
  inputId: string | null;
  /** There is a session for it already, or who wrote it thinks so. */
  isOpen: boolean;
}

interface Chat {
  sessionId: string;
  /** The last ones; undefined: there is no such session. */
  turns: readonly Turn[] | undefined;
}

/** The session that a request names or that its token is for; else that of the chat, by what was said in it. */
export async function placeOf(visit: Visit, talk: Talk): Promise<Place> {
  const hasHistory = talk.wordsBefore !== undefined || talk.replyBefore !== undefined;
  const inputId = talk.inputId ?? (hasHistory ? `chat ${talk.digest}` : null);
  if (talk.sessionId !== undefined) return { sessionId: talk.sessionId, inputId, isOpen: hasHistory };
  await visit.mustBeKnown(talk.words);
  const { session } = visit.identity;
  if (session) return { sessionId: session.sessionId, inputId, isOpen: true };
  const sessionId = await findOrOpen(visit, talk, inputId);
  return { sessionId, inputId: inputId ?? `chat ${talk.digest}`, isOpen: true };
}

async function findOrOpen(visit: Visit, talk: Talk, createKey: string | null): Promise<string> {
  const { words, firstWords, about } = talk;
  const { tenant, subject } = visit.identity;
  const base = `chat_${digestOf(tenant, subject, about.client_id ?? null, firstWords).slice(0, 22)}`;
  const chats = await chatsOf(visit, base);
  const known = chats.findLast(({ turns }) => turns && goesOn(turns, talk));
  if (known) return known.sessionId;
  for (const { sessionId, turns } of chats) {
    // with a key, one that this request has opened before is found again
    const isOnlyThis = createKey !== null && turns?.every(({ user_input: said }) => said === words);
    if (turns && !isOnlyThis) continue;
    try {
      await visit.ask('session:create', { session_id: sessionId, create_key: createKey, ...about });
      return sessionId;
    } catch (error) {
      // what stands in the way of an input, the input itself is told
      if (!isRefused(error, 'SESSION_CONFLICT', 'IDEMPOTENCY_CONFLICT')) return sessionId;
    }
  }
  return `${base}_${randomUUID()}`;
}

/** By their number; behind the last one there is at least one that is not there, up to the most there may be. */
async function chatsOf(visit: Visit, base: string): Promise<Chat[]> {
  const chats: Chat[] = [];
  while (chats.length < CHATS_MAX) {
    const ids = Array.from({ length: TOGETHER }, (_, i) => `${base}_${chats.length + i + 1}`);
    const found = await Promise.all(
      ids.map(async (sessionId) => ({ sessionId, turns: await visit.turnsOf(sessionId) })),
    );
    chats.push(...found);
    if (found.every(({ turns }) => turns === undefined)) break;
  }
  return chats;
}

/** Whether these turns are what was said last before these words, or are of these words already. */
function goesOn(turns: readonly Turn[], talk: Talk): boolean {
  const isSame = ({ user_input: said }: Turn) => said === talk.words;
  if (talk.wordsBefore === undefined) return talk.isRetry && turns.every(isSame);
  // what was said more than once was run again
  const behind = turns.findLastIndex((turn) => isBefore(turn, talk));
  return behind >= 0 && turns.slice(behind + 1).every(isSame);
}

/** A client may have got less of a reply that was broken off, and what it shows of a whole one may have more around it. */
function isBefore(turn: Turn | undefined, { wordsBefore, replyBefore = '' }: Talk): boolean {
  if (turn?.user_input !== wordsBefore) return false;
  if (turn?.state === 'cancelled' || turn?.state === 'failed') return true;
  return turn?.state === 'done' && replyBefore.trim() !== '' && replyBefore.includes(turn.text.trim());
}
