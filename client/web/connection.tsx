import type { ReactNode } from 'react';
import { useState } from 'react';
import type { ChatClient, SessionState } from '../sdk/api.ts';

import { useReadable } from '../sdk/react.ts';
import { connectionKey } from './connection-words.ts';
import { failureKey } from './failures.ts';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

interface Props {
  client: ChatClient;
  /** Why the conversation cannot be followed. */
  error: SessionState['error'];
}

/** Quiet words on the line to the server and on the model; empty when all is well. */
export function Connection({ client, error }: Props): ReactNode {
  const { t } = useWords();
  const key = useConnectionKey(client) ?? (error && failureKey(error));
  const model = useReadable(client.model);
  const isPulling = key === null && model?.phase === 'pulling';
  return (
    <p id="connection" className="connection" role="status">
      {key !== null && <span>{t(key)}</span>}
      {isPulling && (
        <>
          <span>{t('chat.pulling')}</span>
          <progress
            aria-label={t('chat.pulling')}
            max={model.total ?? 1}
            {...(model.total && { value: model.completed ?? 0 })}
          />
        </>
      )}
    </p>
  );
}

function useConnectionKey(client: ChatClient): WordKey | null {
  const state = useReadable(client.connection);
  const [shown, setShown] = useState<WordKey | null>(null);
  const [wasOnline, setWasOnline] = useState(false);
  if (state.phase === 'online' && !wasOnline) setWasOnline(true);
  const told = connectionKey(state, shown);
  // who was connected has lost the connection, whatever the next try met
  const key = told === 'chat.unreachable' && wasOnline ? 'chat.lost' : told;
  if (key !== shown) setShown(key);
  return key;
}
