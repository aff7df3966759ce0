// Many light connections to one server, in a process of their own.
import { pathOf, rest } from '../../test/support/rest.ts';
import { wordsIn } from '../nodes/talk.ts';
import { Told } from './crowd-asks.ts';
import type { Counted, Way } from './crowd-asks.ts';
import { LightSocket, LightStream } from './light.ts';

/** Connected at a time: more would wait in the backlog of the server. */
const AT_ONCE = 50;
const TOKEN = 'therapist:token';

type Light = LightSocket | LightStream;
const open: Light[] = [];
/** Of each word: when the first and the last had it, and how many. */
let heard: { first: number; last: number; by: number }[] = [];
let frames = 0;
let words = 0;

/** Its words; what comes thousands of times a second is not checked. */
function textOf(packet: string): string | undefined {
  const event = packet.indexOf(TOKEN);
  if (event < 0) return undefined;
  const { text }: { text: string } = JSON.parse(
    packet.slice(packet.indexOf('{', event), packet.lastIndexOf('}') + 1),
  );
  return text;
}

function listenTo(light: Light): void {
  let had = 0;
  light.onText = (packet) => {
    const text = textOf(packet);
    if (text === undefined) return;
    const now = performance.now();
    const count = wordsIn(text);
    frames += 1;
    words += count;
    for (let n = had; n < had + count; n += 1) {
      const word = (heard[n] ??= { first: now, last: now, by: 0 });
      word.last = now;
      word.by += 1;
    }
    had += count;
  };
}

const create = (url: string, session: string) =>
  rest(url, 'POST /api/v1/session/create', {
    body: { session_id: session },
    headers: { 'Content-Type': 'application/json' },
  });

/** `isShared`: the session is there already. */
async function openOne(url: string, way: Way, session: string, isShared: boolean): Promise<Light> {
  if (way === 'stream') {
    if (!isShared) await create(url, session);
    return await LightStream.open(url, pathOf(session, '/events'));
  }
  const light = await LightSocket.open(url);
  const event = isShared ? 'session:join' : 'session:create';
  if (way === 'joined') await light.call(event, { session_id: session });
  return light;
}

let crowds = 0;

async function openAll({ url, way, count, session }: Extract<Told, { kind: 'open' }>): Promise<void> {
  crowds += 1;
  let next = 0;
  const work = async () => {
    while (next < count) {
      const name = session ?? `crowd-${crowds}-${next}`;
      next += 1;
      const light = await openOne(url, way, name, session !== null);
      listenTo(light);
      open.push(light);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function count(): Counted {
  const spread = heard.filter(({ by }) => by === open.length).map(({ first, last }) => last - first);
  const counted = { frames, words, spread };
  [frames, words, heard] = [0, 0, []];
  return counted;
}

async function answer(told: Told): Promise<object> {
  if (told.kind === 'count') return count();
  if (told.kind === 'open') await openAll(told);
  else for (const light of open.splice(0)) light.close();
  return { done: true };
}

process.on('message', (message) => {
  answer(Told.parse(message)).then(
    (answered) => process.send?.(answered),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.on('disconnect', () => process.exit(0));
