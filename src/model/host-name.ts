import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('0.0.0.0');
loopback.addAddress('::1', 'ipv6');
loopback.addAddress('::', 'ipv6');

/** Those that nearly always are one server. */
const HERE: readonly string[] = ['localhost', '127.0.0.1', '0.0.0.0', '[::1]', '[::]'];

/** The address without credentials, and without what a server does not see of it: fit for a log. */
export function placeOf(baseUrl: string | URL): string {
  const url = new URL(baseUrl);
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  return url.href.replace(/\/+$/, '');
}

/**
 * Names the server behind an address, alike on all nodes that mean the same one: a loopback address is another server on
 * each machine. Has no credentials.
 */
export function hostName(baseUrl: string, machine: string): string {
  const url = new URL(baseUrl);
  if (!isLoopback(url.hostname)) return placeOf(url);
  if (HERE.includes(url.hostname)) url.hostname = 'localhost';
  return `${placeOf(url)}#${machine}`;
}

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  const version = isIP(address);
  if (version === 0) return address === 'localhost' || address.endsWith('.localhost');
  return loopback.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
