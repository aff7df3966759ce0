// Under which name somebody is counted. The names are digests: neither Redis nor a heap dump holds an address or a subject.
import ipaddr from 'ipaddr.js';
import { digest } from '../store/envelope.ts';
import type { Level } from './limit-rules.ts';
import type { Who } from './limits.ts';

const PREFIX_GROUPS = 4;

/**
 * Who counts as one address: an IPv4 address, also written as IPv6, or the 64 bits of IPv6 that one household or one
 * machine is given. A text that is no address counts for itself.
 */
export function addressKey(text: string): string {
  if (!ipaddr.isValid(text)) return text;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const groups = address.parts.slice(0, PREFIX_GROUPS).map((group) => group.toString(16));
  return `${groups.join(':')}::/64`;
}

/** Whether an address is this machine itself. */
export function isLoopback(text: string): boolean {
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback';
}

/** The name on that level; null: it does not count there. */
export function limitKey(level: Level, who: Who): string | null {
  const name = who[level];
  if (name === null) return null;
  if (level === 'address') return digest(level, addressKey(name));
  // subjects of two tenants may have the same name
  return level === 'subject' ? digest(level, who.tenant ?? '', name) : digest(level, name);
}
