import type { FormEvent, ReactNode } from 'react';
import { useEffect, useId, useRef, useState } from 'react';
import type { Door } from './door.ts';
import sign from './favicon.svg';
import { Frame } from './frame.tsx';
import type { FrameProps } from './frame.tsx';
import { Site, Way } from './help-card.tsx';
import { telLink } from './help-links.ts';
import { settings } from './settings.ts';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

interface Props {
  door: Door;
  /** The conversation that is read; empty: none. */
  id: string;
}

/** All that is shown to somebody who has nothing to read yet. Help needs no token. */
export function TokenScreen({ door, id, ...frame }: Props & FrameProps): ReactNode {
  const { t } = useWords();
  return (
    <Frame {...frame}>
      <main className="start">
        <img className="sign" src={sign} alt="" width="56" height="56" />
        <h1>{t('chat.tokenTitle')}</h1>
        <p className="about">{t('chat.tokenAbout')}</p>
        <TokenForm door={door} id={id} isFirst />
        <p className="limits">{t('chat.limits')}</p>
      </main>
    </Frame>
  );
}

interface BarProps extends Props {
  /** Somebody tried to say something. */
  isHeld: boolean;
}

/** Above a conversation that can still be read. */
export function TokenBar({ door, id, isHeld }: BarProps): ReactNode {
  const { t } = useWords();
  return (
    <section className="token">
      <p role="status">{!isHeld && t('chat.tokenEnded')}</p>
      <p className="alert" role="alert">
        {isHeld && t('chat.tokenHeld')}
      </p>
      <TokenForm door={door} id={id} />
    </section>
  );
}

interface Knocking {
  fault: WordKey | null;
  isBusy: boolean;
  knock: (token: string) => void;
}

function useKnock({ door, id }: Props, onFault: () => void): Knocking {
  const [fault, setFault] = useState<WordKey | null>(null);
  const [isBusy, setBusy] = useState(false);
  const knock = async (token: string): Promise<void> => {
    setFault(null);
    setBusy(true);
    const found = await door.knock(token, id);
    setBusy(false);
    setFault(found);
    if (found) onFault();
  };
  return { fault, isBusy, knock: (token) => void (isBusy || knock(token)) };
}

function TokenForm({ isFirst = false, ...props }: Props & { isFirst?: boolean }): ReactNode {
  const { t } = useWords();
  const [token, setToken] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const field = useId();
  const { fault, isBusy, knock } = useKnock(props, () => input.current?.focus());
  // where nothing else is to be done; who reads or writes is left alone
  useEffect(() => {
    if (isFirst) input.current?.focus();
  }, [isFirst]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    knock(token);
  };
  return (
    <form onSubmit={submit}>
      <p className="alert" role="alert">
        {fault && t(fault)}
      </p>
      <div className="field">
        <label htmlFor={field}>{t('chat.token')}</label>
        <input
          ref={input}
          id={field}
          type="password"
          dir="ltr"
          value={token}
          autoComplete="off"
          spellCheck={false}
          aria-describedby={`${field}-hint`}
          aria-invalid={fault === 'chat.tokenWrong'}
          onChange={({ target }) => setToken(target.value)}
        />
        <small id={`${field}-hint`}>{t('chat.tokenHint')}</small>
      </div>
      <p className="row">
        <button className="main-button" aria-disabled={isBusy}>
          {t(isBusy ? 'chat.tokenChecking' : 'chat.tokenContinue')}
        </button>
      </p>
      <OpenHelp />
    </form>
  );
}

function OpenHelp(): ReactNode {
  const { t } = useWords();
  const { phone, url } = settings.help;
  return (
    <div className="token-help">
      <p>{t('chat.tokenHelp')}</p>
      <p className="help-ways">
        <Way href={telLink(phone)} text={t('parts.help.call')} values={{ phone }} />
        <Site url={url} />
      </p>
    </div>
  );
}
