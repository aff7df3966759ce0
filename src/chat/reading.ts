// Reading a session from a cursor on: what followers begin with, and the long poll.
import type { Output } from '../contract/types.ts';
import { AppError } from '../errors.ts';
import type { SessionRecord, SessionRef, Store } from '../store/store.ts';
import type { Meter } from '../meter.ts';
import type { Follow } from './follow.ts';
import { parseCursor, startOf, toCursor, toLogEntry, toSession, toTurn } from './wire.ts';

/** Ended turns in a snapshot (docs/protocol.md section 3), and the default page of the history. */
export const PAGE = 50;

export interface ReadingParts {
  store: Store;
  follow: Follow;
  meter: Meter;
  /** Aborts when the server goes down: whoever waits is answered. */
  closing: AbortSignal;
}

type Snapshot = Extract<Output<'session:join'>, { mode: 'snapshot' }>;

/** @throws SESSION_NOT_FOUND */
export async function takeSnapshot(store: Store, session: SessionRecord): Promise<Snapshot> {
  const snapshot = await store.snapshot(session, PAGE);
  if (!snapshot) throw new AppError('SESSION_NOT_FOUND');
  return {
    session: toSession(snapshot.session),
    mode: 'snapshot',
    cursor: toCursor(snapshot.session, snapshot.session.lastSeq),
    turns: snapshot.turns.map((view) => toTurn(session, view)),
    live: snapshot.live ? toTurn(session, snapshot.live) : null,
    notices: snapshot.notices.map((entry) => toLogEntry(session, entry)),
  };
}

/** [P-9] The log from the cursor on, or a snapshot; never a part of either. @throws SESSION_NOT_FOUND */
export async function join(
  { store, meter }: Pick<ReadingParts, 'store' | 'meter'>,
  session: SessionRecord,
  after: string | null | undefined,
): Promise<Output<'session:join'>> {
  const cursor = after ?? '';
  const at = parseCursor(cursor);
  if (at?.epoch === session.epoch && at.seq <= session.lastSeq)
    return { session: toSession(session), mode: 'tail', cursor };
  const isAhead = at?.epoch === session.epoch;
  if (cursor !== '') meter.resynced();
  return takeSnapshot(store, (isAhead && (await store.rewound(session, at.seq))) || session);
}

/** @throws SESSION_NOT_FOUND */
export async function poll(
  parts: ReadingParts,
  session: SessionRecord,
  input: { after?: string | null | undefined; wait?: number | null | undefined },
  gone: AbortSignal,
): Promise<Output<'session:log'>> {
  const { store, follow, closing } = parts;
  const joined = await join(parts, session, input.after);
  if (joined.mode === 'snapshot') return joined;
  const { life, after } = startOf(session, joined.cursor);
  const patience = AbortSignal.timeout(Math.ceil((input.wait ?? 0) * 1000));
  const batch = await follow.next(life, after, AbortSignal.any([patience, gone, closing]));
  if (batch === 'gone') throw new AppError('SESSION_NOT_FOUND');
  if (batch === 'moved') {
    parts.meter.resynced();
    return takeSnapshot(store, await mustBeThere(store, session));
  }
  if (batch === 'stopped') return { mode: 'tail', entries: [], cursor: joined.cursor };
  const entries = batch.frames.map(({ seq, event, data }) => ({ seq, event, data }));
  return { mode: 'tail', entries, cursor: toCursor(life, batch.seq) };
}

async function mustBeThere(store: Store, ref: SessionRef): Promise<SessionRecord> {
  const session = await store.session(ref);
  if (!session) throw new AppError('SESSION_NOT_FOUND');
  return session;
}
