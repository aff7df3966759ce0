import type { ReactNode } from 'react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useState } from 'react';
import { flushSync } from 'react-dom';
import { addressOf, idInAddress } from './address.ts';
import { Chat } from './chat.tsx';
import { useDoor } from './door.ts';
import { leavePage, tellOtherTabs, watchLeaving } from './leave.ts';
import { keepPreference, readPreference } from './preferences.ts';
import { useNotice } from './notice.tsx';
import { Start } from './start.tsx';
import type { StartNotice } from './start.tsx';
import { TokenScreen } from './token-form.tsx';
import { chooseLanguage, createWords, WordsProvider } from './words.ts';
import type { Language, Words } from './words.ts';

type Screen =
  /** `isBegun`: to be begun as soon as it can be. */
  | { kind: 'start'; id: string; notice: StartNotice | null; isBegun?: boolean }
  | { kind: 'chat'; id: string }
  /** Nothing is shown any more: somebody has to be gone at once. */
  | { kind: 'left' };

function screenInAddress(): Screen {
  const id = idInAddress(location);
  return id === null ? { kind: 'start', id: '', notice: null } : { kind: 'chat', id };
}

export function App(): ReactNode {
  const { client, door } = useDoor();
  const [words, setLanguage] = useLanguage();
  const [screen, show] = useScreen();
  const begin = useCallback((id: string) => show({ kind: 'chat', id }), [show]);
  const end = useCallback(
    (id: string, notice: StartNotice | null) => show({ kind: 'start', id, notice }),
    [show],
  );
  const wait = useCallback((id: string) => show({ kind: 'start', id, notice: null, isBegun: true }), [show]);
  const depart = useCallback(() => {
    flushSync(() => show({ kind: 'left' }));
    try {
      client.close();
    } finally {
      leavePage();
    }
  }, [client, show]);
  useEffect(() => watchLeaving(depart), [depart]);
  const leave = (): void => {
    tellOtherTabs();
    depart();
  };
  const said = useNotice(client);
  const frame = { client, said, onLeave: leave, onLanguage: setLanguage };
  return (
    <WordsProvider value={words}>
      {screen.kind === 'start' &&
        (door.isShut ? (
          <TokenScreen {...frame} door={door} id="" />
        ) : (
          <Start key={`${screen.notice} ${screen.id}`} {...frame} {...screen} onBegin={begin} onShut={wait} />
        ))}
      {screen.kind === 'chat' && <Chat key={screen.id} {...frame} door={door} id={screen.id} onEnd={end} />}
    </WordsProvider>
  );
}

function useLanguage(): [Words, (language: Language) => void] {
  const [language, setLanguage] = useState(() =>
    chooseLanguage(readPreference('language'), navigator.languages),
  );
  const words = useMemo(() => createWords(language), [language]);
  useLayoutEffect(() => {
    document.documentElement.lang = words.language;
    document.documentElement.dir = words.dir;
  }, [words]);
  const change = useCallback((wanted: Language) => {
    keepPreference('language', wanted);
    setLanguage(wanted);
  }, []);
  return [words, change];
}

/** What is shown, and its address; the history of the browser gets no entry by it. */
function useScreen(): [Screen, (screen: Screen) => void] {
  const [screen, setScreen] = useState(screenInAddress);
  const id = screen.kind === 'chat' ? screen.id : null;
  const { kind } = screen;
  useEffect(() => {
    if (kind !== 'left') history.replaceState(null, '', addressOf(location.pathname, id));
  }, [kind, id]);
  useEffect(() => {
    const follow = (): void => setScreen(screenInAddress());
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return [screen, setScreen];
}
