import type { ReactNode } from 'react';
import type { Step } from './use-step.ts';

/** What came of the last step, for the eye and the ear. */
export function Outcome({ step }: { step: Step }): ReactNode {
  return (
    <>
      <p className="done" role="status">
        {step.done}
      </p>
      <p className="fault" role="alert">
        {step.fault}
      </p>
    </>
  );
}
