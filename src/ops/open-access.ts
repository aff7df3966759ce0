// Who is let in and how much they may ask for, as the settings say.
import { apiKeysPath } from '../access/api-keys-file.ts';
import { createLimits } from '../access/open-limits.ts';
import { parseLimits } from '../access/limit-rules.ts';
import { noLimits } from '../access/limits.ts';
import type { Limits } from '../access/limits.ts';
import type { Authenticator } from '../access/authenticator.ts';
import { openAuthenticator } from '../access/open-authenticator.ts';
import { RefusalLog } from '../access/reason.ts';
import { Tickets } from '../access/tickets.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';

export interface Access {
  authenticator: Authenticator;
  tickets: Tickets;
  limits: Limits;
}

type Settings = Pick<
  Config,
  | 'AUTH_MODE'
  | 'API_KEYS_FILE'
  | 'DATA_DIR'
  | 'JWT_ISSUER'
  | 'JWT_AUDIENCE'
  | 'JWT_JWKS_URL'
  | 'JWT_KEYS_FILE'
  | 'RATE_LIMIT'
  | 'LIMITS'
  | 'REDIS_URL'
  | 'REDIS_PREFIX'
>;

/** Whoever asks for it closes it, after the application. Rejects with an Error of one line, fit for the person who starts the server. */
export async function openAccess(
  settings: Settings,
  { store, now, log }: { store: Store; now: () => number; log: Log },
  resources: AsyncDisposableStack,
): Promise<Access> {
  const refusals = new RefusalLog(log, now);
  const authenticator = await openAuthenticator({
    mode: settings.AUTH_MODE,
    apiKeysFile: apiKeysPath(settings.API_KEYS_FILE, settings.DATA_DIR),
    jwt: {
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      keysFile: settings.JWT_KEYS_FILE,
      jwksUrl: settings.JWT_JWKS_URL,
    },
    store,
    refusals,
    now,
    log,
  });
  resources.use(authenticator);
  const limits = resources.use(await openLimits(settings, log));
  return { authenticator, tickets: new Tickets({ store, authenticator, refusals, now }), limits };
}

async function openLimits(
  { RATE_LIMIT: mode, LIMITS: changes, REDIS_URL: urls, REDIS_PREFIX: prefix }: Settings,
  log: Log,
): Promise<Limits> {
  const rules = parseLimits(changes);
  if (mode === 'off') return noLimits;
  if (urls.length === 0) return createLimits({ rules });
  // loaded where it is used only: every start would pay for it
  const { openRedisCounters } = await import('../access/redis-limits.ts');
  return createLimits({ rules, redis: await openRedisCounters({ urls, prefix, log }) });
}
