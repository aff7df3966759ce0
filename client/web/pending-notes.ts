import type { PendingInput } from '../sdk/api.ts';
import { failureKey } from './failures.ts';
import type { Words } from './words.ts';

/** How far words on their way have come. */
export function pendingNote({ state, error }: PendingInput, isOnline: boolean, { t }: Words): string {
  if (state === 'refused') return t('chat.notSent', { reason: t(failureKey(error)) });
  if (!isOnline) return t('chat.sendingLater');
  if (state === 'waiting' && error?.name === 'ChatError') {
    return t('chat.sendingAgain', { reason: t(failureKey(error)) });
  }
  return t('chat.sending');
}
