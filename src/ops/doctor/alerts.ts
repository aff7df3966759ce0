// Whether alerts about people in danger would reach somebody. Nothing is sent.
import { lookup } from 'node:dns/promises';
import { isLoopback } from '../../config-checks.ts';
import type { Config } from '../../config.ts';
import { codeOf, fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import { isPrivateAddress } from '../webhook.ts';

type AlertConfig = Pick<
  Config,
  'ESCALATION_URL' | 'ESCALATION_PRIVATE_HOSTS' | 'OPERATOR_KEY' | 'HOST' | 'AUTH_MODE'
>;

/** Resolves with the addresses of a name. */
type Resolve = (name: string) => Promise<readonly string[]>;

const resolveName: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/** Whether anybody but this machine is served. */
export const isForOthers = ({ HOST, AUTH_MODE }: Pick<Config, 'HOST' | 'AUTH_MODE'>): boolean =>
  !isLoopback(HOST) || AUTH_MODE !== 'none';

export async function checkAlerts(config: AlertConfig, resolve: Resolve = resolveName): Promise<Finding[]> {
  const { ESCALATION_URL: url, OPERATOR_KEY: key } = config;
  if (url !== '') return [await judgeReceiver(config, resolve)];
  if (key !== '') return [ok('alerts', 'they wait in the list of operators (OPERATOR_KEY)')];
  if (!isForOthers(config))
    return [ok('alerts', 'they are kept, and nobody is told: no OPERATOR_KEY, no ESCALATION_URL')];
  return [
    warn(
      'alerts',
      'nobody is told when somebody is in danger',
      'Set OPERATOR_KEY to see alerts, ESCALATION_URL to have them sent (docs/safety.md).',
    ),
  ];
}

async function judgeReceiver(config: AlertConfig, resolve: Resolve): Promise<Finding> {
  // its path may be a secret
  const host = new URL(config.ESCALATION_URL).hostname.replace(/^\[|\]$/g, '');
  try {
    const addresses = await resolve(host);
    const isListed = config.ESCALATION_PRIVATE_HOSTS.includes(host);
    if (isListed || !addresses.some(isPrivateAddress)) {
      return ok('alerts', `they are sent to ${host}; nothing was sent now`);
    }
    const advice = 'If that is meant, list it in ESCALATION_PRIVATE_HOSTS.';
    return fail('alerts', `${host} has a private address: nothing is sent there`, advice);
  } catch (error) {
    const advice = 'Mend the name in ESCALATION_URL, or the name server of this machine.';
    return fail('alerts', `${host} is not found (${codeOf(error)}): alerts would wait`, advice);
  }
}
