import type { FormEvent, ReactNode } from 'react';
import { useId, useRef, useState } from 'react';
import type { SessionInfo } from '../sdk/api.ts';
import type { Changing } from './desk-api.ts';
import { Outcome } from './outcome.tsx';
import { Confirm } from './sheet.tsx';
import { useStep } from './use-step.ts';
import type { Step } from './use-step.ts';
import type { Alert } from './views.ts';

const MINUTES = 30;
const MINUTES_MAX = 1_440;
const WORDS_MAX = 16_000;

interface Props {
  changing: Changing;
  alert: Alert;
  /** Null: not read yet. */
  info: SessionInfo | null;
  /** By the clock of the server. */
  now: number;
  onChanged: () => void;
}

/** What a person can do about an alert, in the order in which it is done. */
export function Actions({ changing, alert, info, now, onChanged }: Props): ReactNode {
  const step = useStep(onChanged);
  const { alert_id: id, status } = alert;
  const isTaken = info?.human ? Date.parse(info.human.until) > now : false;
  const parts = { changing, id, step };
  // what was pressed may be gone afterwards
  const place = useRef<HTMLElement>(null);
  const onDone = (): void => place.current?.focus();
  return (
    <section ref={place} className="actions" aria-label="What you can do" tabIndex={-1}>
      <Outcome step={step} />
      {status === 'open' && (
        <p>
          <Act
            {...{ step, onDone }}
            name="Acknowledge"
            act={async () => {
              await changing.acknowledge(id);
              return 'Acknowledged. The person does not see that.';
            }}
          />
        </p>
      )}
      <TakeOver {...parts} isTaken={isTaken} />
      <Say {...parts} isTaken={isTaken} />
      <p className="row">
        {isTaken && (
          <Act
            {...{ step, onDone }}
            name="Give it back to the guide"
            act={async () => {
              await changing.release(id);
              return 'The guide answers again. The safety mode stays as it is.';
            }}
          />
        )}
        <Clear {...parts} />
      </p>
    </section>
  );
}

interface Parts {
  changing: Changing;
  id: string;
  step: Step;
}

interface ActProps {
  step: Step;
  name: string;
  act: () => Promise<string>;
  onDone: () => void;
}

function Act({ step, name, act, onDone }: ActProps): ReactNode {
  const press = async (): Promise<void> => {
    if (await step.run(act)) onDone();
  };
  return (
    <button type="button" className="quiet" aria-disabled={step.isBusy} onClick={() => void press()}>
      {name}
    </button>
  );
}

function TakeOver({ changing, id, step, isTaken }: Parts & { isTaken: boolean }): ReactNode {
  const [name, setName] = useState(changing.actor);
  const [minutes, setMinutes] = useState(String(MINUTES));
  const field = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void step.run(async () => {
      await changing.takeOver(id, { name: name.trim() || changing.actor, minutes: Number(minutes) });
      return `You answer for ${minutes} minutes, as ${name.trim() || changing.actor}. The person sees that.`;
    });
  };
  return (
    <form onSubmit={submit} aria-label={isTaken ? 'Renew' : 'Take over'}>
      <div className="row fields">
        <div className="field grows">
          <label htmlFor={`${field}-name`}>Name that the person sees</label>
          <input
            id={`${field}-name`}
            value={name}
            maxLength={200}
            autoComplete="off"
            onChange={({ target }) => setName(target.value)}
          />
        </div>
        <div className="field">
          <label htmlFor={`${field}-minutes`}>Minutes</label>
          <input
            id={`${field}-minutes`}
            type="number"
            inputMode="numeric"
            min={1}
            max={MINUTES_MAX}
            required
            value={minutes}
            onChange={({ target }) => setMinutes(target.value)}
          />
        </div>
        <button className={isTaken ? 'quiet' : 'main'} aria-disabled={step.isBusy}>
          {isTaken ? 'Renew' : 'Take over'}
        </button>
      </div>
    </form>
  );
}

/** It stays when the takeover ends: what was typed is not lost. */
function Say({ changing, id, step, isTaken }: Parts & { isTaken: boolean }): ReactNode {
  const [text, setText] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  const field = useId();
  const send = async (): Promise<void> => {
    const isSaid = await step.run(async () => {
      await changing.message(id, { text });
      return 'Said. The person sees it as the words of a person.';
    });
    if (isSaid) setText('');
    input.current?.focus();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isTaken && text.trim() !== '') void send();
  };
  return (
    <form onSubmit={submit}>
      <div className="field">
        <label htmlFor={field}>Say something</label>
        <textarea
          ref={input}
          id={field}
          rows={4}
          value={text}
          maxLength={WORDS_MAX}
          required
          dir="auto"
          aria-describedby={`${field}-hint`}
          onChange={({ target }) => setText(target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
          }}
        />
        <small id={`${field}-hint`}>
          {isTaken
            ? 'It is sent as it stands, unchecked. Never promise that somebody comes.'
            : 'Take the session over first: then it can be sent.'}
        </small>
      </div>
      <p className="row end">
        <button className="main" aria-disabled={step.isBusy || !isTaken} aria-describedby={`${field}-hint`}>
          Send
        </button>
      </p>
    </form>
  );
}

function Clear({ changing, id, step }: Parts): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const clear = (): void =>
    void step.run(async () => {
      await changing.clear(id);
      return 'Cleared. A check-in follows, and an offer to go on.';
    });
  return (
    <>
      <button type="button" className="quiet" aria-disabled={step.isBusy} onClick={() => setAsked(true)}>
        Clear…
      </button>
      {isAsked && (
        <Confirm title="End the crisis?" yes="End the crisis" onYes={clear} onClose={() => setAsked(false)}>
          <p>
            The session leaves its safety mode: the guide answers again, asks how the person is, and offers to
            go on. A takeover ends with it. It cannot be undone; a new sign of danger raises a new alert. The
            audit keeps that {changing.actor} did it.
          </p>
        </Confirm>
      )}
    </>
  );
}
