import type { Activity, TurnView } from '../sdk/api.ts';
import { failureOf } from './failures.ts';
import type { Words, WordKey } from './words.ts';

interface About {
  activity: Activity | null;
  stop: { readonly turnId: string | null; readonly fault: WordKey | null } | null;
  retry: { readonly fault: WordKey | null } | null;
}

/** What is said below a turn: what it is doing while no words come, or how it ended. */
export function noteOf(turn: TurnView, about: About, words: Words): string {
  const isLive = turn.state === 'queued' || turn.state === 'running';
  return isLive ? liveNote(turn, about, words) : endNote(turn, about, words);
}

function liveNote(turn: TurnView, { activity, stop }: About, { t }: Words): string {
  if (stop?.turnId === turn.turn_id) return t('chat.stopping');
  if (stop?.fault) return t('chat.stopFailed', { reason: t(stop.fault) });
  if (activity?.turnId !== turn.turn_id) return '';
  const { phase, position } = activity;
  if (phase === 'streaming') return '';
  return phase === 'queued' && position !== null ? t('chat.queuedAt', { position }) : t(`chat.${phase}`);
}

function endNote({ state, error }: TurnView, { retry }: About, { t }: Words): string {
  if (retry?.fault) return t('chat.retryFailed', { reason: t(retry.fault) });
  if (state === 'cancelled') return t('chat.stopped');
  if (state !== 'failed') return '';
  const broke = t('chat.brokeOff');
  return error ? `${broke} ${t(failureOf(error.code))}` : broke;
}
