import type { ReactNode, RefObject } from 'react';
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { ChatClient, ChatSession, SessionState } from '../sdk/api.ts';
import { Breathing } from './breathing.tsx';
import type { Stop } from './chat.tsx';
import { chunksOf, remarksByTurn } from './chunks.ts';
import { Remarks } from './disclosure.tsx';
import { failureKey } from './failures.ts';
import { LogScroll } from './log-scroll.ts';
import { Pending } from './pending.tsx';
import { Chunk } from './turns.tsx';
import type { Retry } from './turns.tsx';
import { VanishingButton } from './vanishing-button.tsx';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

interface Props {
  client: ChatClient;
  session: ChatSession;
  state: SessionState;
  stop: Stop;
  /** How often this person has said something. */
  said: number;
  onEdit: (inputId: string) => void;
}

/** All that was said, and what is on its way. */
export function Log({ client, session, state, stop, said, onEdit }: Props): ReactNode {
  const { t } = useWords();
  const log = useRef<HTMLElement>(null);
  const { scroll, isBelow } = useLogScroll(log, said, contentOf(state));
  const { live, pending, remarks, info, phase } = state;
  const sorted = useMemo(() => remarksByTurn(remarks, state.turns, live), [remarks, state.turns, live]);
  const isEmpty = phase === 'following' && state.turns.length + pending.length === 0 && !live;
  return (
    <div className="log-frame">
      <section id="log" className="log" ref={log} tabIndex={0} aria-label={t('chat.conversation')}>
        {state.hasEarlier && <Earlier session={session} onBefore={() => scroll.current?.hold()} />}
        <Remarks remarks={sorted.before} />
        {isEmpty && <p className="hint">{t('chat.empty')}</p>}
        <Turns session={session} state={state} stop={stop} byTurn={sorted.byTurn} />
        <Remarks remarks={sorted.after} />
        {pending.length > 0 && (
          <Pending client={client} session={session} pending={pending} onEdit={onEdit} />
        )}
        {info?.alpha && <Breathing alpha={info.alpha} />}
      </section>
      <div className="log-buttons">
        {isBelow && (
          <VanishingButton className="float-button" onClick={() => scroll.current?.end()}>
            {t('chat.newBelow')}
          </VanishingButton>
        )}
        {live && (
          <VanishingButton className="float-button" isBusy={stop.turnId !== null} onClick={stop.ask}>
            <span className="stop-sign" aria-hidden="true" />
            {t('chat.stop')}
          </VanishingButton>
        )}
      </div>
    </div>
  );
}

interface TurnsProps extends Omit<Props, 'client' | 'said' | 'onEdit'> {
  byTurn: ReturnType<typeof remarksByTurn>['byTurn'];
}

function Turns({ session, state, stop, byTurn }: TurnsProps): ReactNode {
  const { turns, live, activity, humanTurns } = state;
  const chunks = useMemo(() => chunksOf(turns, live), [turns, live]);
  const last = live ?? turns.at(-1);
  const retry = useRetry(session, last?.turn_id ?? null);
  const canRetry = last?.state === 'failed' || last?.state === 'cancelled';
  return (
    <div className="chunks">
      {chunks.map((chunk, at) => {
        const isLast = at === chunks.length - 1;
        return (
          <Chunk
            key={chunk.key}
            turns={chunk.turns}
            byTurn={byTurn}
            names={humanTurns}
            // what may still change is never skipped in layout
            isFar={at < chunks.length - 2}
            activity={isLast ? activity : null}
            stop={isLast ? stop : null}
            retry={isLast && canRetry && state.pending.length === 0 ? retry : null}
          />
        );
      })}
    </div>
  );
}

/** For the last turn. Pressing twice asks once. */
function useRetry(session: ChatSession, turnId: string | null): Retry {
  const [asked, setAsked] = useState<{ turnId: string; fault: WordKey | null } | null>(null);
  const mine = asked !== null && asked.turnId === turnId ? asked : null;
  return {
    isAsked: mine !== null && mine.fault === null,
    fault: mine?.fault ?? null,
    ask: () => {
      if (turnId === null) return;
      setAsked({ turnId, fault: null });
      session.retry(turnId).turnId.catch((error: unknown) => {
        setAsked({ turnId, fault: failureKey(error) });
      });
    },
  };
}

function Earlier({ session, onBefore }: { session: ChatSession; onBefore: () => void }): ReactNode {
  const { t } = useWords();
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<WordKey | null>(null);
  const ask = (): void => {
    setBusy(true);
    setFault(null);
    onBefore();
    session
      .earlier()
      .catch((error: unknown) => setFault(failureKey(error)))
      .finally(() => setBusy(false));
  };
  return (
    <div className="earlier">
      <VanishingButton className="quiet-button" isBusy={isBusy} onClick={ask}>
        {t('chat.earlier')}
      </VanishingButton>
      <span role="alert">{fault && t(fault)}</span>
    </div>
  );
}

/** Differs when words have come. */
function contentOf({ turns, live, pending, remarks }: SessionState): string {
  const last = live ?? turns.at(-1);
  return [last?.turn_id, last?.text.length, pending.length, remarks.length].join(' ');
}

function useLogScroll(
  log: RefObject<HTMLElement | null>,
  said: number,
  content: string,
): { scroll: RefObject<LogScroll | null>; isBelow: boolean } {
  const scroll = useRef<LogScroll>(null);
  const [isBelow, setBelow] = useState(false);
  useLayoutEffect(() => {
    if (!log.current) return undefined;
    const made = new LogScroll(log.current, setBelow);
    scroll.current = made;
    return made.watch();
  }, [log]);
  useLayoutEffect(() => scroll.current?.settle(said, content));
  return { scroll, isBelow };
}
