// Sends a signed call to an address from the configuration, and to no other. [US-40] (SAFETY.md SEC-66)
import { createHmac } from 'node:crypto';
import { lookup as resolveName } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';

export interface WebhookTarget {
  url: string;
  /** What the signature is made with. */
  secret: string;
  /** Host names that may lie at a private or loopback address. */
  privateHosts: readonly string[];
}

/** Takes a body, for five seconds at most or until `gone`; resolves when the receiver has it. @throws Error why not, without anything of the body */
export interface Webhook extends AsyncDisposable {
  send(id: string, body: string, gone: AbortSignal): Promise<void>;
}

const DEADLINE_MS = 5_000;
const ANSWER_BYTES = 16_384;

const ranges = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const;

const refused = new BlockList();
for (const [net, bits] of ranges) refused.addSubnet(net, bits, isIP(net) === 6 ? 'ipv6' : 'ipv4');

/** Whether an address is one that nobody outside can be reached at; what is no address is. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  // a mapped address (::ffff:127.0.0.1) is checked against the ranges of what it maps
  return refused.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/** Looks a name up once and hands on only addresses that may be called, so that a later other answer changes nothing. */
function publicLookup(privateHosts: ReadonlySet<string>): LookupFunction {
  return (hostname, options, done) => {
    resolveName(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, '', 0);
      const bad = privateHosts.has(hostname)
        ? undefined
        : found.find(({ address }) => isPrivateAddress(address));
      const first = found[0];
      if (bad || !first) return done(new Error('the address of the receiver is private'), '', 0);
      if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    });
  };
}

/** `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`: a receiver refuses what is older than five minutes. */
export function signature(secret: string, body: string, at: number): string {
  const seconds = Math.floor(at / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** @throws Error the address is private and not listed */
export function openWebhook({ url, secret, privateHosts }: WebhookTarget, now: () => number): Webhook {
  const allowed = new Set(privateHosts);
  const { hostname } = new URL(url);
  const host = bare(hostname);
  if (isIP(host) !== 0 && isPrivateAddress(host) && !allowed.has(host)) {
    throw new Error('the address of the receiver is private');
  }
  const agent = new Agent({
    connect: { lookup: publicLookup(allowed), timeout: DEADLINE_MS },
    connections: 8,
  });
  return {
    async send(id, body, gone) {
      const signal = AbortSignal.any([gone, AbortSignal.timeout(DEADLINE_MS)]);
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': id,
        'x-stillpoint-signature': signature(secret, body, now()),
      };
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal });
      await answer.body.dump({ limit: ANSWER_BYTES, signal });
      // a redirect is not followed
      if (answer.statusCode < 200 || answer.statusCode > 299) {
        throw new Error(`the receiver answered ${answer.statusCode}`);
      }
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy();
    },
  };
}
