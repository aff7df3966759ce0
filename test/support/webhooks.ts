// The application with receivers of webhooks, in this process: a store on a clock of its own, a real file, real calls.
import { createHmac } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppParts } from '../../src/app.ts';
import { WebhookBody } from '../../src/contract/webhooks.ts';
import type { Announcer } from '../../src/store/outbox.ts';
import type { Outcome } from '../../src/ops/deliveries.ts';
import { openWebhooks } from '../../src/ops/open-outbox.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { silent, startApp } from './app.ts';
import type { TestApp } from './app.ts';
import { tempDir } from './server-process.ts';
import { createChanges, until } from './wait.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';

const webhookSecret = 'secret-for-tests-0123456789abcdefghijkl';

/** An entry of the file. */
export const entryOf = (name: string, receiver: { url: string }, more: object = {}) => ({
  name,
  url: receiver.url,
  secret: webhookSecret,
  private: true,
  ...more,
});

/** Whole or not at all, as whoever changes it should. */
export async function writeWebhooks(path: string, entries: unknown): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(entries), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** What a receiver got so far. */
export const bodiesOf = ({ calls }: WebhookReceiver): WebhookBody[] =>
  calls.map(({ body }) => WebhookBody.parse(JSON.parse(body)));

/** What it got of one session, as "type" or "type n". */
export const storyOf = (receiver: WebhookReceiver, sessionId: string): string[] =>
  bodiesOf(receiver).flatMap((body) => {
    if (body.data.session_id !== sessionId) return [];
    return body.type === 'turn.done' ? `${body.type} ${body.data.n}` : body.type;
  });

/** Whether a call is signed as the documentation says. */
export function isSigned(
  { headers, body }: WebhookReceiver['calls'][number],
  secret = webhookSecret,
): boolean {
  const [, t, v1] = /^t=(\d+),v1=([\da-f]{64})$/.exec(String(headers['x-stillpoint-signature'])) ?? [];
  return v1 === createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
}

export interface Hooks extends AsyncDisposable {
  readonly app: TestApp;
  readonly store: Store;
  readonly announcer: Announcer;
  /** Of the receivers. */
  readonly path: string;
  readonly now: () => number;
  /** What was said in the log. */
  readonly said: string[];
  readonly outcomes: [type: string | null, outcome: Outcome][];
  /** Lets time pass, and what is due then is delivered. */
  advance(ms: number): void;
  /** Resolves once it holds; looked at after every outcome and line of the log. */
  until(condition: () => boolean, label: string): Promise<void>;
}

export async function openHooks(entries: unknown, parts: Partial<AppParts> = {}): Promise<Hooks> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await tempDir());
  const path = join(directory.path, 'webhooks.json');
  await writeWebhooks(path, entries);
  let at = Date.now();
  const now = () => at;
  const changes = createChanges();
  const [said, outcomes]: [string[], Hooks['outcomes']] = [[], []];
  const say = (fields: object, message: string) => {
    said.push(`${message} ${JSON.stringify(fields)}`);
    changes.notify();
  };
  const store = parts.store ?? (await openSqlite({ directory: ':memory:', now, elapsed: now }));
  const onOutcome = (type: string | null, outcome: Outcome) => {
    outcomes.push([type, outcome]);
    changes.notify();
  };
  const log = { ...silent, info: say, warn: say, error: say };
  const webhooks = await openWebhooks(
    { WEBHOOKS_FILE: path },
    { store, now, log, onOutcome, pollMs: 20 },
    resources,
  );
  const { announcer } = webhooks;
  const app = await startApp({ ...parts, store, announcer, now });
  webhooks.start();
  const kept = resources.move();
  return {
    app,
    store,
    announcer,
    path,
    now,
    said,
    outcomes,
    advance: (ms) => {
      at += ms;
      announcer.wake();
    },
    until: async (condition, label) => {
      await until(condition, changes.subscribe, () => `${label}: ${JSON.stringify({ said, outcomes })}`);
    },
    [Symbol.asyncDispose]: async () => {
      await kept.disposeAsync();
      await app[Symbol.asyncDispose]();
    },
  };
}
