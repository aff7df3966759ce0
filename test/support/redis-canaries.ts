// A session with a phrase of its own in every field that somebody's words may reach.
import type { NewSession, SessionLife, Store } from '../../src/store/store.ts';
import {
  admit,
  call,
  done,
  ending,
  LEASE_MS,
  newSession,
  plan,
  reset,
  started,
  token,
} from '../conformance/store-bench.ts';

export interface Canaries {
  life: SessionLife;
  phrases: readonly string[];
}

/** Says all of it in one session of that name; its last turn has ended. */
export async function sing(store: Store, name: string): Promise<Canaries> {
  const phrases: string[] = [];
  const say = (field: string) => {
    const phrase = `canary-${name}-${field}`;
    phrases.push(phrase);
    return phrase;
  };
  const session = newSession(say('session'), {
    tenant: say('tenant'),
    owner: say('owner'),
    epoch: `epoch of ${name}`,
    clientId: say('client'),
    metadata: { [say('metadata-key')]: say('metadata') },
    locale: say('locale'),
    country: say('country'),
    ageBand: say('age'),
  });
  await store.create({ session, createKey: say('create-key'), idGiven: true });
  await speak(store, session, say);
  await callPeople(store, session, say);
  const label = say('label');
  await store.grant(session, { capabilityId: `of ${name}`, rights: ['read'], label, expiresAt: null });
  await store.keepOnce(say('once-name'), say('once'), 600_000);
  return { life: session, phrases };
}

async function speak(store: Store, session: NewSession, say: (field: string) => string): Promise<void> {
  const { sessionId } = session;
  const [turn, clientId] = ['turn-1', session.clientId ?? ''];
  const { lease } = await admit(store, sessionId, turn, {
    session,
    inputId: say('input-id'),
    userInput: say('input'),
    plan: {
      ...plan,
      preprocessing: { ...plan.preprocessing, original_input: say('original') },
      navigation: { ...plan.navigation, reasoning: say('reasoning') },
      line: say('line'),
      memory: say('memory-to-be'),
    },
    client: { client: clientId, care: say('client-care') },
    alerts: [call('alert', { body: say('alert') })],
    outbox: [{ messageId: `of ${session.epoch}`, receiver: 'r', body: say('message') }],
    entries: [
      { ...started(turn) },
      { event: 'disclosure', data: { text: say('entry'), prominence: 'once' } },
    ],
  });
  await store.start(lease, { source: 'ollama', model: 'model', phase: 'streaming' });
  const first = say('token');
  await store.append(lease, [token(turn, 0, first)], LEASE_MS);
  await store.append(lease, [token(turn, first.length, say('more'))], LEASE_MS);
  await store.append(lease, [reset(turn, say('reset'))], LEASE_MS);
  const { after, ...end } = ending(turn, say('reply'));
  await store.finish(lease, { ...end, after: after && { ...after, memory: say('memory') } });
  const live = await admit(store, sessionId, 'turn-2', { session, userInput: say('second') });
  await store.append(live.lease, [token('turn-2', 0, say('cut'))], LEASE_MS);
  await store.cancel(live.lease, 'turn-2');
}

async function callPeople(store: Store, session: NewSession, say: (field: string) => string): Promise<void> {
  const actor = say('actor');
  const human = { name: say('human'), untilAt: 9_000_000_000_000 };
  const alert = { alertId: 'alert', status: 'taken_over', actor } as const;
  await store.note(
    session,
    [{ event: 'human:message', data: { text: say('message'), name: say('sender') } }],
    { human },
    { alert },
  );
  const { lease } = await admit(store, session.sessionId, 'turn-3', {
    session,
    plan: { ...plan, care: { ...plan.care, awaitsHuman: true } },
    care: say('care'),
  });
  const text = say('answer');
  await store.answer(lease, {
    entries: () => [],
    text,
    end: ({ turnId }) => {
      const end = done(turnId, text);
      if (end.event !== 'therapist:done') throw new Error('not an end');
      return { ...end, data: { ...end.data, source: 'human' } };
    },
  });
}
