// Messages on their way. The truth lies with their session; what leads to it lies in one slot for each receiver: a step is expected there
// before it is taken, and looked for after it, or after a minute where its node died.
import type { MessageRecord, NewMessage, OutboxStore } from './outbox.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import { loadScript } from './redis-link.ts';
import { canOpen, messages, openMessage } from './redis-messages.ts';
import { listOf, numberOf, textOf, textsOf } from './redis-reply.ts';

interface Place {
  base: string;
  /** Which look was wanted there last. */
  look: string;
  /** How often its first message was tried, and the id of that. */
  tried: string;
}

const index = loadScript('receiver', 'time');
/** A step that began so long ago is over, whatever became of it. */
const UNDER_WAY_MS = 60_000;
/** When a message is looked at again that another node has to open. */
const FOREIGN_MS = 60_000;
const AT_ONCE = 200;

export class RedisOutbox implements OutboxStore {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #onFault: (error: unknown) => void;
  /** Called when a message is gone that told of a removed session. */
  readonly #onErased: () => void;
  /** Which look led to what is claimed here. */
  readonly #looks = new Map<string, string>();

  constructor(link: RedisLink, keys: RedisKeys, onFault: (error: unknown) => void, onErased: () => void) {
    this.#link = link;
    this.#keys = keys;
    this.#onFault = onFault;
    this.#onErased = onErased;
  }

  /** Before a step that has messages of the session at `base`. @throws STORE_UNAVAILABLE the step must not be taken */
  async before(base: string, told: readonly NewMessage[]): Promise<void> {
    const all = this.#receivers;
    await Promise.all(
      byReceiver(told).flatMap(([receiver, ids]) => [
        this.#link.send(all, 'SADD', all, receiver),
        this.#index(receiver, 'expect', { base, ids }),
      ]),
    );
  }

  /** After such a step, taken or refused. Never rejects. */
  async after(base: string, told: readonly NewMessage[], stored: boolean): Promise<void> {
    await this.#tidy(
      byReceiver(told).map(([receiver, ids]) => this.#index(receiver, 'ready', { base, ids, stored })),
    );
  }

  /** After the end of a session that had these: receiver, id, receiver, id … */
  async removed(base: string, flat: readonly string[]): Promise<void> {
    const gone = flat.flatMap((receiver, at) =>
      at % 2 === 0 ? [{ receiver, messageId: flat[at + 1] ?? '' }] : [],
    );
    await this.#tidy(byReceiver(gone).map(([receiver, ids]) => this.#index(receiver, 'gone', { base, ids })));
  }

