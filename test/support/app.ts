import { resolve } from 'node:path';
import { createApp } from '../../src/app.ts';
import type { AppParts } from '../../src/app.ts';
import { createGuide } from '../../src/model/guide.ts';
import { noRetrieval } from '../../src/retrieval/retrieval.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

export interface TestApp extends AsyncDisposable {
  readonly url: string;
  readonly parts: AppParts;
  drain(ms: number): Promise<void>;
}

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The application in this process, on a free loopback port: a store in memory and the built-in guide, unless told. */
export async function startApp(parts: Partial<AppParts> = {}): Promise<TestApp> {
  const all: AppParts = {
    store: parts.store ?? (await openSqlite({ directory: ':memory:' })),
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
