import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Admissions } from '../../src/chat/admit.ts';
import { asTheyCome } from '../../src/chat/speech.ts';
import { noAnnouncer } from '../../src/store/outbox.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { Turns } from '../../src/chat/turns.ts';
import { toLogEntry } from '../../src/chat/wire.ts';
import { createGuide } from '../../src/model/guide.ts';
import type { Model, Speakers } from '../../src/model/model.ts';
import { createGuard } from '../../src/safety/guard.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { noMeter } from '../../src/meter.ts';
import type { Lease, Store } from '../../src/store/store.ts';
import { silent, startApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import { everySecond, faultyStore, once, refused, unheard } from '../support/faulty-store.ts';
import type { Way } from '../support/faulty-store.ts';
import { Client } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import { rest } from '../support/rest.ts';
import { input, responseOf } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import { deadline } from '../support/wait.ts';
import { anybody } from '../support/caller.ts';

const risk = 'I want to kill myself tonight';

/** The application on a store in memory that goes wrong, and a client that follows the session `s`. */
async function openApp(ways: Partial<Record<keyof Store, Way>>, leaseMs = 8_000) {
  await using resources = new AsyncDisposableStack();
  const store = faultyStore(await openSqlite({ directory: ':memory:' }), ways);
  const app = resources.use(
    await startApp({ store, leaseMs, speakers: { model: createGuide({ wordMs: 1 }), fallback: null } }),
  );
  const socket = resources.use(await connect(app.url));
  const client = socket.feed(new Client('s'));
  const owned = resources.move();
  return { app, store, socket, client, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

type Opened = Awaited<ReturnType<typeof openApp>>;

/** The turn ends whole, once, and its text is the one of its response. */
async function isWhole({ socket, client }: Opened, turnId: string) {
  const turn = await client.ended(turnId);
  expect(turn.state).toBe('done');
  expect(turn.text).toBe(responseOf(socket, turnId).therapist_response);
  expect(socket.of('therapist:done')).toHaveLength(1);
  expect(client.turns).toHaveLength(1);
}

const faults: { what: string; ways: Partial<Record<keyof Store, Way>> }[] = [
  { what: 'words', ways: { append: everySecond(unheard) } },
  { what: 'the start', ways: { start: once(unheard) } },
  { what: 'the end', ways: { finish: once(unheard) } },
  {
    what: 'words, start and end',
    ways: { append: everySecond(unheard), start: once(unheard), finish: once(unheard) },
  },
];

test.for(faults)(
  'a store that stores $what and does not say so doubles nothing (scenario 43)',
  async ({ ways }) => {
    await using opened = await openApp(ways);

    const { turn_id } = await input(opened.socket, 's', 'hello');

    await isWhole(opened, turn_id);
  },
);

const refusals: { what: string; ways: Partial<Record<keyof Store, Way>> }[] = [
  { what: 'words', ways: { append: everySecond(refused) } },
  { what: 'the start', ways: { start: once(refused) } },
  { what: 'the end', ways: { finish: once(refused) } },
  { what: 'every phase', ways: { mark: refused } },
];

test.for(refusals)('[P-8] a turn is done though the store refuses $what for a moment', async ({ ways }) => {
  await using opened = await openApp(ways);

  const { turn_id } = await input(opened.socket, 's', 'hello');

  await isWhole(opened, turn_id);
});

/** Not what a store may raise: a bug of ours. */
const buggy: Way = () => Promise.reject(new TypeError('a bug'));

test('[P-12] a bug of ours refuses an input that shows risk with help beside it', async () => {
  await using opened = await openApp({ admit: buggy });

  const plain = await opened.socket.refused('session:input', { session_id: 's', user_input: 'hello' });
  const atRisk = await opened.socket.refused('session:input', { session_id: 's', user_input: risk });

  expect(plain).toMatchObject({ code: 'INTERNAL' });
  expect(plain).not.toHaveProperty('safety');
  expect(atRisk).toMatchObject({ code: 'INTERNAL', safety: { level: 'plan' } });
});

test('[P-3] a follower that fails closes its connection, and the client that comes back misses nothing', async () => {
  await using opened = await openApp({ read: once(buggy) });

  const { turn_id } = await input(opened.socket, 's', 'hello');
  await opened.socket.until(() => !opened.socket.socket.connected, 'the end of the connection');
  using back = await connect(opened.app.url);
  await back.follow('s', opened.client);
  await opened.client.ended(turn_id);

  expect(opened.client.turns).toMatchObject([{ state: 'done' }]);
});

test('[P-6] an admission that was stored unheard runs once, and its repeat tells the same turn (scenario 43)', async () => {
  await using opened = await openApp({ admit: once(unheard) }, 400);
  const ask = { session_id: 's', user_input: 'hello', input_id: 'one' };

  const error = await opened.socket.refused('session:input', ask);
  const { turn_id, duplicate } = await input(opened.socket, 's', 'hello', { input_id: 'one' });

  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  expect(duplicate).toBe(true);
  await isWhole(opened, turn_id);
});

test('[P-7] a cancel that was stored unheard is told by its repeat, and the log gets nothing more (scenario 43)', async () => {
  await using opened = await openApp({ cancel: once(unheard) });
  const { socket, client } = opened;
  const { turn_id } = await input(socket, 's', 'hello');
  await client.until(() => client.text() !== '', 'words');

  const error = await socket.refused('turn:cancel', { session_id: 's', turn_id });
  const again = await socket.must('turn:cancel', { session_id: 's', turn_id });
  const turn = await client.ended(turn_id);
  const next = await input(socket, 's', 'and now');
  await client.ended(next.turn_id);

  expect(error.code).toBe('STORE_UNAVAILABLE');
  expect(again['state']).toBe('cancelled');
  expect(turn.state).toBe('cancelled');
  expect(socket.of('turn:cancelled')).toHaveLength(1);
});

/** The guide, and a promise of when it has said everything. */
function watchedGuide(wordMs: number): { speakers: Speakers; over: Promise<void> } {
  const guide = createGuide({ wordMs });
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* generate(...request: Parameters<Model['generate']>) {
    yield* guide.generate(...request);
    resolve();
  }
  return { speakers: { model: { ...guide, generate }, fallback: null }, over: promise };
}

describe('a slow store', () => {
  test('gets one append at a time, and the next one carries all that came meanwhile (scenario 48)', async () => {
    const { speakers, over } = watchedGuide(0);
    const { store, ...counted } = countStore(await openSqlite({ directory: ':memory:' }));
    await using app = await startApp({ store, speakers });
    using socket = await connect(app.url);
    const client = socket.feed(new Client('s'));
    counted.hold('append');
    const { turn_id } = await input(socket, 's', 'hello');
    await deadline(over, 'all words');
    const inFlight = counted.calls('append');
    counted.release();
    const turn = await client.ended(turn_id);

    expect(turn.text).toBe(responseOf(socket, turn_id).therapist_response);
    expect(inFlight).toBe(1);
    expect(counted.calls('append')).toBe(2);
  });

  test('makes the groups grow, and never has two appends of a turn in flight (scenario 48)', async () => {
    const appends = { now: 0, most: 0, all: 0 };
    const slow: Way = async (run) => {
      appends.all++;
      appends.most = Math.max(appends.most, ++appends.now);
      await delay(200);
      appends.now--;
      return await run();
    };
    await using opened = await openApp({ append: slow });

    const { turn_id } = await input(opened.socket, 's', 'hello');

    await isWhole(opened, turn_id);
    expect(appends.most).toBe(1);
    expect(appends.all).toBeLessThan(opened.client.text().split(' ').length);
  });
});

describe('an input that shows risk, when nothing can be stored', () => {
  const broken: { what: string; ways: Partial<Record<keyof Store, Way>> }[] = [
    { what: 'be written', ways: { admit: refused } },
    {
      what: 'be read or written',
      ways: { session: refused, turns: refused, turnOfInput: refused, admit: refused },
    },
  ];

  test.for(broken)('[P-1] [P-12] is refused with help at hand when nothing can $what', async ({ ways }) => {
    await using opened = await openApp(ways);
    const { app, socket } = opened;

    const error = await socket.refused('session:input', { session_id: 's', user_input: risk });
    const overRest = await rest(app.url, 'POST /api/v1/session/s/input', { body: { user_input: risk } });
    const calm = await socket.refused('session:input', { session_id: 's', user_input: 'hello' });

    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503, retryable: true });
    expect(error.safety?.level).not.toBe('none');
    expect(error.safety?.text).not.toBe('');
    expect(error.safety?.resources.length).toBeGreaterThan(0);
    expect(overRest).toMatchObject({
      status: 503,
      body: { code: 'STORE_UNAVAILABLE', safety: error.safety },
    });
    expect(overRest.headers['retry-after']).toBeDefined();
    expect(calm).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(calm.safety).toBeUndefined();
  });
});

/** Two owners of turns on one store, and a door to the first. */
async function twoOwners() {
  const store = await openSqlite({ directory: ':memory:' });
  const slots = new LocalSlots({ size: 2, maxWaiting: 10 });
  const speakers = { model: createGuide({ wordMs: 0 }), fallback: null };
  const leaseMs = 60_000;
  const ask = async () => ({ messages: [], shape: asTheyCome });
  const parts = {
    store,
    slots,
    speakers,
    ask,
    guard: createGuard,
    helpMs: 60_000,
    leaseMs,
    now: Date.now,
    announcer: noAnnouncer,
    meter: noMeter,
    log: silent,
  };
  const [a, b] = [new Turns(parts, 'a'), new Turns(parts, 'b')];
  let made = 0;
  const admissions = new Admissions({
    store,
    turns: a,
    slots,
    speakers,
    judge: null,
    isDraining: () => false,
    sendsAlerts: false,
    onAlert: () => {},
    node: 'a',
    leaseMs,
    now: Date.now,
    announcer: noAnnouncer,
    meter: noMeter,
    log: silent,
    newId: () => `turn${++made}`,
  });
  return {
    store,
    admissions,
    a,
    b,
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

type Owners = Awaited<ReturnType<typeof twoOwners>>;

/** Another owner takes the turn, as it does when the lease of the first ran out. */
async function takesOver({ store, b }: Owners, sessionId: string, turnId: string): Promise<void> {
  const session = await store.session({ tenant: 'default', sessionId });
  const view = session && (await store.turn(session, turnId));
  if (!view) throw new Error('no turn');
  const { tenant, epoch } = session;
  await store.release([{ tenant, sessionId, epoch, turnId, generation: view.turn.generation }]);
  await b.takeOver();
}

/** Cancels as a handler does: the store decides, then whoever runs it stops. */
async function cancels({ store, a, b }: Owners, sessionId: string, turnId: string): Promise<string> {
  const session = await store.session({ tenant: 'default', sessionId });
  if (!session) throw new Error('no session');
  const { state } = await store.cancel(session, turnId);
  a.abort(turnId);
  b.abort(turnId);
  return state;
}

/** What a follower that reads the whole log folds it to. */
async function foldOf(store: Store, sessionId: string): Promise<{ client: Client; events: string[] }> {
  const session = await store.session({ tenant: 'default', sessionId });
  if (!session) throw new Error('no session');
  const page = await store.read(session, 0, 10_000);
  const client = new Client(sessionId);
  client.acked(`${session.epoch}.0`);
  for (const entry of page?.entries ?? []) client.apply(entry.event, toLogEntry(session, entry).data);
  return { client, events: (page?.entries ?? []).map(({ event }) => event) };
}

test(`[P-8] cancel, natural end and takeover in one moment make one end, and all callers are told it (seed ${seed}) (scenario 40)`, async ({
  annotate,
}) => {
  const random = randomFrom(seed);
  const outcomes = new Map<string, number>();
  await using owners = await twoOwners();
  const { store, admissions, a, b } = owners;
  for (let i = 0; i < 2000; i++) {
    const sessionId = `s${i}`;
    const spoken = { sessionId, userInput: 'hello', inputId: null, interrupt: false };
    const { turn_id } = await admissions.admit(spoken, anybody);
    const after = async <T>(breaths: number, act: () => Promise<T>): Promise<T> => {
      for (let n = 0; n < breaths; n++) await breathe();
      return await act();
    };
    const breaths = () => random.between(0, 8);
    const [, ...told] = await Promise.all([
      after(breaths(), () => takesOver(owners, sessionId, turn_id)),
      after(breaths(), () => cancels(owners, sessionId, turn_id)),
      after(breaths(), () => cancels(owners, sessionId, turn_id)),
    ]);
    for (let n = 0; a.size + b.size > 0 && n < 100_000; n++) await breathe();
    const { client, events } = await foldOf(store, sessionId);

    const ends = events.filter((event) =>
      ['therapist:done', 'therapist:error', 'turn:cancelled'].includes(event),
    );
    const state = client.turns[0]?.state ?? 'none';
    expect({ ends: ends.length, last: events.at(-1), told }).toEqual({
      ends: 1,
      last: ends[0],
      told: [state, state],
    });
    expect(a.size + b.size).toBe(0);
    outcomes.set(state, (outcomes.get(state) ?? 0) + 1);
  }
  await annotate(JSON.stringify([...outcomes]));
});

test('[P-8] every turn whose owner is gone is taken over at once, however many there are', async () => {
  await using owners = await twoOwners();
  const { store, admissions, a, b } = owners;
  const leases: Lease[] = [];
  for (let i = 0; i < 250; i++) {
    const [sessionId, turnId] = [`s${i}`, `turn${i + 1}`];
    await admissions.admit({ sessionId, userInput: 'hello', inputId: null, interrupt: false }, anybody);
    const session = await store.session({ tenant: 'default', sessionId });
    leases.push({ tenant: 'default', sessionId, epoch: session?.epoch ?? '', turnId, generation: 1 });
    a.abort(turnId);
  }
  await store.release(leases);
  const left = await Promise.all(leases.map((lease) => store.turn(lease, lease.turnId)));

  const taken = await b.takeOver();

  expect(taken).toBe(left.filter((view) => view?.end === null).length);
  expect(taken).toBeGreaterThan(200);
});

test('[P-5] a turn that another owner took says nothing more, and is said once (scenario 28)', async () => {
  await using owners = await twoOwners();
  const { store, admissions, a, b } = owners;
  const { turn_id } = await admissions.admit(
    { sessionId: 's', userInput: 'hello', inputId: null, interrupt: false },
    anybody,
  );
  await takesOver(owners, 's', turn_id);
  for (let n = 0; a.size + b.size > 0 && n < 100_000; n++) await breathe();
  const { client, events } = await foldOf(store, 's');

  expect(client.turns).toMatchObject([{ state: 'done' }]);
  expect(events.filter((event) => event === 'therapist:done')).toHaveLength(1);
});
