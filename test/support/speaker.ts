// A turn whose words a test appends itself, in a session that the anonymous caller of an open server may see.
import type { Lease, Store } from '../../src/store/store.ts';
import { admit, ending, LEASE_MS, newSession, token } from '../conformance/store-bench.ts';
import { Client } from './fold.ts';

export interface Speaker {
  readonly life: Lease;
  /** All words so far. */
  readonly text: string;
  /** One entry. */
  say: (word: string) => Promise<void>;
  end: () => Promise<void>;
  /** A client that knows nothing but where the log begins. */
  client: () => Client;
}

/** Begins the turn `turn` of a new session. */
export async function speaker(store: Store, sessionId = 's'): Promise<Speaker> {
  const session = newSession(sessionId, { tenant: 'default', owner: 'anonymous' });
  const { lease } = await admit(store, sessionId, 'turn', { session });
  let text = '';
  return {
    life: lease,
    get text() {
      return text;
    },
    async say(word) {
      const entry = token('turn', text.length, word);
      text += word;
      await store.append(lease, [entry], LEASE_MS);
    },
    async end() {
      await store.finish(lease, ending('turn', text));
    },
    client() {
      const client = new Client(sessionId);
      client.acked(`${lease.epoch}.0`);
      return client;
    },
  };
}
