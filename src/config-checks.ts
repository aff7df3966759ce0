// What settings say together: a line for each fault, none where there is none.
import { isIPv4 } from 'node:net';

interface Door {
  HOST: string;
  I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: boolean;
  AUTH_MODE: string;
  TRUST_PROXY: readonly string[];
  ALLOWED_HOSTS: readonly string[];
}

interface Tokens {
  AUTH_MODE: string;
  JWT_ISSUER: string;
  JWT_AUDIENCE: string;
  JWT_JWKS_URL: string;
  JWT_KEYS_FILE: string;
}

interface Alerts {
  ESCALATION_URL: string;
  ESCALATION_SECRET: string;
  ESCALATION_PRIVATE_HOSTS: readonly string[];
}

/** Whether a server that listens there is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** How others come in; undefined when only this machine does. */
function reachedBy({ HOST: host, TRUST_PROXY: proxies, ALLOWED_HOSTS: names }: Door): string | undefined {
  if (!isLoopback(host)) return `HOST is ${JSON.stringify(host)}, which others can reach`;
  if (proxies.length > 0) return 'TRUST_PROXY says that a proxy lets others in';
  const name = names.find((each) => !isLoopback(each));
  return name === undefined
    ? undefined
    : `ALLOWED_HOSTS has ${JSON.stringify(name)}, a name by which others come in`;
}

/** Nobody may reach the server from outside by mistake. */
export function openDoor(door: Door): string[] {
  const reached = reachedBy(door);
  if (reached === undefined || door.I_UNDERSTAND_PUBLIC_WITHOUT_AUTH || door.AUTH_MODE !== 'none') return [];
  return [
    `${reached}, and there is no authentication: anybody could read every session. ` +
      'Set AUTH_MODE to key or jwt, or let only this machine in (HOST=127.0.0.1), or set I_UNDERSTAND_PUBLIC_WITHOUT_AUTH=1 if something else keeps strangers out.',
  ];
}

/** A token counts only if it is known who signs, for whom, and with which keys. */
export function checkTokens(tokens: Tokens): string[] {
  if (tokens.AUTH_MODE !== 'jwt') return [];
  const missing = (['JWT_ISSUER', 'JWT_AUDIENCE'] as const).filter((name) => tokens[name] === '');
  const lines = missing.map((name) => `${name} must be set where AUTH_MODE is jwt.`);
  const isOne = (tokens.JWT_JWKS_URL === '') !== (tokens.JWT_KEYS_FILE === '');
  return isOne
    ? lines
    : [...lines, 'One of JWT_JWKS_URL and JWT_KEYS_FILE must be set where AUTH_MODE is jwt.'];
}

/** Alerts are signed, and go over the open net only encrypted. */
export function checkAlerts(alerts: Alerts): string[] {
  const { ESCALATION_URL: url, ESCALATION_SECRET: key, ESCALATION_PRIVATE_HOSTS: hosts } = alerts;
  if (url === '') return [];
  const { protocol, hostname } = new URL(url);
  const lines = key === '' ? ['ESCALATION_SECRET must be set where ESCALATION_URL is.'] : [];
  if (protocol === 'https:' || hosts.includes(hostname.replace(/^\[|\]$/g, ''))) return lines;
  return [...lines, 'ESCALATION_URL must be https, or its host must be listed in ESCALATION_PRIVATE_HOSTS.'];
}
