import type { ReactNode } from 'react';
import { Fragment, memo } from 'react';
import type { Activity, Remark, TurnView } from '../sdk/api.ts';
import type { Stop } from './chat.tsx';
import { sameItems } from './chunks.ts';
import { HumanName, Remarks } from './disclosure.tsx';
import { piecesOf } from './pieces.ts';
import { noteOf } from './turn-notes.ts';
import { VanishingButton } from './vanishing-button.tsx';
import type { WordKey } from './words.ts';
import { useWords } from './words.ts';

/** Running the last turn again. */
export interface Retry {
  readonly isAsked: boolean;
  readonly fault: WordKey | null;
  readonly ask: () => void;
}

interface ChunkProps {
  turns: readonly TurnView[];
  byTurn: ReadonlyMap<number, readonly Remark[]>;
  /** Names of the persons whose words the turns are, by `turn_id`. */
  names: ReadonlyMap<string, string>;
  isFar: boolean;
  /** These three are of the last turn of all. */
  activity: Activity | null;
  stop: Stop | null;
  retry: Retry | null;
}

const none: readonly Remark[] = [];

function isSameChunk(one: ChunkProps, other: ChunkProps): boolean {
  if (one.stop !== other.stop || one.retry !== other.retry || one.activity !== other.activity) return false;
  if (one.isFar !== other.isFar || !sameItems(one.turns, other.turns)) return false;
  if (one.byTurn === other.byTurn && one.names === other.names) return true;
  return one.turns.every(
    ({ n, turn_id: id }) =>
      sameItems(one.byTurn.get(n) ?? none, other.byTurn.get(n) ?? none) &&
      one.names.get(id) === other.names.get(id),
  );
}

/** Turns that are drawn together, and not at all where they are far out of sight. */
export const Chunk = memo(function Chunk(props: ChunkProps): ReactNode {
  const { turns, byTurn, names, isFar, activity, stop, retry } = props;
  const last = turns.at(-1);
  return (
    <div className="chunk" data-far={isFar} style={{ containIntrinsicSize: `auto ${turns.length * 14}rem` }}>
      {turns.map((turn) => (
        <TurnItem
          key={turn.turn_id}
          turn={turn}
          remarks={byTurn.get(turn.n) ?? none}
          name={names.get(turn.turn_id) ?? null}
          activity={turn === last ? activity : null}
          stop={turn === last ? stop : null}
          retry={turn === last ? retry : null}
        />
      ))}
    </div>
  );
}, isSameChunk);

interface TurnProps {
  turn: TurnView;
  remarks: readonly Remark[];
  name: string | null;
  activity: Activity | null;
  stop: Stop | null;
  retry: Retry | null;
}

function isSameTurn(one: TurnProps, other: TurnProps): boolean {
  return (
    one.turn === other.turn &&
    one.name === other.name &&
    one.activity === other.activity &&
    one.stop === other.stop &&
    one.retry === other.retry &&
    sameItems(one.remarks, other.remarks)
  );
}

const TurnItem = memo(function TurnItem({ turn, remarks, name, ...last }: TurnProps): ReactNode {
  const words = useWords();
  const { t } = words;
  const isLive = turn.state === 'queued' || turn.state === 'running';
  const isHuman = name !== null || turn.response?.source === 'human';
  const note = noteOf(turn, last, words);
  return (
    <article className="turn" data-n={turn.n} data-state={turn.state}>
      <span className="unseen">{t('chat.you')}:</span>
      <p className="said" dir="auto">
        {turn.user_input}
      </p>
      <Remarks remarks={remarks} />
      {isHuman ? <HumanName name={name} /> : <span className="unseen">{t('chat.guide')}:</span>}
      <Reply text={turn.text} isLive={isLive} />
      <p className="note">{note}</p>
      {last.retry && (
        <p className="row">
          <VanishingButton className="quiet-button" isBusy={last.retry.isAsked} onClick={last.retry.ask}>
            {t('chat.retry')}
          </VanishingButton>
        </p>
      )}
    </article>
  );
}, isSameTurn);

/** The words, exactly; in pieces, of which only the last changes while more come. */
function Reply({ text, isLive }: { text: string; isLive: boolean }): ReactNode {
  return (
    <p className="reply" dir="auto" aria-busy={isLive}>
      {piecesOf(text).map((piece, at) => (
        <Fragment key={at}>{piece}</Fragment>
      ))}
    </p>
  );
}
