import { Component } from 'react';
import type { ReactNode } from 'react';
import { readPreference } from './preferences.ts';
import { leavePage } from './leave.ts';
import { QuickExit } from './quick-exit.tsx';
import { chooseLanguage, createWords, WordsProvider } from './words.ts';

interface Props {
  children: ReactNode;
}

/** What is shown when the page itself fails: nobody is left before an empty one. */
export class FaultScreen extends Component<Props, { isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError(): { isBroken: boolean } {
    return { isBroken: true };
  }

  override render(): ReactNode {
    if (!this.state.isBroken) return this.props.children;
    const words = createWords(chooseLanguage(readPreference('language'), navigator.languages));
    return (
      <WordsProvider value={words}>
        <div className="frame">
          <header className="bar">
            <p className="brand">{words.t('chat.title')}</p>
            <QuickExit onLeave={leavePage} />
          </header>
          <main className="start">
            <p role="alert">{words.t('chat.fault')}</p>
            <p className="row">
              <button type="button" className="main-button" onClick={() => location.reload()}>
                {words.t('chat.reload')}
              </button>
            </p>
          </main>
        </div>
      </WordsProvider>
    );
  }
}
