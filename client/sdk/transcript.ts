// What is known of a session, as a value: the rules of docs/protocol.md section 3, once, for every transport.
import type { Activity, Help, Remark, SessionInfo, TurnView } from './api.ts';
import { arrivalOf } from './line.ts';
import type { Entry } from './line.ts';
import type { LogEntry, Pushes, Snapshot } from './wire.ts';

export interface Transcript {
  readonly epoch: string;
  readonly seq: number;
  readonly info: SessionInfo | null;
  /** Ended, oldest first. */
  readonly turns: readonly TurnView[];
  readonly live: TurnView | null;
  readonly hasEarlier: boolean;
  readonly remarks: readonly Remark[];
  readonly help: Help | null;
  readonly humanTurns: ReadonlyMap<string, string>;
  readonly activity: Activity | null;
  /** Counts whenever words may have been taken back. */
  readonly takenBack: number;
}

export const cursorOf = ({ epoch, seq }: Transcript): string => `${epoch}.${seq}`;

/** Epoch and number of a cursor; an epoch may hold dots. */
export function partsOf(cursor: string): { epoch: string; seq: number } {
  const dot = cursor.lastIndexOf('.');
  return { epoch: cursor.slice(0, dot), seq: Number(cursor.slice(dot + 1)) };
}

/** Of a session that nothing is known of. */
export const nothing: Transcript = {
  epoch: '',
  seq: 0,
  info: null,
  turns: [],
  live: null,
  hasEarlier: false,
  remarks: [],
  help: null,
  humanTurns: new Map(),
  activity: null,
  takenBack: 0,
};

/** Of a session that is known from an answer only. */
export const begin = (info: SessionInfo): Transcript => ({
  ...nothing,
  ...partsOf(info.cursor),
  info,
  hasEarlier: info.turn_count > 0,
});

/** A snapshot stands for everything up to its cursor; pages that were read before it stay if they meet it. */
export function restore(before: Transcript | null, snapshot: Snapshot): Transcript {
  const { session, live } = snapshot;
  const at = partsOf(snapshot.cursor);
  const own = before?.epoch === at.epoch ? before : begin(session);
  const turns = joinedTo(own.turns, snapshot);
  const placed: Transcript = {
    ...begin(session),
    ...at,
    turns,
    live,
    hasEarlier: firstOf(turns, live) > 1,
    humanTurns: own.humanTurns,
    takenBack: own.takenBack + 1,
  };
  return withNotices(placed, snapshot.notices, own.help);
}

const firstOf = (turns: readonly TurnView[], live: TurnView | null): number => turns[0]?.n ?? live?.n ?? 1;

/** The turns of a snapshot behind those before it that are known, where there is none between. */
function joinedTo(known: readonly TurnView[], { turns, live }: Snapshot): readonly TurnView[] {
  const first = firstOf(turns, live);
  const earlier = known.filter(({ n }) => n < first);
  return earlier.at(-1)?.n === first - 1 ? [...earlier, ...turns] : turns;
}

/** A notice belongs to the first turn that ends behind it, else to the live one; a person's words may come after all. */
function withNotices(to: Transcript, notices: readonly LogEntry[], help: Help | null): Transcript {
  const last = nOf(to);
  return notices.reduce<Transcript>(
    (to, { seq, event, data }) => {
      const notice = arrivalOf(event, data);
      const n = to.turns.find((turn) => turn.seq > seq)?.n ?? to.live?.n;
      if (notice.event === 'safety:resources') return { ...to, help: helpOf(notice.data) };
      if (notice.event === 'disclosure') return disclosed(to, n ?? last, notice.data);
      return notice.event === 'human:message' ? spoken(to, n ?? last + 1, notice.data) : to;
    },
    { ...to, help },
  );
}

const helpOf = ({ level, resources }: Pushes['safety:resources']): Help => ({ level, text: null, resources });

/**
 * What an entry makes of it: `gap` when something before it is missing, or its text does not fit; the same object when it
 * was applied before. [P-2] [P-4]
 */
export function apply(to: Transcript, entry: Entry, now: string): Transcript | 'gap' {
  const { seq, from = seq } = entry.data;
  if (seq <= to.seq) return to;
  if (from > to.seq + 1) return 'gap';
  const changed = change(to, entry, now);
  return changed === 'gap' ? 'gap' : { ...changed, seq };
}

