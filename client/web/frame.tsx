import type { ReactNode } from 'react';
import { useRef, useState } from 'react';
import type { ChatClient, ChatSession, SessionInfo, SessionState } from '../sdk/api.ts';
import { Connection } from './connection.tsx';

import { DeleteDialog } from './delete-dialog.tsx';
import { WhoAnswers } from './disclosure.tsx';
import { Menu } from './menu.tsx';
import { NoticeBar } from './notice.tsx';
import type { NoticeShown } from './notice.tsx';
import { QuickExit } from './quick-exit.tsx';
import type { Language } from './words.ts';
import { useWords } from './words.ts';

export interface FrameProps {
  client: ChatClient;
  /** What the people behind the server say to everybody. */
  said: NoticeShown;
  onLeave: () => void;
  onLanguage: (language: Language) => void;
}

interface Props extends FrameProps {
  /** The conversation the menu is about. */
  session?: ChatSession | undefined;
  info?: SessionInfo | null;
  error?: SessionState['error'];
  onNew?: (() => void) | undefined;
  /** Between the bar and the main part: help. */
  aside?: ReactNode;
  children: ReactNode;
}

/** What every screen has: whom one talks with, the menu, the way out, and how the connection is. */
export function Frame({ aside, children, ...props }: Props): ReactNode {
  const { t } = useWords();
  const { client, said, session, info = null, error = null, onLeave, onLanguage, onNew } = props;
  const menu = useRef<HTMLButtonElement>(null);
  const [isDeleting, setDeleting] = useState(false);
  return (
    <div className="frame">
      <header className="bar">
        <div className="bar-words">
          <p className="brand">{t('chat.title')}</p>
          <WhoAnswers info={info} />
        </div>
        <Menu
          session={session}
          onLanguage={onLanguage}
          onNew={onNew}
          onDelete={() => setDeleting(true)}
          button={menu}
        />
        <QuickExit onLeave={onLeave} />
      </header>
      <Connection client={client} error={error} />
      <NoticeBar {...said} />
      <div className="body" data-help={Boolean(aside)} inert={isDeleting}>
        {aside}
        {children}
      </div>
      {isDeleting && session && (
        <DeleteDialog
          session={session}
          onClose={() => {
            setDeleting(false);
            menu.current?.focus();
          }}
        />
      )}
    </div>
  );
}
