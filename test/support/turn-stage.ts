// One turn on a store in memory, with speakers a test wrote: admitted as the application does it, then run by itself.
import { LocalSlots } from '../../src/store/local-slots.ts';
import { asTheyCome } from '../../src/chat/speech.ts';
import { Turn } from '../../src/chat/turn.ts';
import type { TurnParts } from '../../src/chat/turn.ts';
import { noAnnouncer } from '../../src/store/outbox.ts';
import type { Source } from '../../src/contract/types.ts';
import type { Model } from '../../src/model/model.ts';
import type { Slots, Ticket } from '../../src/store/slots.ts';
import { noMeter } from '../../src/meter.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type {
  LogRecord,
  NewSession,
  SessionRecord,
  Store,
  TurnPlan,
  TurnRecord,
  TurnView,
} from '../../src/store/store.ts';
import { admit, LEASE_MS, newSession, plan, token, wholeLog } from '../conformance/store-bench.ts';
import { faultyStore } from './faulty-store.ts';
import type { Way } from './faulty-store.ts';
import { deadline } from './wait.ts';

export interface StageOptions extends Partial<Pick<TurnParts, 'ask' | 'guard' | 'helpMs' | 'now'>> {
  model: Model;
  fallback?: Model | null;
  slots?: Slots;
  ways?: Partial<Record<keyof Store, Way>>;
  /** Over the plan of the bench. */
  plan?: Partial<TurnPlan>;
  session?: Partial<NewSession>;
  /** Words an earlier owner left, and who said them. */
  earlier?: { source: Source; text: string };
}

interface Logged {
  level: string;
  fields: object;
  message: string;
}

type End = Extract<LogRecord, { event: 'therapist:done' | 'therapist:error' }>;

const askAsItIs: TurnParts['ask'] = async (_, { userInput }) => ({
  messages: [{ role: 'user', content: userInput }],
  shape: asTheyCome,
});

/** What a turn does is not told apart from what the guard holds back: here it holds nothing. */
const passThrough: TurnParts['guard'] = () => ({ push: (text) => text, end: () => '', tripped: undefined });

/** The turn `turn` of the session `s`, not begun yet. */
export async function openStage(options: StageOptions): Promise<TurnStage> {
  const store = faultyStore(await openSqlite({ directory: ':memory:' }), options.ways ?? {});
  const session = newSession('s', options.session);
  const admitted = await admit(store, 's', 'turn', { session, plan: { ...plan, ...options.plan } });
  const view = { turn: admitted.turn, text: '', end: null };
  const stage = new TurnStage(options, store, admitted.session, view);
  const { earlier } = options;
  if (!earlier) return stage;
  await store.start(admitted.lease, { source: earlier.source, model: 'earlier', phase: 'streaming' });
  await store.append(admitted.lease, [token('turn', 0, earlier.text)], LEASE_MS);
  await store.release([admitted.lease]);
  const [taken] = await store.takeOver('node', LEASE_MS, 1);
  if (!taken) throw new Error('nothing to take over');
  return new TurnStage(options, store, taken.session, taken.view);
}

export class TurnStage implements AsyncDisposable {
  readonly store: Store;
  readonly slots: Slots;
  readonly session: SessionRecord;
  /** What was written to the log of the server. */
  readonly logged: Logged[] = [];
  readonly #view: TurnView;
  readonly #parts: TurnParts;
  #turn: Turn | undefined;

  constructor(options: StageOptions, store: Store, session: SessionRecord, view: TurnView) {
    this.store = store;
    this.session = session;
    this.slots = options.slots ?? new LocalSlots({ size: 1, maxWaiting: 10 });
    this.#view = view;
    const write = (level: string) => (fields: object, message: string) =>
      void this.logged.push({ level, fields, message });
    this.#parts = {
      store,
      announcer: noAnnouncer,
      slots: this.slots,
      speakers: { model: options.model, fallback: options.fallback ?? null },
      ask: options.ask ?? askAsItIs,
      guard: options.guard ?? passThrough,
      helpMs: options.helpMs ?? 60_000,
      leaseMs: LEASE_MS,
      now: options.now ?? Date.now,
      meter: noMeter,
      log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    };
  }

  begin(ticket: Ticket | null = null): Turn {
    this.#turn ??= new Turn(this.#parts, this.session, this.#view, ticket);
    return this.#turn;
  }

  log(): Promise<LogRecord[]> {
    return wholeLog(this.store, this.session);
  }

  /** Names of the log, in order, with several frames of words in a row as one. */
  async events(): Promise<string[]> {
    const names = (await this.log()).map(({ event }) => event);
    return names.filter((name, at) => name !== 'therapist:token' || names[at - 1] !== name);
  }

  /** The last entry, which is to be the end of the turn. */
  async end(): Promise<End> {
    const last = (await this.log()).at(-1);
    if (last?.event === 'therapist:done' || last?.event === 'therapist:error') return last;
    throw new Error(`the log ends with ${last?.event}`);
  }

  /** What became of the turn: its state, its words, and who spoke. */
  async outcome(): Promise<{ state: string; text: string; source: Source | null; attempts: number }> {
    const { turn, text } = await this.view();
    return { state: turn.state, text, source: turn.source, attempts: turn.attempts };
  }

  async view(): Promise<TurnView> {
    const view = await this.store.turn(this.session, 'turn');
    if (!view) throw new Error('no turn');
    return view;
  }

  /** Resolves when the stored turn is as told; it is looked at after every change. */
  async shows(facts: Partial<TurnRecord>): Promise<void> {
    let changed = Promise.withResolvers<void>();
    using _watching = this.store.watch(this.session, () => changed.resolve());
    for (;;) {
      const { turn } = await this.view();
      const isAsTold = Object.entries(facts).every(([key, value]) => Reflect.get(turn, key) === value);
      if (isAsTold) return;
      await deadline(changed.promise, `${JSON.stringify(facts)}, but it is ${turn.phase} ${turn.position}`);
      changed = Promise.withResolvers<void>();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#turn?.abort();
    await this.#turn?.ended;
    await this.store[Symbol.asyncDispose]();
  }
}
