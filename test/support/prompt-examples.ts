// What a model was shown beside the talk, as a fake Ollama saw it.
import { z } from 'zod';
import type { RequestRecord } from './fake-ollama.ts';
import { input } from './scene.ts';
import type { Scene } from './scene.ts';

const Body = z.looseObject({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

interface Shown {
  person: string;
  guide: string;
}

/** Everything a model was told with a request. */
export const messagesOf = ({ body }: RequestRecord): { role: string; content: string }[] =>
  Body.parse(body).messages;

/** The examples in the system prompt of a request, in its order. */
function examplesIn(record: RequestRecord): Shown[] {
  const system = messagesOf(record)[0]?.content ?? '';
  const found = system.matchAll(/<example>\nPerson: (.*)\nGuide: (.*)\n<\/example>/g);
  return [...found].map(([, person = '', guide = '']) => ({ person, guide }));
}

const Done = z.looseObject({
  turn_id: z.string(),
  source: z.string(),
  therapist_response: z.string(),
  session_progress: z.looseObject({ state_id: z.string(), priority_state: z.string().nullish() }),
});

export interface Turn {
  source: string;
  text: string;
  /** The state that answered it. */
  state: string;
  /** Each request to the model for it. */
  asked: RequestRecord[];
  /** What they showed. */
  examples: Shown[];
}

/** Says something in a session and waits for the end of the turn. */
export async function sayTo(scene: Scene, sessionId: string, text: string): Promise<Turn> {
  const from = scene.fake.requests.length;
  const socket = await scene.socket();
  const { turn_id: turnId } = await input(socket, sessionId, text);
  const ends = () => socket.of('therapist:done').map((data) => Done.parse(data));
  const own = () => ends().find((data) => data.turn_id === turnId);
  await socket.until(() => own() !== undefined, `the end of a turn in ${sessionId}`);
  socket.close();
  const { source, therapist_response: said, session_progress: progress } = Done.parse(own());
  const asked = scene.fake.requests.slice(from).filter(({ kind }) => kind === 'chat');
  const examples = asked.flatMap(examplesIn);
  return { source, text: said, state: progress.priority_state ?? progress.state_id, asked, examples };
}

const TRIES = 12;

/** A first turn that was shown examples: on a busy machine one may go without, since a turn does not wait for them. */
export async function shownTo(scene: Scene, sessionId: string, text: string): Promise<Turn> {
  for (let left = TRIES; left > 0; left -= 1) {
    const turn = await sayTo(scene, `${sessionId}-${left}`, text);
    if (turn.examples.length > 0) return turn;
  }
  throw new Error(`no examples in ${TRIES} turns`);
}
