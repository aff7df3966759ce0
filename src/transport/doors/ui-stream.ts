// `/api/v1/ui/chat`: what `useChat` of the AI SDK speaks. Who goes away changes nothing, and comes back to the whole reply. [P-10]
import { randomUUID } from 'node:crypto';
import type { Express, Request, Response } from 'express';
import { UiChatRequest } from '../../contract/doors.ts';
import type { Admission } from '../../contract/types.ts';
import { AppError } from '../../errors.ts';
import { jsonBody } from '../http.ts';
import { onlyThese } from '../rest.ts';
import type { RestParts } from '../rest.ts';
import { helping } from './help.ts';
import { HISTORY_BYTES, digestOf, mustBeText, refuseBody } from './request.ts';
import { sendChunks, sendTurn } from './stream.ts';
import { helpMessage, UiEncoder, uiHeaders } from './ui-chunks.ts';
import { aboutOf, isRefused, Visit } from './visit.ts';
import type { About, Said } from './visit.ts';

const PATH = '/api/v1/ui/chat';
const STREAM_PATH = `${PATH}/:session_id/stream`;

interface Talk extends Said {
  isFirst: boolean;
  about: About;
}

/** @throws VALIDATION_FAILED */
function readTalk(body: unknown): Talk {
  const parsed = UiChatRequest.safeParse(body);
  if (!parsed.success) return refuseBody(parsed.error.issues);
  const { id: sessionId, messages, interrupt } = parsed.data;
  const index = messages.findLastIndex(({ role }) => role === 'user');
  const last = messages[index];
  if (!last) return refuseBody([{ path: ['messages'], message: 'the user says nothing' }]);
  const words = mustBeText(last.parts, ['messages', index, 'parts']);
  // a message that was edited keeps its id
  const inputId = `ui ${digestOf(last.id ?? messages.length, words)}`;
  const about = aboutOf(parsed.data);
  return { sessionId, words, inputId, interrupt: interrupt ?? false, isFirst: index === 0, about };
}

function idOf(req: Request): string {
  const { session_id: sessionId } = req.params;
  if (typeof sessionId !== 'string') throw new AppError('NOT_FOUND');
  return sessionId;
}

const send = (visit: Visit, sessionId: string, admission: Admission): Promise<void> =>
  sendTurn(visit, sessionId, admission, new UiEncoder(sessionId, admission));

async function say(visit: Visit): Promise<void> {
  const talk = await visit.read(() => readTalk(visit.req.body));
  if (talk.isFirst) await visit.open(talk.sessionId, talk.about);
  await send(visit, talk.sessionId, await visit.say(talk));
}

/** The live turn from its first word; with `?ended=true` also the last one that has ended. */
async function resume(visit: Visit): Promise<void> {
  const sessionId = idOf(visit.req);
  await visit.mustBeKnown();
  const last = await visit.lastTurn(sessionId);
  const isWanted = last && (last.turn.ended_at === null || visit.req.query['ended'] === 'true');
  if (isWanted) await send(visit, sessionId, last.admission);
  else visit.res.status(204).end();
}

async function stop(visit: Visit): Promise<void> {
  try {
    visit.res.json(await visit.ask('turn:cancel', { session_id: idOf(visit.req) }));
  } catch (error) {
    if (!isRefused(error, 'TURN_NOT_FOUND')) throw error;
    visit.res.status(204).end();
  }
}

export function mountUiDoor(app: Express, parts: RestParts): void {
  const on = (answer: (visit: Visit) => Promise<void>) => (req: Request, res: Response) =>
    answer(new Visit(parts, req, res));
  const sayOrHelp = helping(on(say), (req, res, safety) =>
    sendChunks(req, res, helpMessage(randomUUID(), safety), uiHeaders),
  );
  app.post(PATH, jsonBody(HISTORY_BYTES), sayOrHelp);
  app.all(PATH, onlyThese(['POST']));
  app.get(STREAM_PATH, on(resume));
  app.delete(STREAM_PATH, on(stop));
  app.all(STREAM_PATH, onlyThese(['GET', 'HEAD', 'DELETE']));
}
