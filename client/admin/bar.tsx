import type { FormEvent, ReactNode } from 'react';
import { useId, useState } from 'react';
import type { Changing } from './desk-api.ts';
import { Sheet } from './sheet.tsx';
import { clockOf } from './sentences.ts';
import sign from './sign.svg';

interface Props {
  /** When the server last answered; null: not yet. */
  seenAt: number | null;
  isLive: boolean;
  changing: Changing | null;
  onActor: (actor: string | null) => void;
  onForget: () => void;
}

export function Bar({ seenAt, isLive, changing, onActor, onForget }: Props): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const begin = (actor: string): void => {
    setAsked(false);
    onActor(actor);
  };
  return (
    <header className="bar" data-changing={changing !== null}>
      <h1>
        <img src={sign} alt="" width="28" height="28" />
        Operator
      </h1>
      <p className="line" data-live={isLive}>
        {lineOf(seenAt, isLive)}
      </p>
      <p className="who">{changing ? `Changes are made as ${changing.actor}` : 'Read-only'}</p>
      <button
        type="button"
        className="switch"
        role="switch"
        aria-checked={changing !== null}
        onClick={() => (changing ? onActor(null) : setAsked(true))}
      >
        <span>Allow changes</span>
      </button>
      <button type="button" className="quiet" onClick={onForget}>
        Forget the key
      </button>
      {isAsked && <NameSheet onName={begin} onClose={() => setAsked(false)} />}
    </header>
  );
}

function lineOf(seenAt: number | null, isLive: boolean): string {
  if (seenAt === null) return 'Asking the server…';
  return `${isLive ? 'Live' : 'Not live. Last seen'} ${clockOf(seenAt)}`;
}

interface NameProps {
  onName: (actor: string) => void;
  onClose: () => void;
}

/** Who changes something is in the audit. */
function NameSheet({ onName, onClose }: NameProps): ReactNode {
  const [name, setName] = useState('');
  const field = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') onName(name.trim());
  };
  return (
    <Sheet title="Allow changes" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor={field}>Your name</label>
          <input
            id={field}
            value={name}
            maxLength={200}
            required
            autoComplete="off"
            aria-describedby={`${field}-hint`}
            onChange={({ target }) => setName(target.value)}
          />
          <small id={`${field}-hint`}>
            It goes into the audit with every step, and stays there for ever: a short one that says little is
            best.
          </small>
        </div>
        <p className="row end">
          <button type="button" className="quiet" onClick={onClose}>
            Stay read-only
          </button>
          <button className="main">Allow changes</button>
        </p>
      </form>
    </Sheet>
  );
}
