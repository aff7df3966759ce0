import type { ReactNode } from 'react';
import type { ChatClient, ChatSession, PendingInput } from '../sdk/api.ts';
import { useReadable } from '../sdk/react.ts';
import { pendingNote } from './pending-notes.ts';
import { VanishingButton } from './vanishing-button.tsx';
import { useWords } from './words.ts';

interface Props {
  client: ChatClient;
  session: ChatSession;
  pending: readonly PendingInput[];
  onEdit: (inputId: string) => void;
}

/** Words on their way, in the order they go out. */
export function Pending({ client, session, pending, onEdit }: Props): ReactNode {
  const { phase } = useReadable(client.connection);
  return (
    <div className="pendings">
      {pending.map((input) => (
        <PendingItem
          key={input.inputId}
          input={input}
          isOnline={phase === 'online'}
          isClosed={phase === 'closed'}
          onResend={() => session.resend(input.inputId)}
          onEdit={() => onEdit(input.inputId)}
        />
      ))}
    </div>
  );
}

interface ItemProps {
  input: PendingInput;
  isOnline: boolean;
  /** Nothing can be done with them now; they are kept. */
  isClosed: boolean;
  onResend: () => void;
  onEdit: () => void;
}

function PendingItem({ input, isOnline, isClosed, onResend, onEdit }: ItemProps): ReactNode {
  const words = useWords();
  const { t } = words;
  return (
    <div className="pending" data-state={input.state}>
      <span className="unseen">{t('chat.you')}:</span>
      <p className="said" dir="auto">
        {input.text}
      </p>
      {/* a place of its own when refused: nobody may take words for sent that are not */}
      <p key={input.state} className="note" role={input.state === 'refused' ? 'alert' : undefined}>
        {pendingNote(input, isOnline, words)}
      </p>
      {input.state !== 'sending' && !isClosed && (
        <p className="row">
          {input.state === 'refused' && (
            <VanishingButton className="quiet-button" onClick={onResend}>
              {t('chat.sendAgain')}
            </VanishingButton>
          )}
          <VanishingButton className="quiet-button" onClick={onEdit}>
            {t('chat.edit')}
          </VanishingButton>
        </p>
      )}
    </div>
  );
}
