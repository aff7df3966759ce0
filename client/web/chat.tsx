import type { ReactNode } from 'react';
import { useCallback, useEffect, useState } from 'react';
import type { ChatSession, Help, SessionState } from '../sdk/api.ts';
import { ChatError } from '../sdk/errors.ts';
import { useSession } from '../sdk/react.ts';
import type { UsedSession } from '../sdk/react.ts';
import { Announcer } from './announcer.tsx';
import { Composer } from './composer.tsx';
import { helpFor } from './door.ts';
import type { Door } from './door.ts';
import { failureKey } from './failures.ts';
import { Frame } from './frame.tsx';
import type { FrameProps } from './frame.tsx';
import { HelpCard } from './help-card.tsx';
import { Journey } from './journey.tsx';
import { Log } from './log.tsx';
import type { StartNotice } from './start.tsx';
import { TokenBar, TokenScreen } from './token-form.tsx';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

interface Props extends FrameProps {
  id: string;
  door: Door;
  onEnd: (id: string, notice: StartNotice | null) => void;
}

export function Chat({ id, door, onEnd, ...frame }: Props): ReactNode {
  const used = useSession(frame.client, id);
  const { session, state } = used;
  const { phase, pending } = state;
  // words on their way make the conversation that is not there
  const isAbsent = phase === 'absent' && pending.length === 0;
  useEffect(() => {
    if (isAbsent) onEnd(id, 'unknown');
    if (phase === 'deleted') onEnd('', 'deleted');
  }, [isAbsent, phase, id, onEnd]);
  if (door.isShut && isEmpty(state, session.draft)) return <TokenScreen {...frame} door={door} id={id} />;
  return <Talk {...frame} {...used} door={door} id={id} onNew={() => onEnd('', null)} />;
}

interface TalkProps extends Omit<Props, 'onEnd'>, UsedSession {
  onNew: () => void;
}

function Talk({ id, door, session, state, onNew, ...frame }: TalkProps): ReactNode {
  const { t } = useWords();
  const { live, info } = state;
  const { isShut } = door;
  const stop = useStop(session, live?.turn_id ?? null);
  const held = useHeld(id, isShut);
  const help = isShut ? (held.help ?? state.help) : (state.help ?? held.help);
  const [said, setSaid] = useState(0);
  const [returned, setReturned] = useState<{ text: string } | null>(null);
  const edit = useCallback(
    (inputId: string) => {
      const input = session.withdraw(inputId);
      if (input) setReturned({ text: input.text });
    },
    [session],
  );
  const say = (text: string): void => {
    session.say(text, { interrupt: live !== null });
    setSaid(said + 1);
  };
  return (
    <Frame
      {...frame}
      session={session}
      info={info}
      error={state.error}
      onNew={onNew}
      aside={help && <HelpCard help={help} />}
    >
      <main className="chat">
        <h1 className="unseen">{t('chat.conversation')}</h1>
        {isShut && <TokenBar door={door} id={id} isHeld={held.isHeld} />}
        {info && <Journey info={info} />}
        <Log client={frame.client} session={session} state={state} stop={stop} said={said} onEdit={edit} />
        <Composer
          session={session}
          isLive={live !== null}
          returned={returned}
          onHold={isShut ? held.hold : null}
          onSay={say}
        />
      </main>
      <Announcer state={state} stop={stop} />
    </Frame>
  );
}

/** Nothing is here that somebody could read, or wrote. */
const isEmpty = ({ turns, live, pending }: SessionState, draft: string): boolean =>
  turns.length + pending.length === 0 && live === null && draft === '';

interface Held {
  /** Words were to be said while nobody was let in. */
  readonly isHeld: boolean;
  /** For those words. */
  readonly help: Help | null;
  readonly hold: (text: string) => void;
}

function useHeld(id: string, isShut: boolean): Held {
  const [isHeld, setHeld] = useState(false);
  const [help, setHelp] = useState<Help | null>(null);
  const hold = (text: string): void => {
    setHeld(true);
    void helpFor(id, text).then((found) => found && setHelp(found));
  };
  return { isHeld: isHeld && isShut, help, hold };
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
