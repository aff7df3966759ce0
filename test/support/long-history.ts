// A conversation of thousands of messages, written into the store of a server that is not running.
import { openSqlite } from '../../src/store/sqlite.ts';
import type { NewEntry, SessionRecord, Store, TurnView } from '../../src/store/store.ts';

const LEASE_MS = 60_000;

/** What is said and replied in turn `n`; no two alike. */
export const saidIn = (n: number): string => `Message ${n} of a person`;
export const repliedIn = (n: number): string =>
  `Reply ${n}. ${'Some words that make it as long as replies are. '.repeat(1 + (n % 4)).trim()}`;

/** Adds ended turns to a session that has one, until it has `turns`. */
export async function writeHistory(directory: string, sessionId: string, turns: number): Promise<void> {
  await using store = await openSqlite({ directory });
  const session = await store.session({ tenant: 'default', sessionId });
  const [model] = session ? ((await store.turns(session, null, 1)) ?? []) : [];
  if (!session || !model) throw new Error('a session with a turn is needed');
  let now: SessionRecord = session;
  for (let n = session.lastTurn + 1; n <= turns; n += 1) now = await writeTurn(store, now, model, n);
}

async function writeTurn(
  store: Store,
  session: SessionRecord,
  { turn: { plan }, end }: TurnView,
  n: number,
): Promise<SessionRecord> {
  if (end?.event !== 'therapist:done') throw new Error('the first turn is not done');
  const turnId = `turn-${n}`;
  const { preprocessing, navigation } = plan;
  const started = { turn_id: turnId, n, user_input: saidIn(n), preprocessing, navigation };
  const { epoch, version } = session;
  const admitted = await store.admit({
    session,
    basis: { epoch, version },
    turnId,
    inputId: null,
    userInput: saidIn(n),
    interrupt: false,
    plan,
    safety: session.safety,
    care: session.care ?? '',
    client: null,
    alerts: [],
    audit: [],
    entries: [{ event: 'turn:started', data: started }],
    node: 'history',
    leaseMs: LEASE_MS,
  });
  if (admitted.kind !== 'admitted') throw new Error(`turn ${n} was not admitted but ${admitted.kind}`);
  const { tenant, sessionId } = session;
  const text = repliedIn(n);
  const entries: NewEntry[] = [
    { event: 'therapist:token', data: { turn_id: turnId, at: 0, text } },
    { event: 'therapist:done', data: { ...end.data, turn_id: turnId, n, therapist_response: text } },
  ];
  await store.finish(
    { tenant, sessionId, epoch, turnId, generation: 1 },
    { state: 'done', entries, after: null, completes: false },
  );
  const after = await store.session(session);
  if (!after) throw new Error('the session is gone');
  return after;
}
