// The end of a session: one script, and then whatever else knew of it. [S-6]
import type { RemoveRequest } from './access.ts';
import type { RedisCreation } from './redis-creation.ts';
import type { RedisErasure } from './redis-erasure.ts';
import type { RedisIndex } from './redis-index.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisPeople } from './redis-people.ts';
import type { RedisReads } from './redis-reads.ts';
import type { SessionLife, SessionRecord } from './store.ts';
import { messagesApart } from './redis-messages.ts';
import { listOf, textOf, textsOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

interface Parts {
  link: RedisLink;
  index: RedisIndex;
  keys: RedisKeys;
  reads: Pick<RedisReads, 'forget'>;
  people: RedisPeople;
  creation: Pick<RedisCreation, 'forget'>;
  erasure: RedisErasure;
  onFault: (error: unknown) => void;
}

/** False when the session is gone, or somebody has said something since `idleSince`. @throws STORE_UNAVAILABLE */
export async function removeSession(
  { link, index, keys, reads, people, creation, erasure, onFault }: Parts,
  session: SessionRecord,
  { audit, idleSince, outbox = [] }: RemoveRequest,
): Promise<boolean> {
  const life: SessionLife = session;
  const base = index.base(life);
  const messages = messagesApart(outbox, keys.vault);
  const remove = async ({ facts }: { facts: object[] }) => {
    const document = JSON.stringify({ epoch: life.epoch, facts, messages, idle: idleSince });
    const gone = listOf(await link.run(steps.remove, base, [document]));
    if (gone.length === 0) return false;
    const [place, key, client, wrapped] = gone.slice(0, 4).map((one) => (one === null ? '' : textOf(one)));
    const sealer = keys.sealer(base, wrapped ?? '');
    reads.forget(base);
    if (place) await index.unplace(session, place);
    if (key) await creation.forget(key, life);
    await people.removed(life, textsOf(gone.slice(5)), client ?? '', sealer);
    await people.outbox.removed(base, textsOf(gone[4]));
    await erasure.want().catch(onFault);
    return true;
  };
  return people.with(life, { audit, outbox }, remove, (isRemoved) => !isRemoved);
}
