import type { ReactNode, RefObject } from 'react';
import { useEffect, useRef, useState } from 'react';
import { AlertList } from './alert-list.tsx';
import { Announce } from './announce.tsx';
import { Bar } from './bar.tsx';
import { useNow } from './clock.ts';
import type { Changing, Reading } from './desk-api.ts';
import { News } from './news.tsx';
import { Now } from './now.tsx';
import { Opened } from './opened.tsx';
import { clockOf } from './sentences.ts';
import { isFresh, useWatch } from './watch.ts';
import type { Watch } from './watch.ts';

interface Props {
  reading: Reading;
  /** Null: nothing can be changed. */
  changing: Changing | null;
  onActor: (actor: string | null) => void;
  onLeave: (why: string | null) => void;
}

/** What somebody with a key sees. */
export function Desk({ reading, changing, onActor, onLeave }: Props): ReactNode {
  const { again, ...watch } = useWatch(reading, onLeave);
  const [openedId, setOpenedId] = useState<string | null>(null);
  const now = useNow();
  const { seen } = watch;
  const isLive = isFresh(watch, now);
  const serverNow = now + (seen?.aheadMs ?? 0);
  const heading = useReturn(openedId);
  return (
    <>
      <Bar {...{ isLive, changing, onActor }} seenAt={seen?.at ?? null} onForget={() => onLeave(null)} />
      {seen && <News alerts={seen.alerts} />}
      <main data-live={isLive}>
        <Away watch={watch} />
        {openedId !== null && (
          <Opened
            key={openedId}
            reading={reading}
            changing={changing}
            alertId={openedId}
            listed={seen?.alerts.find(({ alert_id: id }) => id === openedId) ?? null}
            now={serverNow}
            onChanged={again}
            onClose={() => setOpenedId(null)}
          />
        )}
        {openedId === null && seen && (
          <div className="columns">
            <div className="column">
              <AlertList
                heading={heading}
                alerts={seen.alerts}
                changing={changing}
                now={serverNow}
                onOpen={setOpenedId}
                onChanged={again}
              />
              {changing && <Announce changing={changing} />}
            </div>
            <Now nodes={seen.nodes} now={(isLive ? now : seen.at) + seen.aheadMs} />
          </div>
        )}
      </main>
    </>
  );
}

/** Nobody is to take what is old for what is now. */
function Away({ watch: { seen, fault } }: { watch: Watch }): ReactNode {
  return (
    <div role="alert">
      {fault !== null && (
        <p className="fault">
          {fault} {seen && `What is below was last seen at ${clockOf(seen.at)}.`}
        </p>
      )}
    </div>
  );
}

/** Where the focus goes when an alert was closed: its button may be gone. */
function useReturn(openedId: string | null): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(openedId);
  useEffect(() => {
    if (before.current !== null && openedId === null) heading.current?.focus();
    before.current = openedId;
  }, [openedId]);
  return heading;
}