function change(to: Transcript, { event, data }: Entry, now: string): Transcript | 'gap' {
  switch (event) {
    case 'turn:started':
      return { ...to, live: startedTurn(data, now), activity: null };
    case 'therapist:token':
      return grown(to, data);
    case 'therapist:reset':
      return taken(to, data);
    case 'therapist:done':
      return done(to, data, now);
    case 'therapist:error':
      return ended(
        to,
        data.turn_id,
        { state: 'failed', text: data.text, error: data.error, seq: data.seq },
        now,
      );
    case 'turn:cancelled':
      return ended(to, data.turn_id, { state: 'cancelled', text: data.text, seq: data.seq }, now);
    case 'safety:resources':
      return { ...to, help: helpOf(data) };
    case 'disclosure':
      return disclosed(to, nOf(to), data);
    case 'human:message':
      return spoken(to, nOf(to) + 1, data);
    case 'session:updated': {
      const { seq: _seq, from: _from, ...info } = data;
      return { ...to, info };
    }
    default:
      // a later version may log more
      return to;
  }
}

const nOf = (to: Transcript): number => to.live?.n ?? to.turns.at(-1)?.n ?? 0;
const remarked = (to: Transcript, remark: Remark): Transcript => ({
  ...to,
  remarks: [...to.remarks, remark],
});
const disclosed = (to: Transcript, n: number, { seq, text, prominence }: Pushes['disclosure']): Transcript =>
  remarked(to, { kind: 'disclosure', n, seq, text, prominence });

function startedTurn(data: Pushes['turn:started'], at: string): TurnView {
  const { turn_id, n, user_input, seq } = data;
  return { turn_id, n, state: 'running', user_input, text: '', seq, started_at: at, ended_at: null };
}

function grown(to: Transcript, { turn_id, at, text, seq }: Pushes['therapist:token']): Transcript | 'gap' {
  const { live } = to;
  if (live?.turn_id !== turn_id || live.text.length !== at) return 'gap';
  return { ...to, live: { ...live, state: 'running', text: live.text + text, seq }, activity: null };
}

function taken(to: Transcript, { turn_id, text, seq }: Pushes['therapist:reset']): Transcript | 'gap' {
  const { live } = to;
  if (live?.turn_id !== turn_id) return 'gap';
  return { ...to, live: { ...live, text, seq }, takenBack: to.takenBack + 1 };
}

function done(to: Transcript, response: Pushes['therapist:done'], now: string): Transcript {
  const { turn_id, therapist_response: text, seq, session_progress, safety } = response;
  const after = ended(to, turn_id, { state: 'done', text, response, seq }, now);
  const { info } = after;
  if (!info) return after;
  const heard = { turn_count: info.turn_count + 1, last_interaction: response.timestamp };
  return {
    ...after,
    info: { ...info, ...session_progress, ...heard, safety: { ...info.safety, mode: safety.mode } },
  };
}

type End = Pick<TurnView, 'state' | 'text' | 'seq'> & Partial<Pick<TurnView, 'response' | 'error'>>;

/** The whole text of an end entry replaces what was gathered: it is equal. */
function ended(to: Transcript, turnId: string, end: End, now: string): Transcript {
  const { live } = to;
  if (live?.turn_id !== turnId) return to;
  const turn: TurnView = { ...live, ...end, ended_at: end.response?.timestamp ?? now };
  const takenBack = to.takenBack + Number(live.text !== end.text);
  return { ...to, turns: [...to.turns, turn], live: null, activity: null, takenBack };
}

/** A person's words: shown once, as the reply where they are one. */
function spoken(
  to: Transcript,
  n: number,
  { turn_id, name, text, seq }: Pushes['human:message'],
): Transcript {
  if (turn_id === undefined) return remarked(to, { kind: 'human', n, seq, text, name });
  return { ...to, humanTurns: new Map([...to.humanTurns, [turn_id, name]]) };
}

/** What a live turn is doing; what came late, of another turn, is dropped. */
export function busy(to: Transcript, activity: Activity): Transcript {
  if (to.live?.turn_id !== activity.turnId) return to;
  const position = activity.phase === 'queued' ? (activity.position ?? to.activity?.position ?? null) : null;
  return { ...to, activity: { ...activity, position } };
}

/** A page of the history before the first turn there is. */
export function withEarlier(to: Transcript, page: readonly TurnView[], hasEarlier: boolean): Transcript {
  const first = to.turns[0]?.n ?? to.live?.n ?? Infinity;
  const earlier = page.filter(({ n, ended_at }) => n < first && ended_at !== null);
  return { ...to, turns: [...earlier, ...to.turns], hasEarlier };
}

/** The turn of that id, ended or live. */
export function turnOf(to: Transcript | null, turnId: string): TurnView | undefined {
  if (to?.live?.turn_id === turnId) return to.live;
  return to?.turns.findLast(({ turn_id }) => turn_id === turnId);
}
