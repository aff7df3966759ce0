import type { ReactNode } from 'react';
import { useState } from 'react';
import type { ChatClient, Notice } from '../sdk/api.ts';
import { useReadable } from '../sdk/react.ts';
import { VanishingButton } from './vanishing-button.tsx';
import { useWords } from './words.ts';

export interface NoticeShown {
  notice: Notice | null;
  onClose: () => void;
}

/** The latest notice, until it is closed. Copies of it, and older ones, do not open it again. */
export function useNotice(client: ChatClient): NoticeShown {
  const latest = useReadable(client.notice);
  const [closedAt, setClosedAt] = useState('');
  const isClosed = latest === null || latest.at <= closedAt;
  return { notice: isClosed ? null : latest, onClose: () => setClosedAt(latest?.at ?? '') };
}

/** Words of the people behind the server to everybody: beside the conversation, never in it. */
export function NoticeBar({ notice, onClose }: NoticeShown): ReactNode {
  const { t } = useWords();
  return (
    <div className="notice" data-shown={notice !== null}>
      <div role="status">
        {notice !== null && (
          <>
            <p className="notice-from">{t('chat.notice')}</p>
            <p className="notice-text" dir="auto">
              {notice.text}
            </p>
          </>
        )}
      </div>
      {notice !== null && (
        <VanishingButton className="quiet-button" onClick={onClose}>
          {t('chat.noticeClose')}
        </VanishingButton>
      )}
    </div>
  );
}
