// What the safety rules remember of a client in all its sessions. It lies with each session that wrote something, and goes with it.
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { Sealer } from './vault.ts';
import { digest, Envelope } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import { listOf, textOf, textsOf } from './redis-reply.ts';

/** What one session says of a client: `of` names the client and tells nothing about it. */
interface Said {
  of: string;
  care: string;
}

const index = loadScript('clients', 'time');
const AT_ONCE = 16;
/** How much of the field is the time and its colon. */
const TIME = 17;
/** A step that began so long ago is over, whatever became of it. */
const UNDER_WAY_US = 60_000_000;

const said = new Envelope<Said>('client');

/** What a step says to its script about a client; the script puts the time in front: 16 digits of µs and a colon. */
export function clientArg(
  tenant: string,
  { client, care }: { client: string; care: string },
  sealer: Sealer,
): string {
  return said.seal({ of: digest(tenant, client), care }, sealer);
}

/** What such a session has stored, once it is encrypted. */
export const moveClient = (stored: string, to: Sealer): string =>
  stored === '' ? '' : stored.slice(0, TIME) + said.move(stored.slice(TIME), to);

export class RedisClients {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;

  constructor(link: RedisLink, keys: RedisKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** Before the session at `base` says something of a client. @throws STORE_UNAVAILABLE the step must not be taken */
  async before(base: string, tenant: string, client: string): Promise<void> {
    await this.#index(digest(tenant, client), 'expect', base);
  }

  /** After the end of the session at `base`, which had `stored` in its field, sealed by its key. @throws STORE_UNAVAILABLE */
  async removed(base: string, stored: string, sealer: Sealer): Promise<void> {
    if (stored === '') return;
    const key = this.#key(said.open(stored.slice(TIME), sealer).of);
    await this.#link.send(key, 'ZREM', key, base);
  }

  /** What was said last by a session that lives; null when nothing. */
  async care(tenant: string, client: string): Promise<string | null> {
    const of = digest(tenant, client);
    const silent: string[] = [];
    let latest: { at: number; care: string } | undefined;
    for (let from = 0; ; from += AT_ONCE) {
      const entries = entriesOf(await this.#index(of, 'latest', from, AT_ONCE));
      const found = await Promise.all(entries.map(({ base }) => this.#said(base, of)));
      silent.push(...entries.flatMap(({ base }, at) => (found[at] ? [] : base)));
      for (const one of found) if (one && one.at > (latest?.at ?? 0)) latest = one;
      const last = entries.at(-1);
      // whoever was announced long before the latest was said has said nothing later
      if (!last || entries.length < AT_ONCE || last.at + UNDER_WAY_US < (latest?.at ?? 0)) break;
    }
    if (silent.length > 0) await this.#index(of, 'drop', ...silent);
    return latest?.care ?? null;
  }

  /** What the session at `base` says of a client, and when it said it (µs); undefined when nothing. */
  async #said(base: string, of: string): Promise<{ at: number; care: string } | undefined> {
    const reply = await this.#link.send(base, 'HMGET', `${base}:s`, 'client', 'k');
    const [text = null, wrapped = null] = listOf(reply);
    if (text === null || text === '') return undefined;
    const field = textOf(text);
    const sealer = this.#keys.sealer(base, wrapped === null ? '' : textOf(wrapped));
    const stored = said.open(field.slice(TIME), sealer);
    return stored.of === of ? { at: Number(field.slice(0, TIME - 1)), care: stored.care } : undefined;
  }

  #index(of: string, ...args: (string | number)[]): Promise<Reply> {
    return this.#link.run(index, this.#key(of), args);
  }

  #key(of: string): string {
    return `${this.#link.prefix}:{c:${of}}`;
  }
}

function entriesOf(reply: Reply): { base: string; at: number }[] {
  const flat = textsOf(reply);
  return flat.flatMap((base, at) => (at % 2 === 0 ? [{ base, at: Number(flat[at + 1]) }] : []));
}
