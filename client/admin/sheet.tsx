import type { ReactNode } from 'react';
import { useId, useLayoutEffect, useRef } from 'react';

interface Props {
  title: string;
  children: ReactNode;
  onClose: () => void;
}

/** Over everything else, until it is answered; Escape closes it. */
export function Sheet({ title, children, onClose }: Props): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useId();
  // closed before it is taken away: the focus goes back to where it was
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} className="sheet" aria-labelledby={name} onClose={onClose}>
      <h2 id={name}>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps extends Props {
  /** What is on the button that does it. */
  yes: string;
  onYes: () => void;
}

/** Says what a step does before it is done. */
export function Confirm({ yes, onYes, children, ...sheet }: ConfirmProps): ReactNode {
  return (
    <Sheet {...sheet}>
      {children}
      <p className="row end">
        <button type="button" className="quiet" onClick={sheet.onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="care"
          onClick={() => {
            sheet.onClose();
            onYes();
          }}
        >
          {yes}
        </button>
      </p>
    </Sheet>
  );
}
