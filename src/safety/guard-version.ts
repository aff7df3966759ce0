import english from './content/guard.en.json' with { type: 'json' };
import more from './content/guard.more.json' with { type: 'json' };
import { hashOf } from './hash.ts';

/** Which rules the guard keeps: for the audit and the alerts. [US-10] */
export const guardRules: { readonly version: string; readonly hash: string } = {
  version: english.version,
  hash: hashOf(JSON.stringify([english, more])),
};
