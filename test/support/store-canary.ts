// Sessions with a phrase of their own in every field that a store takes, and where it is found in files.
import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Lease, Store } from '../../src/store/store.ts';
import {
  admit,
  call,
  disclosure,
  done,
  ending,
  fact,
  LEASE_MS,
  newSession,
  plan,
  reset,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';

/** Two ended turns and a live one with words in the journal, and all that may lie with a session. */
export async function sayEverything(store: Store, phrase: string): Promise<Lease> {
  const say = (what: string) => `${phrase} ${what}`;
  const session = newSession(say('id'), {
    tenant: say('tenant'),
    owner: say('owner'),
    clientId: say('client'),
    metadata: { [say('field')]: say('value') },
    locale: say('locale'),
    country: say('country'),
    ageBand: say('age'),
  });
  await store.create({ session, createKey: say('create key'), idGiven: true });
  for (const n of [1, 2, 3]) {
    const turnId = say(`turn ${n}`);
    const { lease } = await admit(store, session.sessionId, turnId, { session, ...asked(say, n) });
    await store.start(lease, { source: 'ollama', model: say('model'), phase: 'streaming' });
    await store.append(lease, [token(turnId, 0, say('word'))], LEASE_MS);
    await store.note(lease, [disclosure(say('note'))], { human: { name: say('person'), untilAt: 1 } });
    await store.append(
      lease,
      [reset(turnId, say('again')), token(turnId, say('again').length, '!')],
      LEASE_MS,
    );
    if (n === 3) return lease;
    const end = ending(turnId, say('again'));
    await store.finish(lease, {
      ...end,
      entries: [done(turnId, say('end'))],
      after: { progress: plan.progress, memory: say('memory') },
    });
    await store.note(
      lease,
      [],
      {},
      { alert: { alertId: say(`alert ${n}`), status: 'acknowledged', actor: say('actor') } },
    );
    const granted = { rights: ['read'], label: say('label'), expiresAt: null } as const;
    await store.grant(lease, { capabilityId: `digest ${n}`, ...granted });
  }
  throw new Error('no turn is live');
}

/** All that can be read of a session. */
export async function wholeOf(store: Store, life: Lease, phrase: string) {
  const messages = await store.outbox.dueMessages('r', 10);
  if (messages.some(({ body }) => body === null)) throw new Error('a message is damaged');
  return {
    messages,
    session: await store.session(life),
    snapshot: await store.snapshot(life, 10),
    log: await wholeLog(store, life),
    care: await store.clientCare(life.tenant, `${phrase} client`),
    alerts: await store.alerts(null, 10),
    capabilities: await store.capabilities(life),
    list: await store.list(life.tenant, `${phrase} owner`, null, 10),
    input: await store.turnOfInput(life, `${phrase} input 1`),
    audit: await store.audit(0, 10),
  };
}

function asked(say: (what: string) => string, n: number) {
  return {
    inputId: say(`input ${n}`),
    userInput: say('input'),
    plan: {
      ...plan,
      preprocessing: { ...plan.preprocessing, original_input: say('input') },
      line: say('line'),
      memory: say('plan'),
      care: { ...plan.care, ref: say('ref') },
    },
    care: say('care'),
    client: { client: say('client'), care: say('care of the client') },
    alerts: [call(say(`alert ${n}`), { body: say('alert') })],
    audit: [fact(`name ${n}`)],
    outbox: [{ messageId: say(`message ${n}`), receiver: 'r', body: say('message') }],
  };
}

/** Every byte of every file there. */
export async function bytesOf(directory: string): Promise<string> {
  const names = await readdir(directory);
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')))).join('\n');
}

/** Digests of the files there, by their names; a lock holds no data. */
export async function filesOf(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => !name.includes('.lock')).sort();
  const files = names.map(async (name) => [name, hash('sha256', await readFile(join(directory, name)))]);
  return Object.fromEntries(await Promise.all(files));
}

/** The wrapped keys of the sessions there, in the order they were made. */
export function wrappedKeys(directory: string): string[] {
  using db = new DatabaseSync(join(directory, 'stillpoint.db'), { readOnly: true });
  const rows = db.prepare('SELECT wrapped FROM sessions JOIN data_keys ON slot = data_key ORDER BY id').all();
  return rows.map(({ wrapped }) => String(wrapped));
}
