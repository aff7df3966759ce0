// A process with the application on a store of its own: everything but the load of those who ask.
import { z } from 'zod';
import { askModel } from '../../src/chat/ask.ts';
import { decide } from '../../src/chat/decide.ts';
import { createGuide } from '../../src/model/guide.ts';
import { noRetrieval } from '../../src/retrieval/retrieval.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { SessionRecord, TurnView } from '../../src/store/store.ts';
import { startApp } from '../../test/support/app.ts';
import { Question } from './history-questions.ts';
import { answer, cpuUs } from './worker.ts';

/** As at an admission, and of a model with a context of 8,192 tokens. */
const LOOK_BACK = 8;
const ROOM_TOKENS = 7_000;
/** Long after everything here. */
const LATER_MS = 3_600_000;

const Directory = z.tuple([z.string()]);
const [directory] = Directory.parse(process.argv.slice(2));
const store = await openSqlite({ directory });
const app = await startApp({ store });
const model = createGuide({ wordMs: 0 });
const ask = askModel(store, noRetrieval, { roomTokens: ROOM_TOKENS, rawReplies: false, guideName: 'Guide' });

async function sessionOf(sessionId: string): Promise<{ session: SessionRecord; last: TurnView }> {
  const session = await store.session({ tenant: 'default', sessionId });
  const [last] = session ? ((await store.turns(session, null, 1)) ?? []) : [];
  if (!session || !last) throw new Error(`there is no ${sessionId}`);
  return { session, last };
}

/** What is done with an input before it is stored. */
async function consider(sessionId: string): Promise<void> {
  const { session } = await sessionOf(sessionId);
  const earlier = (await store.turns(session, null, LOOK_BACK)) ?? [];
  const now = Date.now();
  decide('it is a tight knot and it does not move', session, {
    earlier: earlier.map(({ turn, text }) => ({ userInput: turn.userInput, text })),
    awayMs: 0,
    now,
    client: null,
    ref: 'ref',
  });
}

async function promptChars(sessionId: string): Promise<number> {
  const { session, last } = await sessionOf(sessionId);
  const { messages } = await ask(session, last.turn, model, Promise.resolve(), new AbortController().signal);
  return messages.reduce((chars, { content }) => chars + content.length, 0);
}

async function costOf(count: number, work: () => Promise<unknown>): Promise<number> {
  const us = await cpuUs(async () => {
    for (let n = 0; n < count; n += 1) await work();
  });
  return us / count;
}

answer(Question, async (question) => {
  switch (question.kind) {
    case 'url':
      return app.url;
    case 'cpu': {
      const { user, system } = process.cpuUsage();
      return user + system;
    }
    case 'decide':
      return await costOf(question.count, () => consider(question.sessionId));
    case 'prompt':
      return await costOf(question.count, () => promptChars(question.sessionId));
    case 'sizes': {
      const { session } = await sessionOf(question.sessionId);
      const { memory, care } = session;
      return {
        kept: (memory ?? '').length + (care ?? '').length,
        prompt: await promptChars(question.sessionId),
      };
    }
    case 'compact':
      return await costOf(1, () => store.compact(Date.now() + LATER_MS));
    default: {
      const { session } = await sessionOf(question.sessionId);
      return await costOf(1, () => store.remove(session));
    }
  }
});
