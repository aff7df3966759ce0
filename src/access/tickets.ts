// Tickets: browsers cannot send headers with an EventSource, and a token has no place in an address. A ticket may be seen there:
// it opens one stream of one session, once, within half a minute.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { AccessStore } from '../store/access.ts';
import { digest } from '../store/envelope.ts';
import type { SessionLife } from '../store/store.ts';
import type { Authenticator, Identity } from './authenticator.ts';
import type { RefusalLog } from './reason.ts';

const TICKET = /^spt_([\w-]{43})$/;
const LIFE_MS = 30_000;
const SECRET_BYTES = 32;
const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;
/** Every ticket has a key of its own, which seals once. */
const NONCE = Buffer.alloc(12);

/** What is kept of an identity; the right to read is all that a ticket gives. */
const Content = z.object({
  subject: z.string(),
  person: z.string().nullable(),
  credential: z.string(),
  expiresAt: z.number().nullable(),
  ageBand: z.string().nullable(),
  locale: z.string().nullable(),
  mayRead: z.boolean(),
  session: z.object({ tenant: z.string(), sessionId: z.string(), epoch: z.string() }),
  endsAt: z.number(),
});

export interface TicketsOptions {
  store: Pick<AccessStore, 'keepOnce' | 'takeOnce'>;
  authenticator: Pick<Authenticator, 'stillCounts'>;
  refusals: Pick<RefusalLog, 'report'>;
  /** ms since 1970. */
  now: () => number;
}

const nameOf = (secret: string): string => digest('ticket', secret);
const keyOf = (secret: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', Buffer.from(secret, 'base64url'), '', 'stillpoint ticket', 32));

/** The store sees neither who has a ticket nor for what: the ticket itself is the key. */
function seal(secret: string, text: string): string {
  const cipher = createCipheriv(CIPHER, keyOf(secret), NONCE);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64url',
  );
}

function open(secret: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv(CIPHER, keyOf(secret), NONCE, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8');
}

export class Tickets {
  readonly #options: TicketsOptions;

  constructor(options: TicketsOptions) {
    this.#options = options;
  }

  /** For somebody who may read that session. @throws STORE_UNAVAILABLE */
  async issue(
    { subject, person, credential, expiresAt, ageBand, locale, rights }: Identity,
    { tenant, sessionId, epoch }: SessionLife,
  ): Promise<{ ticket: string; expiresAt: number }> {
    const { store, now } = this.#options;
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const endsAt = now() + LIFE_MS;
    const session = { tenant, sessionId, epoch };
    const mayRead = rights.has('read');
    const content: z.output<typeof Content> = {
      subject,
      person,
      credential,
      expiresAt,
      ageBand,
      locale,
      mayRead,
      session,
      endsAt,
    };
    await store.keepOnce(nameOf(secret), seal(secret, JSON.stringify(content)), LIFE_MS);
    return { ticket: `spt_${secret}`, expiresAt: endsAt };
  }

  /**
   * Whoever it was made for, limited to reading its session. It is used up, whatever comes of it.
   * @throws UNAUTHENTICATED one answer, whatever is wrong with it · STORE_UNAVAILABLE
   */
  async take(ticket: string): Promise<Identity> {
    const { store, authenticator, refusals, now } = this.#options;
    const [, secret] = TICKET.exec(ticket) ?? [];
    const sealed = secret === undefined ? undefined : await store.takeOnce(nameOf(secret));
    if (secret === undefined || sealed === undefined) {
      refusals.report(secret === undefined ? 'malformed' : 'unknown');
      throw new AppError('UNAUTHENTICATED');
    }
    const { mayRead, session, endsAt, ...who } = Content.parse(JSON.parse(open(secret, sealed)));
    const rights: Identity['rights'] = new Set(mayRead ? ['read'] : []);
    const identity = { ...who, tenant: session.tenant, rights, session };
    const end = Math.min(endsAt, who.expiresAt ?? Infinity);
    if (end <= now() || !(await authenticator.stillCounts(identity))) {
      refusals.report(end <= now() ? 'expired' : 'revoked');
      throw new AppError('UNAUTHENTICATED');
    }
    return identity;
  }
}
