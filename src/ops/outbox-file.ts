// Who is told what of sessions: a file of JSON, of which every entry names a receiver.
import { isIP } from 'node:net';
import { z } from 'zod';
import { WebhookType } from '../contract/webhooks.ts';
import { isPrivateAddress } from './webhook.ts';

const SECRET_CHARS = 32;
const word = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{C}+$/u);

const Entry = z.strictObject({
  name: word(64),
  tenant: word(200).default('default'),
  url: z.string().refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)),
  secret: z
    .string()
    .min(SECRET_CHARS)
    .regex(/^[!-~]+$/),
  events: z.array(WebhookType).min(1).default(WebhookType.options),
  private: z.boolean().default(false),
});

/** A receiver as the file has it; the tenant `*` stands for every one. */
export type Entry = z.output<typeof Entry>;

/** What a field must be, for the person who wrote it. */
const hints: Readonly<Record<string, string>> = {
  name: 'name must be 1 to 64 characters',
  tenant: 'tenant must be the name of a tenant, or *',
  url: 'url must be an http or https address, in full',
  secret: `secret must be at least ${SECRET_CHARS} printable ASCII characters without spaces`,
  events: `events must be some of ${WebhookType.options.join(', ')}`,
  private: 'private must be true or false',
};

const bad = (what: string): Error => new Error(`The file of webhooks cannot be used: ${what}`);

/** @throws Error of one line that quotes nothing of the text but the number of an entry */
export function parseWebhooks(text: string): Entry[] {
  const list = z.array(z.unknown()).safeParse(jsonOf(text));
  if (!list.success) throw bad('it is no JSON array');
  const entries = list.data.map((one, at) => mustBeEntry(one, at + 1));
  if (new Set(entries.map(({ name }) => name)).size < entries.length) {
    throw bad('two entries have one name');
  }
  return entries;
}

function mustBeEntry(value: unknown, n: number): Entry {
  const parsed = Entry.safeParse(value);
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]?.path[0] ?? '');
    throw bad(
      `entry ${n}: ${hints[field] ?? 'it has name, url and secret, and maybe tenant, events and private'}`,
    );
  }
  const { url, private: isPrivate } = parsed.data;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== '' || password !== '')
    throw bad(`entry ${n}: url must have no name and no password in it`);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isPrivate) return parsed.data;
  if (protocol !== 'https:') throw bad(`entry ${n}: url must be https, unless the entry is private`);
  if (isIP(host) !== 0 && isPrivateAddress(host)) {
    throw bad(`entry ${n}: url has a private address, and the entry is not private`);
  }
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // the parser's own error quotes the text
    return undefined;
  }
}
