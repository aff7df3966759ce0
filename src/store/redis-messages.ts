// Messages for receivers as they lie with their session.
import type { NewMessage } from './outbox.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { Sealer, Vault } from './vault.ts';
import { Envelope } from './envelope.ts';
import { loadScript } from './redis-link.ts';
import { listOf, numberOf, textsOf } from './redis-reply.ts';
import { plain } from './vault.ts';

/** What a step says to its script about one message. */
export interface MessageArg {
  id: string;
  receiver: string;
  own: string;
  sealed: string;
}

export const messages = loadScript('messages', 'time', 'people');

/** In the place of a key of its own: it is plain, and outlives its session all the same. */
export const OWN_PLAIN = '-';
const said = new Envelope<string>('message');

/** Messages that go with their session, sealed by its key. */
export const messageArgs = (told: readonly NewMessage[], sealer: Sealer): MessageArg[] =>
  told.map(({ messageId: id, receiver, body }) => ({
    id,
    receiver,
    own: '',
    sealed: said.seal(body, sealer, id),
  }));

/** Messages that outlive their session: each has a key of its own. */
export const messagesApart = (told: readonly NewMessage[], vault: Vault): MessageArg[] =>
  told.map(({ messageId: id, receiver, body }) => {
    const own = vault.newKey(id) || OWN_PLAIN;
    return { id, receiver, own, sealed: said.seal(body, sealerOf(vault, id, own), id) };
  });

function sealerOf(vault: Vault, id: string, own: string): Sealer {
  return own === OWN_PLAIN ? plain : vault.sealer(id, own);
}

/** The body of a message of a session whose keys begin with `base`. @throws Error it is damaged, or its master key is not here */
export function openMessage(
  keys: RedisKeys,
  base: string,
  { id, own, sealed, wrapped }: Omit<MessageArg, 'receiver'> & { wrapped: string },
): string {
  const sealer = own === '' ? keys.sealer(base, wrapped) : sealerOf(keys.vault, id, own);
  return said.open(sealed, sealer, id);
}

/** Whether the master key that leads to it is here. */
export const canOpen = (keys: RedisKeys, own: string, wrapped: string): boolean =>
  own === OWN_PLAIN || keys.opens(own === '' ? wrapped : own);

/** A message of a session that was plain, as it lies there once that is encrypted. */
export function moveMessage(packed: string, to: Sealer): string {
  const [id = '', receiver = '', at = '', own = '', sealed = ''] = textsOf(JSON.parse(packed));
  return own === '' ? JSON.stringify([id, receiver, at, own, said.move(sealed, to, id)]) : packed;
}

/** Brings messages whose own keys are meant to the first master key; answers how many it changed. @throws STORE_UNAVAILABLE */
export async function rewrapMessages(
  link: RedisLink,
  { vault }: RedisKeys,
  base: string,
  isMeant: (own: string) => boolean,
): Promise<number> {
  let count = 0;
  for (const row of listOf(await link.run(messages, base, ['all']))) {
    const [packed = '', id = '', own = '', sealed = ''] = textsOf(row);
    if (own === '' || !isMeant(own)) continue;
    const anew = own === OWN_PLAIN ? vault.newKey(id) : vault.rewrap(id, own);
    if (!anew) continue;
    const [, receiver, at] = textsOf(JSON.parse(packed));
    const body = own === OWN_PLAIN ? said.move(sealed, vault.sealer(id, anew), id) : sealed;
    const swap = ['swap', packed, JSON.stringify([id, receiver, at, anew, body])];
    count += numberOf(await link.run(messages, base, swap));
  }
  return count;
}
