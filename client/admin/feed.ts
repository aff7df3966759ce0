// The words of one session, live: a snapshot, then long polls.
import { useEffect, useState } from 'react';
import { ChatError } from '../sdk/errors.ts';
import { arrivalOf, isEntry } from '../sdk/line.ts';
import { apply, cursorOf, restore } from '../sdk/transcript.ts';
import type { Transcript } from '../sdk/transcript.ts';
import type { Reading } from './desk-api.ts';
import { faultOf } from './sentences.ts';
import type { Alert, LogAnswer } from './views.ts';

const AGAIN_MS = 2_000;

export interface Feed {
  /** Null: nothing was read yet. */
  readonly alert: Alert | null;
  readonly transcript: Transcript | null;
  /** Connections that follow the session, as of the last time nothing was new. */
  readonly followers: number;
  /** When something was last heard, by the clock of this device. */
  readonly at: number;
  /** Why it is not live. */
  readonly fault: string | null;
}

const unread: Feed = { alert: null, transcript: null, followers: 0, at: 0, fault: null };

/** Null: it does not fit, and is read anew. */
function grown(before: Transcript, answer: LogAnswer): Transcript | null {
  if (answer.mode === 'snapshot') return restore(before, answer);
  let transcript = before;
  for (const { event, data } of answer.entries) {
    const arrival = arrivalOf(event, data);
    if (!isEntry(arrival)) continue;
    const next = apply(transcript, arrival, new Date().toISOString());
    if (next === 'gap') return null;
    transcript = next;
  }
  return transcript;
}

type Tell = (change: (before: Feed) => Feed) => void;

/** Reads it whole, then what is new until there is a gap or nothing new for a while. */
async function read(reading: Reading, alertId: string, tell: Tell, signal: AbortSignal): Promise<void> {
  const { alert, snapshot, followers } = await reading.alert(alertId, signal);
  let transcript: Transcript | null = restore(null, snapshot);
  const told = transcript;
  tell(() => ({ alert, transcript: told, followers, at: Date.now(), fault: null }));
  while (transcript) {
    const answer: LogAnswer | null = await reading.log(alertId, cursorOf(transcript), signal);
    if (answer === null) return;
    const next: Transcript | null = grown(transcript, answer);
    if (next) tell((before) => ({ ...before, transcript: next, at: Date.now(), fault: null }));
    transcript = next;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Of a session whose words somebody asked for; each `round` reads it anew. */
export function useFeed(reading: Reading, alertId: string, round: number): Feed {
  const [feed, setFeed] = useState(unread);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const follow = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          await read(reading, alertId, setFeed, signal);
        } catch (error) {
          if (signal.aborted) return;
          setFeed((before) => ({ ...before, fault: faultOf(error) }));
          if (error instanceof ChatError && !error.retryable) return;
          await pause(AGAIN_MS, signal);
        }
      }
    };
    void follow();
    return () => stop.abort();
  }, [reading, alertId, round]);
  return feed;
}
