// Who may use a session besides its owner, and texts for whoever takes them first.
import type { AccessStore, CapabilityRecord, NewCapability } from './access.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { SessionLife } from './store.ts';
import type { Sealer } from './vault.ts';
import { digest, Envelope } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import { openIdentity } from './redis-records.ts';
import { listOf, textOf, textsOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

type Granted = Omit<NewCapability, 'capabilityId'>;

const granted = new Envelope<Granted>('capability');
const kept = new Envelope<string>('once');
const once = loadScript('once', 'time');
/** How much of a value is the time (µs) and its colon. */
const TIME = 17;

/** What lies there, once the session is encrypted. */
export const moveGrant = (capabilityId: string, stored: string, to: Sealer): string =>
  stored.slice(0, TIME) + granted.move(stored.slice(TIME), to, capabilityId);

export class RedisGrants implements Omit<AccessStore, 'idle'> {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;

  constructor(link: RedisLink, index: RedisIndex, keys: RedisKeys) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
  }

  async grant(life: SessionLife, { capabilityId, ...said }: NewCapability): Promise<'granted' | 'gone'> {
    const base = this.#index.base(life);
    const { reply } = await this.#keys.with(base, ({ kid, sealer }) => {
      const sealed = granted.seal(said, sealer, capabilityId);
      return this.#link.run(steps.grants, base, ['grant', life.epoch, kid, capabilityId, sealed]);
    });
    return reply === 'granted' ? 'granted' : 'gone';
  }

  async capabilities(life: SessionLife): Promise<CapabilityRecord[] | undefined> {
    return this.#read(this.#index.base(life), ['all', life.epoch]);
  }

  async capability(session: string, capabilityId: string): Promise<CapabilityRecord | undefined> {
    return (await this.#read(this.#index.baseOf(session), ['one', capabilityId]))?.[0];
  }

  async revoke(life: SessionLife, capabilityId: string): Promise<boolean> {
    const args = ['revoke', life.epoch, capabilityId];
    return (await this.#link.run(steps.grants, this.#index.base(life), args)) === 1;
  }

  async keepOnce(name: string, text: string, ms: number): Promise<void> {
    const key = this.#once(name);
    const wrapped = this.#keys.vault.newKey(key);
    const sealed = kept.seal(text, this.#keys.vault.sealer(key, wrapped));
    this.#keys.vault.forget(key, wrapped);
    await this.#link.run(once, key, ['keep', Math.ceil(ms), `${wrapped} ${sealed}`]);
  }

  async takeOnce(name: string): Promise<string | undefined> {
    const key = this.#once(name);
    const found = await this.#link.run(once, key, ['take']);
    if (found === null) return undefined;
    const [, wrapped = '', sealed = ''] = /^(\S*) (.*)$/s.exec(textOf(found)) ?? [];
    if (!this.#keys.opens(wrapped)) return undefined;
    const text = kept.open(sealed, this.#keys.vault.sealer(key, wrapped));
    this.#keys.vault.forget(key, wrapped);
    return text;
  }

  /** Undefined when the session is gone. */
  async #read(base: string, args: string[]): Promise<CapabilityRecord[] | undefined> {
    const [epoch, wrapped, identity, all] = listOf(await this.#link.run(steps.grants, base, args));
    if (epoch === undefined) return undefined;
    const sealer = this.#keys.sealer(base, textOf(wrapped));
    const { tenant, sessionId, owner } = openIdentity(textOf(identity), sealer);
    const session = { tenant, sessionId, epoch: textOf(epoch) };
    return inOrder(all).map(([capabilityId, stored]) => ({
      ...granted.open(stored.slice(TIME), sealer, capabilityId),
      capabilityId,
      session,
      owner,
      createdAt: Math.floor(Number(stored.slice(0, TIME - 1)) / 1000),
    }));
  }

  #once(name: string): string {
    return `${this.#link.prefix}:{once:${digest(name)}}`;
  }
}

/** Ids and what lies under them, the oldest first. */
function inOrder(flat: Reply | undefined): [capabilityId: string, stored: string][] {
  const texts = textsOf(flat);
  const pairs = texts.flatMap((id, at): [string, string][] =>
    at % 2 === 0 ? [[id, texts[at + 1] ?? '']] : [],
  );
  return pairs.sort(([, a], [, b]) => (a.slice(0, TIME) < b.slice(0, TIME) ? -1 : 1));
}