  async dueMessages(receiver: string, limit: number): Promise<MessageRecord[]> {
    for (;;) {
      const rows = listOf(await this.#index(receiver, 'due', { limit, over: UNDER_WAY_MS }));
      const places = rows.map((row): Place => {
        const [base = '', look = '', tried = ''] = textsOf(row);
        return { base, look, tried };
      });
      const heads = await Promise.all(places.map((place) => this.#head(receiver, place)));
      const found = heads.filter((head) => head !== undefined);
      if (found.length > 0 || rows.length < limit) return found;
    }
  }

  async claimMessage(message: MessageRecord, ms: number): Promise<boolean> {
    const { receiver, messageId, lane: base } = message;
    const look = textOf(await this.#index(receiver, 'claim', { base, ms }));
    if (look === '') return false;
    const [id] = textsOf(await this.#link.run(messages, base, ['head', receiver]));
    if (id === messageId) {
      this.#looks.set(`${receiver} ${base}`, look);
      return true;
    }
    await this.#index(receiver, 'free', { base });
    return false;
  }

  async settleMessage(
    { receiver, messageId: id, lane: base, tries }: MessageRecord,
    outcome: Parameters<OutboxStore['settleMessage']>[1],
  ): Promise<boolean> {
    const look = this.#looks.get(`${receiver} ${base}`) ?? '';
    this.#looks.delete(`${receiver} ${base}`);
    if (outcome === 'gone') return this.#take(receiver, base, id, { look, free: true });
    const [first] = textsOf(await this.#link.run(messages, base, ['head', receiver]));
    if (first !== id) await this.#index(receiver, 'over', { base, id, look, more: true, free: true });
    else if (outcome === 'free') await this.#index(receiver, 'free', { base });
    else await this.#index(receiver, 'put_off', { base, id, tries: tries + 1, due: outcome.nextAt });
    return first === id;
  }

  async trimMessages(receiver: string, limit: number): Promise<number> {
    if (limit === 0) return this.#dropAll(receiver);
    for (let count = 0; ;) {
      const tickets = textsOf(await this.#index(receiver, 'most', { keep: limit, limit: AT_ONCE }));
      if (tickets.length === 0) return count;
      for (const ticket of tickets) {
        const at = ticket.indexOf(' ');
        if (await this.#take(receiver, ticket.slice(0, at), ticket.slice(at + 1))) count += 1;
      }
    }
  }

  async waitingReceivers(): Promise<string[]> {
    return textsOf(await this.#link.send(this.#receivers, 'SMEMBERS', this.#receivers));
  }

  /** The first message that waits in a session; undefined when there is none, or another node has to open it. */
  async #head(receiver: string, { base, look, tried }: Place): Promise<MessageRecord | undefined> {
    const reply = listOf(await this.#link.run(messages, base, ['head', receiver]));
    if (reply.length === 0) return void (await this.#index(receiver, 'none', { base, look }));
    const [id = '', at = '', own = '', sealed = '', wrapped = ''] = textsOf(reply);
    const isTried = tried.slice(tried.indexOf(' ') + 1) === id;
    const tries = isTried ? Number(tried.slice(0, tried.indexOf(' '))) : 0;
    if (!canOpen(this.#keys, own, wrapped)) {
      const due = Number(at) + FOREIGN_MS;
      return void (await this.#index(receiver, 'put_off', { base, id, tries, due }));
    }
    const message = { messageId: id, receiver, lane: base, at: Number(at), tries };
    try {
      return { ...message, body: openMessage(this.#keys, base, { id, own, sealed, wrapped }) };
    } catch {
      return { ...message, body: null };
    }
  }

  /** Takes a message away; false when it is not there. */
  async #take(
    receiver: string,
    base: string,
    id: string,
    { look, free } = { look: '', free: false },
  ): Promise<boolean> {
    const [isThere, , own, more] = listOf(await this.#link.run(messages, base, ['take', id]));
    await this.#index(receiver, 'over', { base, id, look, more: more === 1, free });
    if (isThere === 1 && own !== '') this.#onErased();
    return isThere === 1;
  }

  async #dropAll(receiver: string): Promise<number> {
    for (let count = 0; ;) {
      const rows = listOf(await this.#index(receiver, 'bases', { limit: AT_ONCE }));
      for (const row of rows) {
        const [base = '', look = ''] = textsOf(row);
        count += numberOf(await this.#link.run(messages, base, ['drop', receiver]));
        await this.#index(receiver, 'none', { base, look });
      }
      if (rows.length > 0) continue;
      const isEmpty = (await this.#index(receiver, 'close', {})) === 1;
      if (isEmpty) await this.#link.send(this.#receivers, 'SREM', this.#receivers, receiver);
      return count;
    }
  }

  /** What can be left for later never fails a step. */
  async #tidy(work: readonly Promise<unknown>[]): Promise<void> {
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === 'rejected') this.#onFault(outcome.reason);
    }
  }

  #index(receiver: string, verb: string, args: object): Promise<Reply> {
    return this.#link.run(index, `${this.#link.prefix}:{receiver ${receiver}}`, [verb, JSON.stringify(args)]);
  }

  get #receivers(): string {
    return `${this.#link.prefix}:{receivers}`;
  }
}

/** The ids of messages, by their receivers. */
function byReceiver(
  told: readonly Pick<NewMessage, 'receiver' | 'messageId'>[],
): [receiver: string, ids: string[]][] {
  const groups = Map.groupBy(told, ({ receiver }) => receiver);
  return Array.from(groups, ([receiver, of]) => [receiver, of.map(({ messageId }) => messageId)]);
}
