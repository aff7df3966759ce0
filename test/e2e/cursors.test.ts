import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { pathOf, rest } from '../support/rest.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

const ID = 'cursors';
const WORDS = 10;
/** `turn:started`, the disclosure, the words one by one, `therapist:done`. */
const HEAD = WORDS + 3;

/** Hands in a cursor, feeds the client with all that comes up to the head, and tells how the answer began. */
type Ask = (url: string, after: string, client: Client) => Promise<string>;

const atHead = ({ seq }: Client): boolean => seq === HEAD;

function overEvents(how: (after: string) => { path: string; headers: Record<string, string> }): Ask {
  return async (url, after, client) => {
    const { path, headers } = how(after);
    using stream = await openEvents(url, path, { headers, client });
    await client.until(atHead, 'the head');
    return stream.events[0]?.event === 'session:snapshot' ? 'snapshot' : 'tail';
  };
}

const ways: Record<string, Ask> = {
  'in session:join': async (url, after, client) => {
    using socket = await connect(url);
    socket.feed(client);
    const { mode } = await socket.must('session:join', { session_id: ID, after });
    await client.until(atHead, 'the head');
    return String(mode);
  },
  'in Last-Event-ID': overEvents((after) => ({
    path: pathOf(ID, '/events'),
    headers: { 'Last-Event-ID': after },
  })),
  'in ?after= of an event stream': overEvents((after) => ({
    path: pathOf(ID, `/events?after=${encodeURIComponent(after)}`),
    headers: {},
  })),
  'in ?after= of a long poll': async (url, after, client) => {
    const answer = await rest(url, `GET ${pathOf(ID, `/log?after=${encodeURIComponent(after)}`)}`);
    client.joined(answer.body);
    expect(answer.headers['x-cursor']).toBe(client.cursor);
    return String(answer.body['mode']);
  },
};

/** Cursors that cannot be served. */
const strange: [string, (epoch: string) => string][] = [
  ['ahead of the head', (epoch) => `${epoch}.${HEAD + 5}`],
  ['of another epoch', () => `0123456789abcdef.${HEAD}`],
  ['that is garbage', () => 'garbage'],
  ['with no number', (epoch) => `${epoch}.`],
  ['with a negative number', (epoch) => `${epoch}.-1`],
  ['of 1e21', (epoch) => `${epoch}.1e21`],
  ['of more digits than a number has', (epoch) => `${epoch}.${'9'.repeat(40)}`],
  ['with a leading zero', (epoch) => `${epoch}.01`],
  ['that is a path', () => '../../etc/passwd%00'],
  ['of 12,000 characters', (epoch) => `${epoch}.${'1'.repeat(12_000)}`],
];

let scene: Scene;
let epoch = '';
/** Clients that stand at each entry of the log. */
const standing = new Map<number, Client>();

function clientAt(seq: number): Client {
  const client = standing.get(seq);
  if (!client) throw new Error(`nobody stood at ${seq}`);
  return client.copy();
}

beforeAll(async () => {
  scene = await openScene({
    env: { RAW_REPLIES: '1' },
    fake: { behaviour: { reply: words(WORDS) } },
  });
  for (let n = 0; n <= WORDS; n++) scene.fake.hold('piece', n);
  const { client, admission } = await scene.speak(ID, 'hello');
  epoch = admission.cursor.slice(0, -2);
  const first = new Client(ID);
  first.acked(admission.cursor);
  standing.set(0, first);
  for (let seq = 1; seq <= HEAD; seq++) {
    await client.until(() => client.seq >= seq, `entry ${seq}`);
    standing.set(seq, client.copy());
    // the first two entries are one step
    if (seq > 1) scene.fake.release('piece', seq - 2);
  }
});
afterAll(() => scene[Symbol.asyncDispose]());

describe.for(Object.entries(ways))('a cursor %s', ([, ask]) => {
  test.for([1, 2, 5, HEAD - 2])(
    '[P-9] %i before the head brings the entries behind it (scenario 6)',
    async (n) => {
      const client = clientAt(HEAD - n);

      expect(await ask(scene.url, `${epoch}.${HEAD - n}`, client)).toBe('tail');
      expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
      expect(client.text()).toBe(words(WORDS));
    },
  );

  test('[P-9] of the beginning brings all (scenario 6)', async () => {
    const client = clientAt(0);

    expect(await ask(scene.url, `${epoch}.0`, client)).toBe('tail');
    expect(client.turns).toMatchObject([{ state: 'done', text: words(WORDS), userInput: 'hello' }]);
    expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
  });

  test.for(strange)('[P-9] %s gets a snapshot (scenario 6)', async ([, after]) => {
    const client = new Client(ID);

    expect(await ask(scene.url, after(epoch), client)).toBe('snapshot');
    expect(client.turns).toMatchObject([{ state: 'done', text: words(WORDS) }]);
    expect(client.counts).toMatchObject({ frames: 0, snapshots: 1 });
  });
});

