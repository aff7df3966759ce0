import type { ReactNode } from 'react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Remark, TurnView } from '../sdk/api.ts';
import type { Transcript } from '../sdk/transcript.ts';
import type { Feed } from './feed.ts';
import { clockOf } from './sentences.ts';

/** Nearer to the end than this, the end stays in sight. */
const NEAR_PX = 80;

/** What is said in a session, as it comes. */
export function Talk({ feed }: { feed: Feed }): ReactNode {
  const { transcript, fault, at } = feed;
  const log = useRef<HTMLDivElement>(null);
  const isNear = useRef(true);
  useLayoutEffect(() => {
    const place = log.current;
    if (place && isNear.current) place.scrollTop = place.scrollHeight;
  }, [transcript]);
  const scrolled = (): void => {
    const place = log.current;
    if (place) isNear.current = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_PX;
  };
  return (
    <>
      <div role="alert">
        {fault !== null && (
          <p className="fault">
            {fault} {at > 0 && `These words are as of ${clockOf(at)}.`}
          </p>
        )}
      </div>
      {!transcript && fault === null && <p className="calm">Reading…</p>}
      {transcript && (
        <div
          ref={log}
          className="talk"
          role="log"
          aria-live="off"
          aria-label="What was said"
          tabIndex={0}
          onScroll={scrolled}
        >
          <Turns transcript={transcript} />
        </div>
      )}
      <Heard transcript={transcript} />
    </>
  );
}

/** New words of the person, read aloud. */
function Heard({ transcript }: { transcript: Transcript | null }): ReactNode {
  const turn = transcript?.live ?? transcript?.turns.at(-1);
  const [first, setFirst] = useState<number | null>(null);
  const n = turn?.n ?? null;
  useEffect(() => setFirst((before) => before ?? n), [n]);
  return (
    <p className="unseen" aria-live="polite">
      {turn && first !== null && turn.n > first && `The person: ${turn.user_input}`}
    </p>
  );
}

function Turns({ transcript }: { transcript: Transcript }): ReactNode {
  const { turns, live, remarks, humanTurns, hasEarlier } = transcript;
  const all = live ? [...turns, live] : turns;
  const last = all.at(-1)?.n ?? 0;
  return (
    <>
      {hasEarlier && <p className="hint">What was said before is not shown here.</p>}
      {all.map((turn) => (
        <Turn
          key={turn.turn_id}
          turn={turn}
          name={humanTurns.get(turn.turn_id) ?? null}
          remarks={remarks.filter(({ n }) => n === turn.n)}
        />
      ))}
      {remarks
        .filter(({ n }) => n > last)
        .map((remark) => (
          <Words key={remark.seq} {...wordsOf(remark)} />
        ))}
    </>
  );
}

const wordsOf = (remark: Remark): WordsProps =>
  remark.kind === 'human'
    ? { who: `${remark.name}, a person`, kind: 'human', text: remark.text }
    : { who: 'Disclosure', kind: 'notice', text: remark.text };

function Turn({
  turn,
  name,
  remarks,
}: {
  turn: TurnView;
  name: string | null;
  remarks: readonly Remark[];
}): ReactNode {
  const note = noteOf(turn);
  return (
    <>
      <Words who="The person" kind="said" text={turn.user_input} at={turn.started_at} />
      {remarks.map((remark) => (
        <Words key={remark.seq} {...wordsOf(remark)} />
      ))}
      {turn.text !== '' && <Words {...whoReplies(turn, name)} text={turn.text} />}
      {note !== '' && <p className="hint">{note}</p>}
    </>
  );
}

function whoReplies({ response }: TurnView, name: string | null): Pick<WordsProps, 'who' | 'kind'> {
  const source = response?.source;
  if (name !== null || source === 'human')
    return { who: name === null ? 'A person' : `${name}, a person`, kind: 'human' };
  return { who: source === 'safety' ? 'Fixed safety reply' : 'The guide', kind: 'reply' };
}

function noteOf({ state, text }: TurnView): string {
  if (state === 'cancelled') return 'This reply was stopped.';
  if (state === 'failed') return 'This reply broke off.';
  if (state === 'done') return '';
  return text === '' ? 'Nothing was answered yet.' : 'The reply goes on…';
}

interface WordsProps {
  who: string;
  kind: 'said' | 'reply' | 'human' | 'notice';
  text: string;
  at?: string;
}

function Words({ who, kind, text, at }: WordsProps): ReactNode {
  return (
    <div className="words" data-kind={kind}>
      <p className="speaker">
        {who}
        {at !== undefined && <time dateTime={at}> {clockOf(Date.parse(at))}</time>}
      </p>
      <p dir="auto">{text}</p>
    </div>
  );
}
