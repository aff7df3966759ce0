import type { ConnectionState } from '../sdk/api.ts';
import { failureOf } from './failures.ts';
import type { WordKey } from './words.ts';

const reasons = {
  lost: 'chat.lost',
  unreachable: 'chat.unreachable',
  draining: 'chat.restarting',
} as const;

/**
 * What is said of the connection, null when all is well. A new try does not change what was said: words that come and go
 * every second make nobody calm.
 */
export function connectionKey(state: ConnectionState, before: WordKey | null): WordKey | null {
  if (state.phase === 'connecting') return before;
  if (state.phase === 'offline') return 'chat.offline';
  if (state.phase === 'closed') return state.error && failureOf(state.error.code);
  if (state.phase !== 'waiting') return null;
  return state.reason === 'unreachable' && before !== null ? before : reasons[state.reason];
}
