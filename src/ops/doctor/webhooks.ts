// Whether the file of webhooks can be used. Nothing is sent.
import { resolve } from 'node:path';
import { readGuarded } from '../../access/watched-file.ts';
import { parseWebhooks } from '../outbox-file.ts';
import { fail, messageOf, ok } from './finding.ts';
import type { Finding } from './finding.ts';

/** `path` as WEBHOOKS_FILE has it; empty: nobody is told of sessions. */
export async function checkWebhooks(path: string): Promise<Finding[]> {
  if (path === '') return [];
  const advice = 'docs/webhooks.md says what is in it.';
  try {
    const text = await readGuarded(resolve(path));
    if (text === undefined) return [fail('webhooks', `there is no file ${path}`, advice)];
    return [ok('webhooks', `${parseWebhooks(text).length} receivers in ${path}; nothing was sent now`)];
  } catch (error) {
    return [fail('webhooks', messageOf(error), advice)];
  }
}
