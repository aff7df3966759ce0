import { hash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { WebhookBody, WebhookEvent } from '../contract/webhooks.ts';
import type { NewMessage } from '../store/outbox.ts';
import type { Entry } from './outbox-file.ts';
import type { Webhook } from './webhook.ts';
import { openWebhook } from './webhook.ts';

export interface Receiver {
  /** What the store knows it by. */
  readonly id: string;
  readonly entry: Entry;
  readonly webhook: Webhook;
}

/** The receivers of now. */
export class Receivers implements AsyncDisposable {
  readonly #now: () => number;
  #all: readonly Receiver[] = [];
  #closing: Promise<unknown> = Promise.resolve();

  /** ms since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get all(): readonly Receiver[] {
    return this.#all;
  }

  /** Puts these in the place of those before. What is on its way to one that changed fails, and is sent again. */
  set(entries: readonly Entry[]): void {
    const before = this.#all;
    this.#all = entries.map(
      (entry) => before.find((one) => isDeepStrictEqual(one.entry, entry)) ?? open(entry),
    );
    const over = before.filter((one) => !this.#all.includes(one));
    this.#closing = Promise.all([
      this.#closing,
      ...over.map(({ webhook }) => webhook[Symbol.asyncDispose]()),
    ]);
  }

  /** A message for each receiver that wants to know; the same to all but for its id. */
  messages(tenant: string, event: WebhookEvent): readonly NewMessage[] {
    const meant = this.#all.filter(
      ({ entry }) => (entry.tenant === '*' || entry.tenant === tenant) && entry.events.includes(event.type),
    );
    const time = meant.length === 0 ? '' : new Date(this.#now()).toISOString();
    return meant.map(({ id: receiver }) => {
      const messageId = randomUUID();
      const body: WebhookBody = { id: messageId, time, tenant, ...event };
      return { messageId, receiver, body: JSON.stringify(body) };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.set([]);
    await this.#closing;
  }
}

function open(entry: Entry): Receiver {
  const { name, url, secret } = entry;
  const host = new URL(url).hostname;
  const privateHosts = entry.private ? [host, host.replace(/^\[|\]$/g, '')] : [];
  // signed by the clock of this machine: receivers know no other
  const webhook = openWebhook({ url, secret, privateHosts }, Date.now);
  return { id: hash('sha256', name, 'base64url'), entry, webhook };
}
