import type { ReactNode, RefObject } from 'react';
import type { Changing } from './desk-api.ts';
import { Outcome } from './outcome.tsx';
import { counted, deliveryOf, lengthOf, levels, sortedAlerts, statuses, urgencies } from './sentences.ts';
import { useStep } from './use-step.ts';
import type { Step } from './use-step.ts';
import type { Alert } from './views.ts';

interface Props {
  heading: RefObject<HTMLHeadingElement | null>;
  alerts: readonly Alert[];
  changing: Changing | null;
  /** By the clock of the server. */
  now: number;
  onOpen: (alertId: string) => void;
  onChanged: () => void;
}

/** Nobody's words, and no id of a session: those are behind the button. */
export function AlertList({ heading, alerts, changing, now, onOpen, onChanged }: Props): ReactNode {
  const step = useStep(onChanged);
  const sorted = sortedAlerts(alerts);
  const cleared = sorted.filter(({ status }) => status === 'cleared');
  const others = sorted.filter(({ status }) => status !== 'cleared');
  const open = others.filter(({ status }) => status === 'open').length;
  const onDone = (): void => heading.current?.focus();
  const cardOf = (alert: Alert): ReactNode => (
    <Card key={alert.alert_id} {...{ alert, changing, now, step, onOpen, onDone }} />
  );
  return (
    <section aria-labelledby="alerts">
      <h2 id="alerts" ref={heading} tabIndex={-1}>
        Safety alerts
        {open > 0 && <span className="count">{open} open</span>}
      </h2>
      {changing && <Outcome step={step} />}
      {others.length === 0 && <p className="calm">Nobody waits for you.</p>}
      <ul className="cards">{others.map(cardOf)}</ul>
      {cleared.length > 0 && (
        <details>
          <summary>{counted(cleared.length, 'alert')} cleared</summary>
          <ul className="cards">{cleared.map(cardOf)}</ul>
        </details>
      )}
    </section>
  );
}

interface CardProps {
  alert: Alert;
  changing: Changing | null;
  now: number;
  step: Step;
  onOpen: (alertId: string) => void;
  /** What was pressed will be gone. */
  onDone: () => void;
}

function Card({ alert, changing, now, step, onOpen, onDone }: CardProps): ReactNode {
  const { alert_id: id, level, status, urgency } = alert;
  const acknowledge = (changing: Changing): void =>
    void step.run(async () => {
      await changing.acknowledge(id);
      onDone();
      return 'Acknowledged. The person does not see that.';
    });
  return (
    <li className="card" data-status={status} data-urgency={urgency}>
      <h3>{levels[level]}</h3>
      <AlertFacts alert={alert} now={now} />
      <p className="row">
        <button type="button" className={status === 'open' ? 'main' : 'quiet'} onClick={() => onOpen(id)}>
          Show what was said
        </button>
        {changing && status === 'open' && (
          <button
            type="button"
            className="quiet"
            aria-disabled={step.isBusy}
            onClick={() => acknowledge(changing)}
          >
            Acknowledge
          </button>
        )}
      </p>
    </li>
  );
}

export function AlertFacts({ alert, now }: { alert: Alert; now: number }): ReactNode {
  const { level, status, urgency, time, status_at: statusAt, actor, unanswered } = alert;
  const since = (at: string): ReactNode => (
    <time dateTime={at} title={at}>
      {lengthOf(now - Date.parse(at))} ago
    </time>
  );
  return (
    <>
      <p className="chips">
        <span className="chip" data-urgency={urgency}>
          {urgencies[urgency]}
        </span>
        <span className="chip" data-status={status}>
          {statuses[status]}
        </span>
        {unanswered && (
          <span className="chip" data-unanswered>
            Nobody answered in time
          </span>
        )}
      </p>
      <p className="facts">
        <span>
          Raised {since(time)}, level <code>{level}</code>
        </span>
        {statusAt !== null && actor !== null && (
          <span>
            {statuses[status]} by {actor} {since(statusAt)}
          </span>
        )}
        <span data-fault={alert.delivery === 'dead'}>{deliveryOf(alert)}</span>
      </p>
    </>
  );
}
