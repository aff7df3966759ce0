import type { ReactNode } from 'react';
import { useCallback, useEffect, useState } from 'react';
import type { ChatSession } from '../sdk/api.ts';
import { ChatError } from '../sdk/errors.ts';
import { useSession } from '../sdk/react.ts';
import { Announcer } from './announcer.tsx';
import { Composer } from './composer.tsx';
import { failureKey } from './failures.ts';
import { Frame } from './frame.tsx';
import type { FrameProps } from './frame.tsx';
import { HelpCard } from './help-card.tsx';
import { Journey } from './journey.tsx';
import { Log } from './log.tsx';
import type { StartNotice } from './start.tsx';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

interface Props extends FrameProps {
  id: string;
  onEnd: (id: string, notice: StartNotice | null) => void;
}

export function Chat({ id, onEnd, ...frame }: Props): ReactNode {
  const { session, state } = useSession(frame.client, id);
  const { t } = useWords();
  const { phase, live, info, pending, help } = state;
  const stop = useStop(session, live?.turn_id ?? null);
  const [said, setSaid] = useState(0);
  const [returned, setReturned] = useState<{ text: string } | null>(null);
  const edit = useCallback(
    (inputId: string) => {
      const input = session.withdraw(inputId);
      if (input) setReturned({ text: input.text });
    },
    [session],
  );
  // words on their way make the conversation that is not there
  const isAbsent = phase === 'absent' && pending.length === 0;
  useEffect(() => {
    if (isAbsent) onEnd(id, 'unknown');
    if (phase === 'deleted') onEnd('', 'deleted');
  }, [isAbsent, phase, id, onEnd]);
  return (
    <Frame
      {...frame}
      session={session}
      info={info}
      error={state.error}
      onNew={() => onEnd('', null)}
      aside={help && <HelpCard help={help} />}
    >
      <main className="chat">
        <h1 className="unseen">{t('chat.conversation')}</h1>
        {info && <Journey info={info} />}
        <Log client={frame.client} session={session} state={state} stop={stop} said={said} onEdit={edit} />
        <Composer
          session={session}
          isLive={live !== null}
          returned={returned}
          onSay={(text) => {
            session.say(text, { interrupt: live !== null });
            setSaid(said + 1);
          }}
        />
      </main>
      <Announcer state={state} stop={stop} />
    </Frame>
  );
}

/** The wish that a turn ends; it holds until the turn has ended. */
export interface Stop {
  /** The turn that is being stopped. */
  readonly turnId: string | null;
  /** Why it could not be stopped. */
  readonly fault: WordKey | null;
  readonly ask: () => void;
}

function useStop(session: ChatSession, liveId: string | null): Stop {
  const [asked, setAsked] = useState<{ turnId: string; fault: WordKey | null } | null>(null);
  const isAsked = asked !== null && asked.turnId === liveId;
  const isStopping = isAsked && asked.fault === null;
  const ask = (): void => {
    if (liveId === null || isStopping) return;
    setAsked({ turnId: liveId, fault: null });
    session.cancel(liveId).catch((error: unknown) => {
      // it has ended by itself
      if (error instanceof ChatError && error.code === 'TURN_NOT_FOUND') return;
      setAsked({ turnId: liveId, fault: failureKey(error) });
    });
  };
  return { turnId: isStopping ? liveId : null, fault: isAsked ? asked.fault : null, ask };
}
