// Wake-ups over sharded pub/sub: one connection per node (in a Cluster one per master). They may be lost.
/** What of a client is needed to subscribe. */
export interface Subscriber {
  sSubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  sUnsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy(): void;
}

/** Called with the message: in a session's channel how far its log goes at least, or '' when something else changed. */
type Wake = (message: string) => void;

/** Who watches a channel, and what listens for them. */
interface Channel {
  readonly name: string;
  readonly wakes: Set<{ wake: Wake }>;
  readonly listener: Wake;
  isSubscribed: boolean;
  /** Whether it is being subscribed or left: one after the other, else a later subscription would go with an earlier end. */
  isBusy: boolean;
}

/** A subscription that was refused is asked for again after this. */
const RETRY_MS = 500;

export class RedisWakes implements AsyncDisposable {
  readonly #subscriber: Subscriber;
  readonly #onFault: (error: unknown) => void;
  readonly #channels = new Map<string, Channel>();
  #isClosed = false;

  /** `onFault` is told what a wake-up throws; the others are woken all the same. */
  constructor(subscriber: Subscriber, onFault: (error: unknown) => void) {
    this.#subscriber = subscriber;
    this.#onFault = onFault;
  }

  /**
   * Calls `wake` on every message of the channel, and with '' when the subscription is in place or has been away: messages
   * may have been missed.
   */
  watch(name: string, wake: Wake): Disposable {
    const watcher = { wake };
    const channel = this.#channels.get(name) ?? this.#open(name);
    channel.wakes.add(watcher);
    void this.#settle(channel);
    return {
      [Symbol.dispose]: () => {
        channel.wakes.delete(watcher);
        void this.#settle(channel);
      },
    };
  }

  /** After a time without a connection anything may have happened. */
  wakeAll(): void {
    for (const { listener } of this.#channels.values()) listener('');
  }

  #open(name: string): Channel {
    const channel: Channel = {
      name,
      wakes: new Set(),
      listener: (message) => this.#wake(channel, message),
      isSubscribed: false,
      isBusy: false,
    };
    this.#channels.set(name, channel);
    return channel;
  }

  #wake({ wakes }: Channel, message: string): void {
    for (const watcher of Array.from(wakes)) {
      if (!wakes.has(watcher)) continue;
      try {
        watcher.wake(message);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  /** Subscribes while somebody watches, and leaves when nobody does. */
  async #settle(channel: Channel): Promise<void> {
    if (channel.isBusy) return;
    channel.isBusy = true;
    try {
      while (!this.#isClosed && channel.wakes.size > 0 !== channel.isSubscribed) {
        await (channel.isSubscribed ? this.#leave(channel) : this.#subscribe(channel));
      }
    } catch {
      // whoever watches looks by itself now and then; the connection comes back
      setTimeout(() => void this.#settle(channel), RETRY_MS).unref();
    } finally {
      channel.isBusy = false;
    }
    const isOver = channel.wakes.size === 0 && !channel.isSubscribed;
    if (isOver && this.#channels.get(channel.name) === channel) this.#channels.delete(channel.name);
  }

  async #subscribe(channel: Channel): Promise<void> {
    await this.#subscriber.sSubscribe(channel.name, channel.listener);
    channel.isSubscribed = true;
    channel.listener('');
  }

  async #leave(channel: Channel): Promise<void> {
    channel.isSubscribed = false;
    // one that cannot be told now is told by the end of its connection
    await this.#subscriber.sUnsubscribe(channel.name, channel.listener).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#subscriber.destroy();
  }
}
