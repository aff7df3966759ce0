// Who is told of sessions, as WEBHOOKS_FILE says.
import { resolve } from 'node:path';
import { WatchedFile } from '../access/watched-file.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Announcer, OutboxStore } from '../store/outbox.ts';
import { noAnnouncer } from '../store/outbox.ts';
import { Deliveries } from './deliveries.ts';
import type { DeliveriesParts } from './deliveries.ts';
import { parseWebhooks } from './outbox-file.ts';
import { Receivers } from './outbox-receivers.ts';

const POLL_MS = 1_000;

export interface Webhooks {
  announcer: Announcer;
  /** Delivers from now on. */
  start(): void;
}

/**
 * Whoever asks for it closes it, after the application. Without a file nobody is told, and what waits for receivers of before is dropped.
 * Rejects with an Error of one line, fit for the person who starts the server.
 */
export async function openWebhooks(
  { WEBHOOKS_FILE: file }: Pick<Config, 'WEBHOOKS_FILE'>,
  {
    pollMs = POLL_MS,
    ...parts
  }: { store: { outbox: OutboxStore }; log: Log; pollMs?: number } & Pick<
    DeliveriesParts,
    'now' | 'onOutcome'
  >,
  resources: AsyncDisposableStack,
): Promise<Webhooks> {
  const receivers = resources.use(new Receivers(parts.now));
  const deliveries = resources.use(new Deliveries({ ...parts, receivers: () => receivers.all }));
  const start = () => deliveries.start();
  if (file === '') return { announcer: noAnnouncer, start };
  const path = resolve(file);
  const { log } = parts;
  const watched = await WatchedFile.open({ path, parse: parseWebhooks, what: 'webhooks', log });
  if (!watched.value) throw new Error(`There is no file of webhooks at ${path}`);
  receivers.set(watched.value);
  const look = async () => {
    if (await watched.poll()) receivers.set(watched.value ?? []);
  };
  const timer = setInterval(() => void look(), pollMs).unref();
  resources.defer(() => clearInterval(timer));
  return {
    announcer: {
      messages: (tenant, event) => receivers.messages(tenant, event),
      wake: () => deliveries.wake(),
    },
    start,
  };
}
