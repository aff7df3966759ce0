import type { ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';
import type { SessionState } from '../sdk/api.ts';
import type { Stop } from './chat.tsx';
import { Narrator } from './sentences.ts';
import type { Line } from './sentences.ts';
import type { Words } from './words.ts';
import { useWords } from './words.ts';

/** Those before have been read by then. */
const LINES = 6;

interface Said {
  readonly key: number;
  readonly text: string;
}

/** Not seen but read aloud: whole sentences of the reply as they are finished, never single words, and how it ended. */
export function Announcer({ state, stop }: { state: SessionState; stop: Stop }): ReactNode {
  const words = useWords();
  const narrator = useRef<Narrator>(null);
  const [lines, setLines] = useState<readonly Said[]>([]);
  const { turns, live, remarks, phase } = state;
  const isStopping = stop.turnId !== null;
  useEffect(() => {
    if (phase !== 'following') return;
    narrator.current ??= new Narrator(words.language);
    const news = narrator.current.next({ turns, live, remarks, isStopping });
    if (news.length === 0) return;
    setLines((before) => {
      const from = (before.at(-1)?.key ?? 0) + 1;
      const added = news.map((line, at) => ({ key: from + at, text: textOf(line, words) }));
      return [...before.slice(-LINES), ...added];
    });
  }, [turns, live, remarks, phase, isStopping, words]);
  return (
    <div id="announcer" className="unseen" aria-live="polite">
      {lines.map(({ key, text }) => (
        <p key={key} dir="auto">
          {text}
        </p>
      ))}
    </div>
  );
}

function textOf(line: Line, { t }: Words): string {
  if (line.kind === 'words') return line.text;
  if (line.kind === 'stopping') return t('chat.stopping');
  return t(line.state === 'cancelled' ? 'chat.stopped' : 'chat.brokeOff');
}
