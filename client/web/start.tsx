import type { FormEvent, ReactNode } from 'react';
import { useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import type { ChatClient } from '../sdk/api.ts';
import { ChatError } from '../sdk/errors.ts';
import sign from './favicon.svg';
import { failureKey } from './failures.ts';
import { Frame } from './frame.tsx';
import type { FrameProps } from './frame.tsx';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

/** Why somebody is back at the start. */
export type StartNotice = 'unknown' | 'deleted';

interface Props extends FrameProps {
  id: string;
  notice: StartNotice | null;
  /** Begins at once: it was asked for before somebody was let in. */
  isBegun?: boolean;
  onBegin: (id: string) => void;
  /** The server lets nobody in without a token. */
  onShut: (id: string) => void;
}

const notices = { unknown: 'chat.unknown', deleted: 'chat.deleted' } as const;

export function Start({ id: givenId, notice, isBegun = false, onBegin, onShut, ...frame }: Props): ReactNode {
  const { t } = useWords();
  const [id, setId] = useState(givenId);
  const { fault, isBusy, begin } = useBegin(frame.client, onBegin, onShut);
  const beginAtOnce = useEffectEvent(() => begin(givenId));
  useEffect(() => {
    if (isBegun) beginAtOnce();
  }, [isBegun]);
  const shown = fault ?? (notice && notices[notice]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isBusy) begin(id);
  };
  return (
    <Frame {...frame}>
      <main className="start">
        <img className="sign" src={sign} alt="" width="56" height="56" />
        <h1>{t('chat.welcome')}</h1>
        <p className="about">{t('chat.about')}</p>
        <form onSubmit={submit}>
          <p className="alert" role="alert">
            {shown && t(shown)}
          </p>
          <p className="row">
            <button className="main-button" aria-disabled={isBusy}>
              {t(isBusy ? 'chat.beginning' : 'chat.begin')}
            </button>
            {fault === 'chat.taken' && <OpenButton onOpen={() => onBegin(id)} />}
          </p>
          <IdField id={id} onChange={setId} />
        </form>
        <p className="limits">{t('chat.limits')}</p>
      </main>
    </Frame>
  );
}

function IdField({ id, onChange }: { id: string; onChange: (id: string) => void }): ReactNode {
  const { t } = useWords();
  const field = useId();
  return (
    <div className="field">
      <label htmlFor={field}>{t('chat.id')}</label>
      <input
        id={field}
        dir="auto"
        value={id}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        aria-describedby={`${field}-hint`}
        onChange={({ target }) => onChange(target.value)}
      />
      <small id={`${field}-hint`}>{t('chat.idHint')}</small>
    </div>
  );
}

/** Comes into focus: it is what most people want then. */
function OpenButton({ onOpen }: { onOpen: () => void }): ReactNode {
  const { t } = useWords();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <button ref={button} type="button" className="quiet-button" onClick={onOpen}>
      {t('chat.open')}
    </button>
  );
}

/** The language of the page, with the country of the browser where both agree: the numbers for help come from it. */
function localeFor(language: string): string {
  const [first = language] = navigator.languages;
  return first.toLowerCase().split('-')[0] === language ? first : language;
}

interface Beginning {
  fault: WordKey | null;
  isBusy: boolean;
  begin: (id: string) => void;
}

function useBegin(
  client: ChatClient,
  onBegin: (id: string) => void,
  onShut: (id: string) => void,
): Beginning {
  const { language } = useWords();
  const [fault, setFault] = useState<WordKey | null>(null);
  const [isBusy, setBusy] = useState(false);
  const create = async (id: string): Promise<void> => {
    const session = await client.create({ session_id: id === '' ? null : id, locale: localeFor(language) });
    if (session.id !== null) onBegin(session.id);
  };
  const begin = (id: string): void => {
    setFault(null);
    setBusy(true);
    create(id)
      .catch((error: unknown) => {
        const code = error instanceof ChatError ? error.code : null;
        if (code === 'UNAUTHENTICATED') onShut(id);
        else setFault(code === 'SESSION_CONFLICT' ? 'chat.taken' : failureKey(error));
      })
      .finally(() => setBusy(false));
  };
  return { fault, isBusy, begin };
}
