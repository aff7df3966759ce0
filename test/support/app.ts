import { resolve } from 'node:path';
import { createApp } from '../../src/app.ts';
import type { AppParts } from '../../src/app.ts';
import { noLimits } from '../../src/access/limits.ts';
import { openAuthenticator } from '../../src/access/open-authenticator.ts';
import { RefusalLog } from '../../src/access/reason.ts';
import { Tickets } from '../../src/access/tickets.ts';
import { createGuide } from '../../src/model/guide.ts';
import { noRetrieval } from '../../src/retrieval/retrieval.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { hostRule } from '../../src/transport/http.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';

export interface TestApp extends AsyncDisposable {
  readonly url: string;
  readonly parts: AppParts;
  drain(ms: number): Promise<void>;
}

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Everybody is let in, and nobody counted. */
async function openDoor(store: Store, now: () => number = Date.now): Promise<AppParts['access']> {
  const refusals = new RefusalLog(silent, now);
  const jwt = { issuer: '', audience: '', keysFile: '', jwksUrl: '' };
  const options = { mode: 'none', apiKeysFile: '', jwt, store, refusals, now, log: silent } as const;
  const authenticator = await openAuthenticator(options);
  return { authenticator, tickets: new Tickets({ store, authenticator, refusals, now }), limits: noLimits };
}

/** The application in this process, on a free loopback port: a store in memory and the built-in guide, unless told. */
export async function startApp(parts: Partial<AppParts> = {}): Promise<TestApp> {
  const store = parts.store ?? (await openSqlite({ directory: ':memory:' }));
  const all: AppParts = {
    store,
    access: await openDoor(store, parts.now),
    addressOf: () => null,
    speakers: { model: createGuide({ wordMs: 0 }), fallback: null },
    retrieval: noRetrieval,
    navigateWithModel: false,
    rawReplies: false,
    guideName: 'Stillpoint',
    webhook: null,
    ackMs: { immediate: 120_000, urgent: 900_000 },
    operatorKey: null,
    adapter: undefined,
    slots: new LocalSlots({ size: 2, maxWaiting: 100 }),
    leaseMs: 8_000,
    compactAfterMs: 3_600_000,
    allowedOrigins: [],
    isOurHost: hostRule({ allowedHosts: [], allowedOrigins: [], isLoopbackOnly: true }),
    webDirectory: resolve(import.meta.dirname, '../../client/web/dist'),
    version: '0.0.0',
    log: silent,
    ...parts,
  };
  const app = createApp(all);
  const port = await app.listen(0, '127.0.0.1');
  return {
    url: `http://127.0.0.1:${port}`,
    parts: all,
    drain: (ms) => app.drain(ms),
    [Symbol.asyncDispose]: async () => {
      await app[Symbol.asyncDispose]();
      await all.slots[Symbol.asyncDispose]();
      await all.store[Symbol.asyncDispose]();
    },
  };
}
