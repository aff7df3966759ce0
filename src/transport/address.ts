// Where a request comes from. What somebody writes into a header is believed of the proxies we were told of, and of nobody else.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

interface AddressOptions {
  /** Proxies: addresses, ranges such as 10.0.0.0/8, or `loopback`, `linklocal`, `uniquelocal`. */
  trustProxy: readonly string[];
  /** Whether callers on this machine are counted. */
  countsLoopback: boolean;
  /** Called once, when something on this machine hands on the requests of others and is not in `trustProxy`. */
  onUntrustedProxy: () => void;
}

/** The address a request counts for, in its shortest form; null for a caller who is not counted. */
export type AddressOf = (req: IncomingMessage) => string | null;

/** Of a client that was gone before anybody asked. */
const NOBODY = '0.0.0.0';
const marks = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'];

/** Without zone and port; a mapped IPv4 address as IPv4. Null for what is no address. */
function toAddress(text: string | undefined): string | null {
  const inBrackets = /^\[(.*)\](?::\d+)?$/.exec(text ?? '')?.[1];
  const bare = inBrackets ?? text?.replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1') ?? '';
  const address = bare.replace(/%.*$/, '');
  return isIP(address) === 0 ? null : ipaddr.process(address).toString();
}

const isLoopback = (address: string): boolean => ipaddr.parse(address).range() === 'loopback';

const isHandedOn = ({ headers }: IncomingMessage): boolean =>
  marks.some((name) => headers[name] !== undefined);

/** Whether somebody on this machine asks, and not for others. */
export function isLocal(req: IncomingMessage): boolean {
  const peer = toAddress(req.socket.remoteAddress);
  return peer !== null && isLoopback(peer) && !isHandedOn(req);
}

/** @throws TypeError `trustProxy` holds something else */
export function addressReader({ trustProxy, countsLoopback, onUntrustedProxy }: AddressOptions): AddressOf {
  const isTrusted = proxyAddr.compile([...trustProxy]);
  let isTold = false;
  return (req) => {
    const peer = toAddress(req.socket.remoteAddress) ?? NOBODY;
    if (isTrusted(peer, 0)) return toAddress(proxyAddr(req, isTrusted)) ?? peer;
    if (!isLoopback(peer)) return peer;
    const isForOthers = isHandedOn(req);
    if (isForOthers && !isTold) {
      isTold = true;
      onUntrustedProxy();
    }
    return isForOthers || countsLoopback ? peer : null;
  };
}