describe('[P-9] a cursor at the head brings nothing but what comes next', () => {
  const next = async (id: string): Promise<{ client: Client; speakAgain: () => Promise<unknown> }> => {
    const spoken = await scene.speak(id, 'hello');
    await spoken.client.ended(spoken.admission.turn_id);
    const speakAgain = () => scene.rest(`POST ${pathOf(id, '/input')}`, { body: { user_input: 'again' } });
    return { client: spoken.client.copy(), speakAgain };
  };
  const second = { n: 2, user_input: 'again' };

  test('in session:join (scenario 6)', async () => {
    const { client, speakAgain } = await next('join');
    using socket = await connect(scene.url);
    await socket.follow('join', client);
    await speakAgain();

    await client.until(({ turns }) => turns.at(-1)?.n === 2, 'the second turn');

    expect(socket.received[0]).toMatchObject({ event: 'turn:started', data: second });
  });

  test('in Last-Event-ID (scenario 6)', async () => {
    const { client, speakAgain } = await next('stream');
    const headers = { 'Last-Event-ID': String(client.cursor) };
    using stream = await openEvents(scene.url, pathOf('stream', '/events'), { headers, client });
    await speakAgain();

    await client.until(({ turns }) => turns.at(-1)?.n === 2, 'the second turn');

    expect(stream.events[0]).toMatchObject({ event: 'turn:started', data: second });
  });

  test('in a long poll, which says so at once without wait= (scenario 6)', async () => {
    const { client } = await next('poll');
    const answer = await scene.rest(`GET ${pathOf('poll', `/log?after=${client.cursor}`)}`);

    expect(answer).toMatchObject({ status: 204, headers: { 'x-cursor': client.cursor } });
  });
});

test('[P-9] a cursor of 500,000 characters in session:join gets a snapshot (scenario 6)', async () => {
  using socket = await connect(scene.url);

  const { mode } = await socket.must('session:join', { session_id: ID, after: 'x'.repeat(500_000) });

  expect(mode).toBe('snapshot');
});

test('[R-3] a cursor of 2 MB is refused before anything reads it, and the server lives (scenario 6)', async () => {
  const huge = '9'.repeat(2_000_000);
  using socket = await connect(scene.url);
  socket.socket.emit('session:join', { session_id: ID, after: huge });
  await socket.until(() => !socket.socket.connected, 'the end of the connection');

  const inQuery = await refusal(rest(scene.url, `GET ${pathOf(ID, `/log?after=${huge}`)}`));
  const inHeader = await refusal(
    rest(scene.url, `GET ${pathOf(ID, '/events')}`, { headers: { 'Last-Event-ID': huge } }),
  );

  expect([431, 'closed']).toContain(inQuery);
  expect([431, 'closed']).toContain(inHeader);
  expect((await scene.rest('GET /livez')).status).toBe(200);
});

/** The status, or `closed` when the server closed while the request was still being sent. */
async function refusal(answer: Promise<{ status: number }>): Promise<number | 'closed'> {
  try {
    return (await answer).status;
  } catch {
    return 'closed';
  }
}

test('Last-Event-ID wins over an older ?after=, and nothing in between comes again (scenario 11)', async () => {
  const client = clientAt(6);
  const path = pathOf(ID, `/events?after=${epoch}.2`);
  using stream = await openEvents(scene.url, path, { headers: { 'Last-Event-ID': `${epoch}.6` }, client });

  await client.until(atHead, 'the head');

  expect(stream.events[0]?.data['from'] ?? stream.events[0]?.data['seq']).toBe(7);
  expect(client.text()).toBe(words(WORDS));
  expect(client.counts).toMatchObject({ repeats: 0, snapshots: 0 });
});

test.for(['websocket', 'polling'])('a first cursor is that of an empty log over %s', async (transport) => {
  using socket = await connect(scene.url, { transports: [transport] });
  const created = await socket.must('session:create');

  expect(created['cursor']).toBe(`${String(created['epoch'])}.0`);
});
