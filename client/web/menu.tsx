import type { ReactNode, RefObject } from 'react';
import { useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import type { ChatSession } from '../sdk/api.ts';
import { failureKey } from './failures.ts';
import { keepPreference } from './preferences.ts';
import { copyText, saveFile } from './save.ts';
import { applyTheme, chosenTheme, isTheme, themes } from './theme.ts';
import { transcriptOf } from './transcript.ts';
import { isLanguage, languageNames, languages, useWords } from './words.ts';
import type { Language, Words } from './words.ts';

interface Props {
  session?: ChatSession | undefined;
  onLanguage: (language: Language) => void;
  onNew?: (() => void) | undefined;
  onDelete: () => void;
  /** Where the focus comes back to. */
  button: RefObject<HTMLButtonElement | null>;
}

/** What is not needed at every moment. */
export function Menu({ session, onLanguage, onNew, onDelete, button }: Props): ReactNode {
  const { t } = useWords();
  const panel = useId();
  const [isOpen, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  useClosing(place, isOpen, (isByKey) => {
    setOpen(false);
    if (isByKey) button.current?.focus();
  });
  return (
    <div className="menu" ref={place}>
      <button
        ref={button}
        type="button"
        className="quiet-button"
        aria-expanded={isOpen}
        aria-controls={panel}
        onClick={() => setOpen(!isOpen)}
      >
        {t('chat.menu')}
      </button>
      <div className="menu-panel" id={panel} hidden={!isOpen}>
        {isOpen && session && onNew && (
          <SessionItems
            session={session}
            onNew={onNew}
            onDelete={() => {
              setOpen(false);
              onDelete();
            }}
          />
        )}
        {isOpen && <Choices onLanguage={onLanguage} />}
      </div>
    </div>
  );
}

/** By Escape, by a press beside it, and where the focus goes elsewhere. */
function useClosing(
  place: RefObject<HTMLDivElement | null>,
  isOpen: boolean,
  close: (isByKey: boolean) => void,
): void {
  const press = useEffectEvent(({ key }: KeyboardEvent) => {
    if (key === 'Escape') close(true);
  });
  const leave = useEffectEvent(({ target }: Event) => {
    if (target instanceof Node && !place.current?.contains(target)) close(false);
  });
  useEffect(() => {
    if (!isOpen) return undefined;
    const pressed = (event: KeyboardEvent): void => press(event);
    const left = (event: Event): void => leave(event);
    document.addEventListener('keydown', pressed);
    document.addEventListener('pointerdown', left);
    document.addEventListener('focusin', left);
    return () => {
      document.removeEventListener('keydown', pressed);
      document.removeEventListener('pointerdown', left);
      document.removeEventListener('focusin', left);
    };
  }, [isOpen]);
}

interface ItemsProps {
  session: ChatSession;
  onNew: () => void;
  onDelete: () => void;
}

function SessionItems({ session, onNew, onDelete }: ItemsProps): ReactNode {
  const words = useWords();
  const { t } = words;
  const [said, setSaid] = useState('');
  const save = (write: (session: ChatSession, words: Words) => Promise<void>): void => {
    setSaid('');
    write(session, words).catch((error: unknown) => {
      setSaid(t('chat.saveFailed', { reason: t(failureKey(error)) }));
    });
  };
  const copy = async (): Promise<void> =>
    setSaid(t((await copyText(location.href)) ? 'chat.copied' : 'chat.notCopied'));
  return (
    <>
      <button type="button" onClick={onNew}>
        {t('chat.newConversation')}
      </button>
      <button type="button" onClick={() => void copy()}>
        {t('chat.copyLink')}
      </button>
      <button type="button" onClick={() => save(saveData)}>
        {t('chat.save')}
      </button>
      <button type="button" onClick={() => save(saveTranscript)}>
        {t('chat.saveText')}
      </button>
      <button type="button" className="care" onClick={onDelete}>
        {t('chat.delete')}
      </button>
      <p className="menu-said" aria-live="polite">
        {said}
      </p>
      <p className="menu-id">
        {t('chat.thisConversation', { id: '' })}
        <bdi>{session.id}</bdi>
      </p>
    </>
  );
}

/** Of letters that every system can have in a name; never of the id, which may tell who it is. */
const fileName = (ending: string): string =>
  `conversation-${new Date().toISOString().slice(0, 10)}.${ending}`;

async function saveData(session: ChatSession): Promise<void> {
  saveFile(fileName('json'), 'application/json', `${JSON.stringify(await session.export(), null, 2)}\n`);
}

async function saveTranscript(session: ChatSession, words: Words): Promise<void> {
  saveFile(fileName('txt'), 'text/plain', transcriptOf(await session.export(), words));
}

function Choices({ onLanguage }: { onLanguage: (language: Language) => void }): ReactNode {
  const { t, language } = useWords();
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <div className="choices">
      <label>
        <span>{t('chat.language')}</span>
        <select
          value={language}
          onChange={({ target }) => isLanguage(target.value) && onLanguage(target.value)}
        >
          {languages.map((each) => (
            <option key={each} value={each} lang={each}>
              {languageNames[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('chat.appearance')}</span>
        <select
          value={theme}
          onChange={({ target }) => {
            if (!isTheme(target.value)) return;
            keepPreference('theme', target.value);
            applyTheme(target.value);
            setTheme(target.value);
          }}
        >
          {themes.map((each) => (
            <option key={each} value={each}>
              {t(`chat.${each}`)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
