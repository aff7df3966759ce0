// What a store keeps for receivers outside: messages, written in the same step as what they tell, until they were delivered.
import type { WebhookEvent } from '../contract/webhooks.ts';

export interface NewMessage {
  /** The same however often it is sent; of two under one id the store keeps the first. */
  messageId: string;
  /** A name of the receiver that tells nothing of it. */
  receiver: string;
  /** What is sent: JSON without any words of the session. */
  body: string;
}

export interface MessageRecord {
  messageId: string;
  receiver: string;
  /** Null for one that is damaged. */
  body: string | null;
  /** The session and the receiver: the messages of a lane are due one after another, in the order of their steps. */
  lane: string;
  at: number;
  /** Deliveries tried so far. */
  tries: number;
}

/**
 * Messages on their way. They go with their session; those of its removal stay until they are delivered, sealed by a key of their
 * own where the store seals anything.
 */
export interface OutboxStore {
  /** The first message of each lane, where it is due and nobody sees to the lane, the ones due longest first. */
  dueMessages(receiver: string, limit: number): Promise<MessageRecord[]>;

  /**
   * Whether the caller alone, over all nodes, sees to its lane from now on: until the message is settled, or the time is over.
   * False when somebody else does, and when the message is not due any more.
   */
  claimMessage(message: MessageRecord, ms: number): Promise<boolean>;

  /**
   * Says what became of a message and gives its lane back. `gone`: it was delivered, or given up, and the next one is due; with a time it is
   * due again then, tried once more; `free`: nothing. False when it is not there any more.
   */
  settleMessage(message: MessageRecord, outcome: 'gone' | 'free' | { nextAt: number }): Promise<boolean>;

  /** Drops the oldest messages of a receiver but for so many, about; answers how many. */
  trimMessages(receiver: string, limit: number): Promise<number>;

  /** Whoever messages may wait for. */
  waitingReceivers(): Promise<string[]>;
}

/** Whoever tells receivers outside what becomes of sessions. */
export interface Announcer {
  /** What goes with the step that makes it so; nothing where nobody wants to know. */
  messages(tenant: string, event: WebhookEvent): readonly NewMessage[];
  /** Messages were stored. Returns at once. */
  wake(): void;
}

/** Nobody wants to know. */
export const noAnnouncer: Announcer = { messages: () => [], wake: () => {} };
