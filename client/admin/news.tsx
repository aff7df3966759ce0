import type { ReactNode } from 'react';
import { useEffect, useState } from 'react';
import { counted, levels, urgencies } from './sentences.ts';
import type { Alert } from './views.ts';

const TITLE = 'Operator · Stillpoint';

interface Said {
  readonly key: number;
  readonly text: string;
  readonly isPressing: boolean;
}

interface Told {
  /** Ids of the open alerts that were told of; null: nothing yet. */
  readonly known: ReadonlySet<string> | null;
  readonly said: Said | null;
}

/** What is to be said of alerts that were not there before; the first time how many there are. */
function toldOf({ known, said }: Told, open: readonly Alert[]): Told {
  const fresh = open.filter(({ alert_id: id }) => known?.has(id) !== true);
  const next = new Set(open.map(({ alert_id: id }) => id));
  if (fresh.length === 0) return { known: next, said };
  const isPressing = fresh.some(({ urgency }) => urgency === 'immediate');
  const text =
    known === null || fresh.length > 1
      ? `${counted(fresh.length, 'safety alert')} open`
      : fresh.map(({ urgency, level }) => `New safety alert. ${urgencies[urgency]}: ${levels[level]}`).join();
  return { known: next, said: { key: (said?.key ?? 0) + 1, text, isPressing } };
}

/** Not seen: the count in the title of the tab, and what is read aloud, at once where it is pressing. */
export function News({ alerts }: { alerts: readonly Alert[] }): ReactNode {
  const [{ said }, setTold] = useState<Told>({ known: null, said: null });
  useEffect(() => {
    const open = alerts.filter(({ status }) => status === 'open');
    document.title = open.length === 0 ? TITLE : `(${open.length}) ${TITLE}`;
    setTold((before) => toldOf(before, open));
  }, [alerts]);
  useEffect(
    () => () => {
      document.title = TITLE;
    },
    [],
  );
  const polite = said && !said.isPressing && <p key={said.key}>{said.text}</p>;
  const pressing = said?.isPressing && <p key={said.key}>{said.text}</p>;
  return (
    <>
      <div className="unseen" aria-live="polite">
        {polite}
      </div>
      <div className="unseen" aria-live="assertive">
        {pressing}
      </div>
    </>
  );
}
