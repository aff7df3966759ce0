// How soon somebody who comes in the middle of a long reply has all of it.
import { z } from 'zod';
import { startFakeOllama } from '../../test/support/fake-ollama.ts';
import { pathOf, rest } from '../../test/support/rest.ts';
import { words } from '../../test/support/scene.ts';
import { openPerson } from '../nodes/talk.ts';
import { load } from '../shared/machine.ts';
import { quantile } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';
import { LightSocket, LightStream } from './light.ts';
import { openOther, openOurs } from './servers.ts';
import type { Measured } from './servers.ts';

const GOAL_MS = 20;
const WARM_UP = 10;
const SESSION = 'long';
/** What the model says behind the reply before it falls silent: of its last words the guard holds some back. */
const UNHEARD = 'and so it is in the end and so it goes on for as long as it likes';
const HEARD = UNHEARD.split(' ').length - 1;

/** Where somebody stands: by a cursor of ours (null: nowhere), by characters at a relay; and how many are missing. */
interface Place {
  name: string;
  cursor: string | null;
  at: number;
  missing: number;
}

/** Joins once; resolves with ms from the request to the last character. */
type Join = (place: Place) => Promise<number>;

const Text = z.looseObject({ text: z.string() });
/** What ours answers a join with: the reply so far, or what follows the cursor. */
const Joined = z.looseObject({ live: Text.nullable().optional() });
const Page = z.looseObject({
  live: Text.nullable().optional(),
  cursor: z.string(),
  entries: z
    .array(z.object({ event: z.string(), data: z.looseObject({ text: z.string().optional() }) }))
    .default([]),
});

/** Counts what comes, until it is enough. */
class Gather {
  readonly whole: Promise<void>;
  readonly #done: () => void;
  #missing: number;

  constructor(missing: number) {
    this.#missing = missing;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whole = promise;
    this.#done = resolve;
    if (missing <= 0) resolve();
  }

