// A process with thousands of light sockets; each follows a session of its own, in which nothing is said.
import { z } from 'zod';
import { LightSocket } from '../beside/light.ts';
import { inParallel } from '../nodes/talk.ts';
import { answer } from './worker.ts';

/** More would wait in the backlog of the server. */
const AT_ONCE = 50;
/** Held as long as this process lives. */
const open: LightSocket[] = [];

const Question = z.object({ url: z.string(), from: z.number(), to: z.number() });

answer(Question, async ({ url, from, to }) => {
  await inParallel(to - from, AT_ONCE, async (n) => {
    const socket = await LightSocket.open(url);
    open.push(socket);
    const said = await socket.call('session:create', { session_id: `idle-${from + n}` });
    if (!said.startsWith('[{"ok":true')) throw new Error(said);
  });
});
