import type { ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';
import { Actions } from './actions.tsx';
import { AlertFacts } from './alert-list.tsx';
import type { Changing, Reading } from './desk-api.ts';
import { useFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { counted, levels, lengthOf, modes } from './sentences.ts';
import { Talk } from './talk.tsx';
import type { Alert } from './views.ts';

interface Props {
  reading: Reading;
  changing: Changing | null;
  alertId: string;
  /** As the list has it; null: it is not in it any more. */
  listed: Alert | null;
  /** By the clock of the server. */
  now: number;
  onChanged: () => void;
  onClose: () => void;
}

/** One alert with its session: the only place where somebody's words are shown. */
export function Opened({ reading, changing, alertId, listed, now, onChanged, onClose }: Props): ReactNode {
  const [round, setRound] = useState(0);
  const feed = useFeed(reading, alertId, round);
  const alert = listed ?? feed.alert;
  const changed = (): void => {
    setRound((n) => n + 1);
    onChanged();
  };
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const info = feed.transcript?.info ?? null;
  return (
    <section className="opened" aria-labelledby="opened">
      <p>
        <button type="button" className="quiet" onClick={onClose}>
          Back to all
        </button>
      </p>
      <h2 id="opened" ref={heading} tabIndex={-1}>
        {alert ? levels[alert.level] : 'An alert'}
      </h2>
      <div className="columns">
        <div className="column">
          <Talk feed={feed} />
        </div>
        <div className="column">
          {alert && <AlertFacts alert={alert} now={now} />}
          {changing && alert && (
            <Actions {...{ changing, alert, info, now }} onChanged={changed} key={changing.actor} />
          )}
          {!changing && (
            <p className="hint">
              You only read. To acknowledge, answer or end the crisis, switch on “Allow changes” above.
            </p>
          )}
          {info && <State feed={feed} now={now} />}
        </div>
      </div>
    </section>
  );
}

function State({ feed, now }: { feed: Feed; now: number }): ReactNode {
  const info = feed.transcript?.info;
  if (!info) return null;
  const { safety, human, locale, country } = info;
  const untilMs = human ? Date.parse(human.until) - now : 0;
  const rows: readonly [string, ReactNode][] = [
    ['Safety mode', modes[safety.mode]],
    ['Who answers', human && untilMs > 0 ? `${human.name}, for ${lengthOf(untilMs)} more` : 'the guide'],
    ['Who follows', counted(feed.followers, 'connection')],
    ['Last word', `${lengthOf(now - Date.parse(info.last_interaction))} ago`],
    ['Place and language', [country, locale].filter(Boolean).join(', ') || 'not told'],
    ['Session', <code key="id">{info.session_id}</code>],
  ];
  return (
    <dl className="pairs" aria-label="The session">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
