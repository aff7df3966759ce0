import type { FormEvent, ReactNode } from 'react';
import { useId, useState } from 'react';
import type { Changing } from './desk-api.ts';
import { Outcome } from './outcome.tsx';
import { clockOf } from './sentences.ts';
import { Confirm } from './sheet.tsx';
import { useStep } from './use-step.ts';

const NOTICE_MAX = 2_000;

/** Words to everybody who is connected. */
export function Announce({ changing }: { changing: Changing }): ReactNode {
  const [text, setText] = useState('');
  const [isAsked, setAsked] = useState(false);
  const step = useStep(() => {});
  const field = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== '') setAsked(true);
  };
  const announce = async (): Promise<void> => {
    const isDone = await step.run(async () => {
      const { time, audited } = await changing.announce(text);
      const said = `Shown to everybody who was connected at ${clockOf(Date.parse(time))}.`;
      return audited ? said : `${said} The store was away: only the log of the server tells who did it.`;
    });
    if (isDone) setText('');
  };
  return (
    <section aria-labelledby="announce">
      <h2 id="announce">Notice to everybody</h2>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor={field}>What everybody is told</label>
          <textarea
            id={field}
            rows={3}
            value={text}
            maxLength={NOTICE_MAX}
            required
            onChange={({ target }) => setText(target.value)}
          />
        </div>
        <p className="row end">
          <button className="quiet" aria-disabled={step.isBusy}>
            Announce…
          </button>
        </p>
        <Outcome step={step} />
      </form>
      {isAsked && <Sure text={text} onYes={() => void announce()} onClose={() => setAsked(false)} />}
    </section>
  );
}

function Sure({ text, ...answers }: { text: string; onYes: () => void; onClose: () => void }): ReactNode {
  return (
    <Confirm title="Tell everybody?" yes="Tell everybody" {...answers}>
      <p>
        Everybody who is connected to any node sees this at once, whatever they are talking about. It cannot
        be taken back.
      </p>
      <blockquote>{text}</blockquote>
    </Confirm>
  );
}
