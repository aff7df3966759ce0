// What the server does now, asked again and again.
import { useEffect, useEffectEvent, useState } from 'react';
import { ChatError, isOut } from '../sdk/errors.ts';
import type { Reading } from './desk-api.ts';
import { faultOf } from './sentences.ts';
import type { Alert, NodeView } from './views.ts';

const SEEN_MS = 2_000;
/** Nobody looks, but the title of the tab still tells of alerts. */
const UNSEEN_MS = 15_000;
/** What was not confirmed for so long is shown as old. */
const FRESH_MS = 7_000;

interface Seen {
  readonly nodes: readonly NodeView[];
  readonly alerts: readonly Alert[];
  /** By the clock of this device. */
  readonly at: number;
  /** What the clock of the server is ahead of this one, in ms. */
  readonly aheadMs: number;
}

export interface Watch {
  /** The last that was told; null: nothing yet. */
  readonly seen: Seen | null;
  /** Why the last try told nothing. */
  readonly fault: string | null;
}

export const isFresh = ({ seen, fault }: Watch, now: number): boolean =>
  seen !== null && fault === null && now - seen.at < FRESH_MS;

async function look(reading: Reading, signal: AbortSignal): Promise<Seen> {
  const [{ nodes, time }, alerts] = await Promise.all([reading.overview(signal), reading.alerts(signal)]);
  const at = Date.now();
  return { nodes, alerts, at, aheadMs: Date.parse(time) - at };
}

/** Looks every 2 s while somebody can see it. `again` looks at once. */
export function useWatch(reading: Reading, onOut: (why: string) => void): Watch & { again: () => void } {
  const [watch, setWatch] = useState<Watch>({ seen: null, fault: null });
  const [asked, setAsked] = useState(0);
  const out = useEffectEvent(onOut);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLooking = false;
    const round = async (): Promise<void> => {
      if (isLooking) return;
      isLooking = true;
      clearTimeout(timer);
      try {
        const seen = await look(reading, stop.signal);
        setWatch({ seen, fault: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (isOut(error) || (error instanceof ChatError && error.status === 404)) return out(faultOf(error));
        setWatch(({ seen }) => ({ seen, fault: faultOf(error) }));
      } finally {
        isLooking = false;
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void round(), document.hidden ? UNSEEN_MS : SEEN_MS);
    };
    const shown = (): void => {
      if (!document.hidden) void round();
    };
    void round();
    document.addEventListener('visibilitychange', shown);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [reading, asked]);
  return { ...watch, again: () => setAsked((n) => n + 1) };
}
