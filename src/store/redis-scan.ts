// All sessions, whatever their tenant: there is no list of them, so the servers are looked through.
import type { AccessStore, IdleSession } from './access.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { Master, RedisLink } from './redis-link.ts';
import { openIdentity } from './redis-records.ts';
import { Fields, listOf, textOf, textsOf } from './redis-reply.ts';

/** Keys looked at in one go, about. */
const AT_ONCE = 500;
const START = '0';
const TYPES = { s: 'hash', m: 'list' } as const;

/** A place in the scan of all servers: which one, its cursor, and the last session of those behind the cursor that is done. */
interface Place {
  master: string;
  cursor: string;
  session: string;
}

export interface ScanPage {
  /** Keys of sessions, sorted. */
  sessions: string[];
  /** The cursor behind them; null at the end. */
  next: string | null;
}

export class RedisScan {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #keys: RedisKeys;
  readonly #prefix: string;

  constructor(link: RedisLink, index: RedisIndex, keys: RedisKeys) {
    this.#link = link;
    this.#index = index;
    this.#keys = keys;
    this.#prefix = link.prefix.replaceAll(/[*?[\]\\^]/g, '\\$&');
  }

  /**
   * Sessions of one server, a few at a time; `m`: also those that are gone, of which messages wait. One that is there all the while is
   * among them, seldom twice. @throws STORE_UNAVAILABLE
   */
  async page(master: Master, cursor: string = START, of: keyof typeof TYPES = 's'): Promise<ScanPage> {
    const pattern = `${this.#prefix}:{*}:${of}`;
    const scan = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(AT_ONCE), 'TYPE', TYPES[of]];
    const [next, keys] = listOf(await master.send(...scan));
    const sessions = textsOf(keys).flatMap((key) => /\{([\w-]{43})\}:[sm]$/.exec(key)?.[1] ?? []);
    return { sessions: sessions.sort(), next: textOf(next) === START ? null : textOf(next) };
  }

  /** As the store's. Where Redis moves keys about meanwhile, one may come twice. */
  async idle(since: number, after: string | null, limit: number): ReturnType<AccessStore['idle']> {
    const masters = this.#link.masters();
    const found: IdleSession[] = [];
    let place = readPlace(after);
    for (;;) {
      const master = masters.find(({ id }) => id >= place.master);
      if (!master) return { sessions: found, next: null };
      if (master.id !== place.master) place = { master: master.id, cursor: START, session: '' };
      const { sessions, next } = await this.page(master, place.cursor);
      const later = sessions.filter((session) => session > place.session);
      const idle = await Promise.all(later.map((session) => this.#idle(session, since)));
      for (const [at, one] of idle.entries()) {
        if (!one) continue;
        found.push(one);
        if (found.length < limit) continue;
        return { sessions: found, next: textOfPlace({ ...place, session: later[at] ?? '' }) };
      }
      // no id of a server begins as another one does, and goes on
      place = { master: next === null ? `${master.id}~` : master.id, cursor: next ?? START, session: '' };
    }
  }

  /** Undefined when somebody has said something since, or when it cannot be opened here. */
  async #idle(session: string, since: number): Promise<IdleSession | undefined> {
    const base = this.#index.baseOf(session);
    const names = ['at', 'epoch', 'identity', 'k'];
    const fields = Fields.ofValues(names, await this.#link.send(`${base}:s`, 'HMGET', `${base}:s`, ...names));
    const lastInteractionAt = fields.number('at');
    if (fields.text('epoch') === '' || lastInteractionAt >= since) return undefined;
    try {
      const sealer = this.#keys.sealer(base, fields.text('k'));
      const { tenant, sessionId } = openIdentity(fields.text('identity'), sealer);
      return { tenant, sessionId, epoch: fields.text('epoch'), lastInteractionAt };
    } catch {
      // one that is damaged holds up no other
      return undefined;
    }
  }
}

const textOfPlace = ({ master, cursor, session }: Place): string => `${master}/${cursor}/${session}`;

function readPlace(text: string | null): Place {
  const [, master = '', cursor = START, session = ''] = /^([^/]*)\/(\d+)\/([\w-]*)$/.exec(text ?? '') ?? [];
  return { master, cursor, session };
}
