// Making a session: its id lies in one slot of a Cluster, the key by which a repeat of the call is known in another. [S-5] [P-11]
import { AppError } from '../errors.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { MessageArg } from './redis-messages.ts';
import type { PeopleArgs, RedisPeople } from './redis-people.ts';
import type { RedisReads } from './redis-reads.ts';
import type { CreateRequest, NewSession, SessionLife, SessionRecord } from './store.ts';
import type { Sealer } from './vault.ts';
import { digest, sessionKey } from './envelope.ts';
import { taken } from './redis-documents.ts';
import { makeFields, toSession } from './redis-records.ts';
import { Fields, listOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

interface Created {
  created: boolean;
  session: SessionRecord;
}

export class RedisCreation {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #reads: RedisReads;
  readonly #keys: RedisKeys;
  readonly #people: RedisPeople;
  readonly #remove: (life: SessionLife) => Promise<boolean>;

  constructor(
    link: RedisLink,
    index: RedisIndex,
    reads: RedisReads,
    keys: RedisKeys,
    people: RedisPeople,
    remove: (life: SessionLife) => Promise<boolean>,
  ) {
    this.#link = link;
    this.#index = index;
    this.#reads = reads;
    this.#keys = keys;
    this.#people = people;
    this.#remove = remove;
  }

  async create(request: CreateRequest): Promise<Created> {
    const { session, createKey, idGiven, outbox } = request;
    const key = createKey === null ? null : digest(session.tenant, session.owner, createKey);
    const before = key === null ? undefined : await this.#madeBy(await this.#index.createKey(key));
    if (before) return known(before, session.sessionId, idGiven);
    const make = ({ sealed }: PeopleArgs) => this.#make(request, key, (sealer) => sealed(sealer).messages);
    // told once the key is kept: a session that is taken back was never there
    return this.#people.with(session, { outbox }, make, ({ created }) => !created);
  }

  async #make(
    { session, idGiven }: CreateRequest,
    key: string | null,
    messages: (sealer: Sealer) => MessageArg[],
  ): Promise<Created> {
    const base = this.#index.base(session);
    const place = await this.#index.place(session);
    const dataKey = this.#keys.make(base);
    const fields = makeFields(session, place, key, dataKey);
    const document = JSON.stringify({ fields, messages: messages(dataKey.sealer) });
    const [kind, made] = listOf(await this.#link.run(steps.create, base, [document]));
    if (kind !== 'made') await this.#index.unplace(session, place);
    if (kind === 'used') throw new Error('An epoch is used only once');
    const found = Fields.ofList(made);
    const there = toSession(found, this.#keys.sealer(base, found.text('k')));
    if (kind === 'made')
      return key === null ? { created: true, session: there } : this.#keep(key, there, idGiven);
    // the same call once more, before the first one had kept its key
    if (key === null || found.text('key') !== key) throw taken();
    return { created: false, session: there };
  }

  /** After the end of a session that a call with that key made. */
  async forget(key: string, life: SessionLife): Promise<void> {
    await this.#index.setCreateKey(key, valueOf(life), null);
  }

  /** Of concurrent calls with one key, the first to keep it has made the session; the others take theirs back. */
  async #keep(key: string, made: SessionRecord, idGiven: boolean): Promise<Created> {
    for (;;) {
      const value = await this.#index.createKey(key);
      const other = await this.#madeBy(value);
      if (other) {
        await this.#remove(made);
        return known(other, made.sessionId, idGiven);
      }
      if (await this.#index.setCreateKey(key, value, valueOf(made))) return { created: true, session: made };
    }
  }

  /** The session that a create key stands for, if it still lives. */
  async #madeBy(value: string | null): Promise<SessionRecord | undefined> {
    const [id = '', epoch = ''] = value?.split(' ') ?? [];
    const session = id === '' ? undefined : await this.#reads.session(this.#index.baseOf(id));
    return session?.epoch === epoch ? session : undefined;
  }
}

/** What a create key is kept with. */
function valueOf(life: SessionLife | NewSession): string {
  return `${sessionKey(life)} ${life.epoch}`;
}

function known(session: SessionRecord, sessionId: string, idGiven: boolean): Created {
  if (idGiven && session.sessionId !== sessionId) throw new AppError('IDEMPOTENCY_CONFLICT');
  return { created: false, session };
}
