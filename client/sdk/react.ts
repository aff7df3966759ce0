// React on top of the SDK: `stillpoint-client/react`.
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import type { ChatClient, ChatSession, Readable, SessionState } from './api.ts';

/** Only browsers draw. */
interface Drawing {
  setTimeout: unknown;
  requestAnimationFrame?: (act: () => void) => number;
  cancelAnimationFrame?: (frame: number) => void;
}

/** Acts with the next frame that is drawn; a hidden page draws none and waits. Answers how to cancel it. */
function afterFrame(act: () => void): () => void {
  const { requestAnimationFrame: request, cancelAnimationFrame: cancel }: Drawing = globalThis;
  if (request && cancel) {
    const frame = request(act);
    return () => cancel(frame);
  }
  const timer = setTimeout(act, 0);
  return () => clearTimeout(timer);
}

/** The value, and a render when it has changed: at most one per frame, however often it does. */
export function useReadable<T>(readable: Readable<T>): T {
  const subscribe = useCallback(
    (changed: () => void) => {
      let cancel: (() => void) | null = null;
      const unsubscribe = readable.subscribe(() => {
        cancel ??= afterFrame(() => {
          cancel = null;
          changed();
        });
      });
      return () => {
        cancel?.();
        unsubscribe();
      };
    },
    [readable],
  );
  const get = useCallback(() => readable.get(), [readable]);
  return useSyncExternalStore(subscribe, get, get);
}

export interface UsedSession {
  session: ChatSession;
  state: SessionState;
}

/**
 * A session and everything known of it, followed while the component is mounted. Without an id the server makes one
 * (`state.id`). On a server it renders what is known before anything was asked.
 */
export function useSession(client: ChatClient, id?: string): UsedSession {
  const session = useMemo(() => client.session(id), [client, id]);
  useEffect(() => {
    // why it could not be opened is in the state
    session.open().catch(() => {});
    return () => session.close();
  }, [session]);
  return { session, state: useReadable(session.state) };
}
