import type { ReactNode } from 'react';
import { useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import type { ChatSession } from '../sdk/api.ts';
import { failureKey } from './failures.ts';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

/**
 * Asks once more. It covers the conversation but not the bar: the way out stays open, which a modal dialog would shut.
 */
export function DeleteDialog({ session, onClose }: { session: ChatSession; onClose: () => void }): ReactNode {
  const { t } = useWords();
  const title = useId();
  const { isBusy, fault, remove } = useDelete(session);
  const keep = useRef<HTMLButtonElement>(null);
  const press = useEffectEvent(({ key }: KeyboardEvent) => key === 'Escape' && onClose());
  useEffect(() => {
    keep.current?.focus();
    const pressed = (event: KeyboardEvent): void => void press(event);
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
  return (
    <div className="shade">
      <div className="dialog" role="dialog" aria-labelledby={title} aria-describedby={`${title}-about`}>
        <h2 id={title}>{t('chat.deleteTitle')}</h2>
        <p id={`${title}-about`}>{t('chat.deleteAbout')}</p>
        <p className="alert" role="alert">
          {fault && t('chat.deleteFailed', { reason: t(fault) })}
        </p>
        <p className="row">
          <button ref={keep} type="button" className="quiet-button" onClick={onClose}>
            {t('chat.keep')}
          </button>
          <button type="button" className="care-button" aria-disabled={isBusy} onClick={remove}>
            {t(isBusy ? 'chat.deleting' : 'chat.deleteAll')}
          </button>
        </p>
      </div>
    </div>
  );
}

function useDelete(session: ChatSession): { isBusy: boolean; fault: WordKey | null; remove: () => void } {
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<WordKey | null>(null);
  const remove = (): void => {
    if (isBusy) return;
    setBusy(true);
    setFault(null);
    session
      .delete()
      .catch((error: unknown) => setFault(failureKey(error)))
      .finally(() => setBusy(false));
  };
  return { isBusy, fault, remove };
}