  add(text: string): void {
    this.#missing -= text.length;
    if (this.#missing <= 0) this.#done();
  }

  /** A packet, or an event of a stream. */
  readonly read = (packet: string): void => {
    if (!packet.includes('therapist:token') && !packet.includes('session:snapshot')) return;
    const value: unknown = JSON.parse(packet.slice(packet.indexOf('{'), packet.lastIndexOf('}') + 1));
    this.add(Text.safeParse(value).data?.text ?? Joined.parse(value).live?.text ?? '');
  };
}

const since = (from: number): number => performance.now() - from;

function bySocket(socket: LightSocket): Join {
  return async ({ cursor, missing }) => {
    const gather = new Gather(missing);
    socket.onText = gather.read;
    const from = performance.now();
    const answer = await socket.call('session:join', { session_id: SESSION, after: cursor });
    const [joined] = z.tuple([Joined]).parse(JSON.parse(answer));
    if (joined.live) gather.add(joined.live.text);
    await gather.whole;
    const ms = since(from);
    await socket.call('session:leave', { session_id: SESSION });
    return ms;
  };
}

const afterOf = (cursor: string | null): string =>
  cursor === null ? '' : `after=${encodeURIComponent(cursor)}&`;

async function streamOf(url: string, path: string, missing: number): Promise<number> {
  const gather = new Gather(missing);
  const from = performance.now();
  const stream = await LightStream.open(url, path, gather.read);
  await gather.whole;
  const ms = since(from);
  stream.close();
  return ms;
}

const byStream =
  (url: string): Join =>
  ({ cursor, missing }) =>
    streamOf(url, pathOf(SESSION, `/events?${afterOf(cursor)}`), missing);

const byRest =
  (url: string): Join =>
  async ({ cursor, missing }) => {
    let after = cursor;
    let left = missing;
    const from = performance.now();
    do {
      const { text } = await rest(url, `GET ${pathOf(SESSION, `/log?${afterOf(after)}`)}`);
      // nothing is behind the cursor
      if (text === '') break;
      const page = Page.parse(JSON.parse(text));
      after = page.cursor;
      left -= page.live?.text.length ?? 0;
      for (const { event, data } of page.entries)
        left -= event === 'therapist:token' ? (data.text?.length ?? 0) : 0;
    } while (left > 0);
    return since(from);
  };

const ours = async ({ url }: Measured): Promise<Map<string, Join>> =>
  new Map([
    ['socket', bySocket(await LightSocket.open(url))],
    ['SSE', byStream(url)],
    ['REST', byRest(url)],
  ]);

async function relay({ url }: Measured): Promise<Map<string, Join>> {
  const socket = await LightSocket.open(url);
  return new Map<string, Join>([
    [
      'socket',
      async ({ at }) => {
        const from = performance.now();
        z.tuple([Text]).parse(JSON.parse(await socket.call('session:join', { after: at })));
        return since(from);
      },
    ],
    ['SSE', ({ at, missing }) => streamOf(url, `/events?after=${at}`, missing)],
    [
      'REST',
      async ({ at }) => {
        const from = performance.now();
        Text.parse(JSON.parse((await rest(url, `GET /log?after=${at}`)).text));
        return since(from);
      },
    ],
  ]);
}

/** Says most of a reply, and waits until everybody could see it; the rest never comes. */
async function speak({ url }: Measured, reply: string): Promise<Place[]> {
  using person = await openPerson(url);
  const shown: { seq: number; end: number }[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  person.onToken = ({ seq, text }) => {
    // a word or two of what the model says behind it may be shown too
    const end = Math.min(reply.length, (shown.at(-1)?.end ?? 0) + text.length);
    shown.push({ seq, end });
    if (end >= reply.length) resolve();
  };
  await person.say(SESSION, 'hello');
  await promise;
  const { text: status } = await rest(url, `GET ${pathOf(SESSION, '/status')}`);
  const { epoch } = z.looseObject({ epoch: z.string() }).parse(JSON.parse(status));
  const last = shown.at(-1) ?? { seq: 0, end: 0 };
  const half = shown.find(({ end }) => end >= last.end / 2) ?? last;
  const from = (name: string, { seq, end }: { seq: number; end: number }): Place => {
    return { name, cursor: `${epoch}.${seq}`, at: end, missing: last.end - end };
  };
  return [
    { name: 'with nothing', cursor: null, at: 0, missing: last.end },
    from('at its beginning', { seq: 0, end: 0 }),
    from('in the middle', half),
    from('at its end', last),
  ];
}

interface Timed {
  ours: number[];
  relay: number[];
}

/** In turn, so that what else the machine does meets both. */
async function timed(ours: Join, relay: Join, place: Place, times: number): Promise<Timed> {
  const found: Timed = { ours: [], relay: [] };
  for (let n = -WARM_UP; n < times; n += 1) {
    const [mine, theirs] = [await ours(place), await relay(place)];
    if (n < 0) continue;
    found.ours.push(mine);
    found.relay.push(theirs);
  }
  return found;
}

function rowsOf(what: string, { ours, relay }: Timed): Row[] {
  return [0.5, 0.99].map((share) => {
    const mine = quantile(ours, share);
    const goal = { text: `less than ${GOAL_MS} ms`, isMet: mine < GOAL_MS };
    return { what: `${what}, p${share * 100}`, unit: 'ms', cells: [mine, quantile(relay, share)], goal };
  });
}

export async function join({ quick }: { quick: boolean }): Promise<Part> {
  const [count, rate, times] = quick ? [1_000, 500, 20] : [4_000, 400, 300];
  await using stack = new AsyncDisposableStack();
  const fake = stack.use(await startFakeOllama());
  const reply = words(count);
  fake.always({ reply: `${reply} ${UNHEARD}`, rate, fault: { kind: 'silence', after: count + HEARD } });
  const server = stack.use(await openOurs({ OLLAMA_BASE_URL: fake.url, OLLAMA_STALL_MS: '3600000' }));
  const other = stack.use(await openOther('relay-string', { REPLY: reply }));
  const places = await speak(server, reply);
  const [mine, theirs] = [await ours(server), await relay(other)];
  const rows: Row[] = [];
  for (const [way, one] of mine) {
    const beside = theirs.get(way);
    if (!beside) continue;
    for (const place of places)
      rows.push(...rowsOf(`${way}, ${place.name}`, await timed(one, beside, place, times)));
  }
  return {
    name: 'join',
    title: `Joining a live reply of ${count.toLocaleString('en')} tokens`,
    systems: ['Stillpoint', 'a string by hand'],
    rows,
    notes: [
      'From the request to the last character; over REST and SSE the connection is made in that time too.',
      `The log had ${places.at(-1)?.cursor?.split('.').at(-1)} entries; with nothing, a snapshot is sent.`,
    ],
    load: load(),
  };
}
