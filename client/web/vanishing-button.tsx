import type { ReactNode } from 'react';
import { useLayoutEffect, useRef } from 'react';

interface Props {
  className: string;
  /** Pressed already: it stays, and does nothing more. */
  isBusy?: boolean;
  onClick: () => void;
  children: ReactNode;
}

/** A button that goes away by itself: whoever was on it finds the focus in the conversation, not at the top of the page. */
export function VanishingButton({ className, isBusy = false, onClick, children }: Props): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const mine = button.current;
    return () => {
      if (mine === document.activeElement) document.getElementById('log')?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <button
      ref={button}
      type="button"
      className={className}
      aria-disabled={isBusy}
      onClick={isBusy ? undefined : onClick}
    >
      {children}
    </button>
  );
}
