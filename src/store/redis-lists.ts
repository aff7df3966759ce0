// The lists of sessions: the index has the order, the sessions say what they are.
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { ListedSession } from './store.ts';
import { LISTED, toListed } from './redis-records.ts';
import { Fields } from './redis-reply.ts';

/** Sessions looked at in one go. */
const LIST_BATCH = 200;

export class RedisLists {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;

  constructor(link: RedisLink, index: RedisIndex, keys: RedisKeys) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
  }

  /** As the store's. */
  async list(tenant: string, owner: string | null, after: string | null, limit: number) {
    const sessions: ListedSession[] = [];
    let cursor = after;
    let next = after;
    let stale = 0;
    const all = await this.#index.total(tenant, owner);
    for (;;) {
      const batch = Math.min(LIST_BATCH, limit - sessions.length + 1);
      const places = await this.#index.places(tenant, owner, cursor, batch);
      const found = await Promise.all(places.map((place) => this.#listed(place)));
      for (const [at, place] of places.entries()) {
        const session = found[at];
        if (session && sessions.length === limit) return { total: all - stale, sessions, next };
        if (session) {
          sessions.push(session);
          next = place;
        } else {
          stale += 1;
          await this.#index.strike(tenant, owner, place);
        }
      }
      if (places.length < batch) return { total: all - stale, sessions, next: null };
      cursor = places.at(-1) ?? cursor;
    }
  }

  /** Undefined when no session has that place. */
  async #listed(place: string): Promise<ListedSession | undefined> {
    const base = this.#index.ofPlace(place);
    const key = `${base}:s`;
    const fields = Fields.ofValues(LISTED, await this.#link.send(key, 'HMGET', key, ...LISTED));
    return fields.text('place') === place
      ? toListed(fields, this.#keys.sealer(base, fields.text('k')))
      : undefined;
  }
}
