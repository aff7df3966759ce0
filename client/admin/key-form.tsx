import type { FormEvent, ReactNode } from 'react';
import { useEffect, useId, useRef, useState } from 'react';
import { isOut } from '../sdk/errors.ts';
import { isKey, readingWith } from './desk-api.ts';
import { faultOf } from './sentences.ts';
import sign from './sign.svg';

const WRONG = 'That is not the operator key of this server.';

interface Props {
  /** Why a key that was handed in before does not count any more. */
  why: string | null;
  onKey: (key: string) => void;
}

/** All that is shown to somebody without a key. */
export function KeyForm({ why, onKey }: Props): ReactNode {
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const field = useId();
  useEffect(() => input.current?.focus(), []);
  const { fault, isBusy, knock } = useKnock(why, onKey, () => input.current?.focus());
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isBusy) void knock(text.trim());
  };
  return (
    <main className="door">
      <img src={sign} alt="" width="56" height="56" />
      <h1>Operator</h1>
      <p className="lead">What this server does now, and who on it may need a person.</p>
      <form onSubmit={submit}>
        <p className="fault" role="alert">
          {fault}
        </p>
        <div className="field">
          <label htmlFor={field}>Operator key</label>
          <input
            ref={input}
            id={field}
            type="password"
            value={text}
            autoComplete="off"
            spellCheck={false}
            aria-describedby={`${field}-hint`}
            aria-invalid={fault === WRONG}
            onChange={({ target }) => setText(target.value)}
          />
          <small id={`${field}-hint`}>It stays in this tab, and is gone when you close it.</small>
        </div>
        <p>
          <button className="main" aria-disabled={isBusy}>
            {isBusy ? 'Checking…' : 'Open'}
          </button>
        </p>
      </form>
    </main>
  );
}

interface Knocking {
  fault: string | null;
  isBusy: boolean;
  knock: (key: string) => Promise<void>;
}

function useKnock(why: string | null, onKey: Props['onKey'], onFault: () => void): Knocking {
  const [fault, setFault] = useState(why);
  const [isBusy, setBusy] = useState(false);
  const knock = async (key: string): Promise<void> => {
    setFault(null);
    setBusy(true);
    const found = await faultWith(key);
    setBusy(false);
    if (found === null) return onKey(key);
    setFault(found);
    onFault();
  };
  return { fault, isBusy, knock };
}

/** Null: the server knows the key. */
async function faultWith(key: string): Promise<string | null> {
  if (!isKey(key)) return WRONG;
  try {
    await readingWith(key).overview();
    return null;
  } catch (error) {
    return isOut(error) ? WRONG : faultOf(error);
  }
}
