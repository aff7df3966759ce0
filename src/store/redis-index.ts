// What spans sessions: lists, leases, words to drop, create keys. It lies in other slots than the sessions, so it is never the
// truth: an entry is written before what it stands for, and struck out by whoever finds that it stands for nothing.
import type { SessionRef } from './store.ts';
import { digest, sessionKey } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import { numberOf, textOf, textsOf } from './redis-reply.ts';

/** Over how many slots the lists of all sessions are spread. A number that is never changed: an entry would not be found again. */
const SHARDS = 8;
/** A place is a time in µs, of that many digits, and the key of a session. */
const PLACE_TIME = 16;
const PLACE = /^\d{16}:[\w-]{43}$/;
/** How long a session may take to be made. */
const PLACE_MS = 60_000;

const script = {
  place: loadScript('place', 'time'),
  expect: loadScript('expect', 'time', 'words'),
  enlist: loadScript('enlist', 'time', 'words'),
  due: loadScript('due', 'time'),
  relist: loadScript('relist', 'time'),
  swap: loadScript('swap'),
};

/** A session in a list by time: which, and its score as it was read. */
export interface Listed {
  list: 'leases' | 'words';
  shard: number;
  /** The session's key. */
  digest: string;
  score: string;
}

export class RedisIndex {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Where all keys of a session begin. */
  base(ref: SessionRef): string {
    return this.baseOf(sessionKey(ref));
  }

  baseOf(key: string): string {
    return `${this.#link.prefix}:{${key}}`;
  }

  /** Gives a new session its place in the lists of its tenant. */
  async place({ tenant, sessionId, owner }: SessionRef & { owner: string }): Promise<string> {
    const args = [sessionKey({ tenant, sessionId }), digest(owner)];
    return textOf(await this.#link.run(script.place, this.#tenant(tenant), args));
  }

  async unplace({ tenant, owner }: { tenant: string; owner: string }, place: string): Promise<void> {
    const lists = [this.#list(tenant, null), this.#list(tenant, owner)];
    await Promise.all(lists.map((list) => this.#link.send(list, 'ZREM', list, place)));
  }

  /** How many sessions a tenant (and owner) has. */
  async total(tenant: string, owner: string | null): Promise<number> {
    const list = this.#list(tenant, owner);
    return numberOf(await this.#link.send(list, 'ZCARD', list));
  }

  /** At most `limit` places behind `after`, oldest first. */
  async places(tenant: string, owner: string | null, after: string | null, limit: number): Promise<string[]> {
    const list = this.#list(tenant, owner);
    const from = PLACE.test(after ?? '') ? `(${after}` : '-';
    return textsOf(await this.#link.send(list, 'ZRANGEBYLEX', list, from, '+', 'LIMIT', '0', String(limit)));
  }

  /** Where the keys of the session in a place begin. */
  ofPlace(place: string): string {
    return this.baseOf(place.slice(PLACE_TIME + 1));
  }

  /** Strikes out a place without a session, unless it is so new that the session may be on its way. */
  async strike(tenant: string, owner: string | null, place: string): Promise<void> {
    const list = this.#list(tenant, owner);
    const [seconds] = textsOf(await this.#link.send(list, 'TIME'));
    const ageMs = Number(seconds) * 1000 - Number(place.slice(0, PLACE_TIME)) / 1000;
    if (ageMs > PLACE_MS) await this.#link.send(list, 'ZREM', list, place);
  }

  /** A turn may be admitted to that session. */
  async expect(ref: SessionRef, leaseMs: number): Promise<void> {
    const key = sessionKey(ref);
    await this.#link.run(script.expect, this.#shard(shardOf(key)), [key, leaseMs]);
  }

  /** A turn lives in that session, and its lease runs so long. */
  async enlist(ref: SessionRef, leaseMs: number): Promise<void> {
    const key = sessionKey(ref);
    await this.#link.run(script.enlist, this.#shard(shardOf(key)), [key, leaseMs]);
  }

  /** The leases of these sessions are given back. */
  async released(refs: readonly SessionRef[]): Promise<void> {
    const keys = refs.map(sessionKey);
    await Promise.all(
      keys.map((key) => {
        const list = `${this.#shard(shardOf(key))}:leases`;
        return this.#link.send(list, 'ZADD', list, '0', key);
      }),
    );
  }

  /** Sessions whose lease seems to have run out so long ago, the longest first. */
  async due(overdueMs: number, limit: number): Promise<Listed[]> {
    const found = await ofThoseThatAnswer(async (shard) =>
      listed('leases', shard, await this.#link.run(script.due, this.#shard(shard), [overdueMs, limit])),
    );
    return found.sort((a, b) => Number(a.score) - Number(b.score));
  }

  /** Sessions in which words of turns that ended before that time may lie. */
  async withWords(before: number, limit: number): Promise<Listed[]> {
    return ofThoseThatAnswer(async (shard) => {
      const list = `${this.#shard(shard)}:words`;
      const range = ['ZRANGEBYSCORE', list, '-inf', `(${before}`, 'WITHSCORES', 'LIMIT', '0', String(limit)];
      return listed('words', shard, await this.#link.send(list, ...range));
    });
  }

  /** Puts an entry to another time, or strikes it out, unless it changed meanwhile. */
  async relist({ list, shard, digest: key, score }: Listed, to: number | 'now' | null): Promise<void> {
    await this.#link.run(script.relist, this.#shard(shard), [list, key, score, to ?? '']);
  }

  /** The value of a create key: which session it made. */
  async createKey(key: string): Promise<string | null> {
    const name = this.#key(key);
    const value = await this.#link.send(name, 'GET', name);
    return value === null ? null : textOf(value);
  }

  /** Gives a create key a value if it has the one that was seen; answers whether it did. */
  async setCreateKey(key: string, seen: string | null, value: string | null): Promise<boolean> {
    const name = this.#key(key);
    if (seen === null) return (await this.#link.send(name, 'SET', name, value ?? '', 'NX')) !== null;
    return (await this.#link.run(script.swap, name, [seen, value ?? ''])) === 1;
  }

  #tenant(tenant: string): string {
    return `${this.#link.prefix}:{tenant ${digest(tenant)}}`;
  }

  #list(tenant: string, owner: string | null): string {
    const key = this.#tenant(tenant);
    return owner === null ? `${key}:all` : `${key}:of ${digest(owner)}`;
  }

  #shard(shard: number): string {
    return `${this.#link.prefix}:{index ${shard}}`;
  }

  #key(key: string): string {
    return `${this.#link.prefix}:{key ${key}}`;
  }
}

const shards = Array.from({ length: SHARDS }, (_, shard) => shard);

/** What the shards hold together: one whose master is away holds up no other. @throws STORE_UNAVAILABLE none answers */
async function ofThoseThatAnswer(ask: (shard: number) => Promise<Listed[]>): Promise<Listed[]> {
  const asked = await Promise.allSettled(shards.map(ask));
  const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [failure] = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (answers.length === 0) throw failure;
  return answers.flat();
}

function shardOf(key: string): number {
  return (Buffer.from(key.slice(0, 4), 'base64url')[0] ?? 0) % SHARDS;
}

function listed(list: Listed['list'], shard: number, reply: Reply): Listed[] {
  const flat = textsOf(reply);
  return flat.flatMap((key, at): Listed[] =>
    at % 2 === 0 ? [{ list, shard, digest: key, score: flat[at + 1] ?? '' }] : [],
  );
}
