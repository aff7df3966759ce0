import type { ReactNode } from 'react';
import { useEffect, useEffectEvent, useId, useRef } from 'react';
import { isLeaving, pressed } from './escape-presses.ts';
import { useWords } from './words.ts';

/** Hides everything at once, before anything else is done; style/parts.css says how. */
function hidePage(): void {
  document.documentElement.classList.add('leaving');
}

/** Leaves by the button, or by three presses of Escape; one that closes a dialog counts too. */
export function QuickExit({ onLeave }: { onLeave: () => void }): ReactNode {
  const { t } = useWords();
  const hint = useId();
  const presses = useRef<readonly number[]>([]);
  const leave = (): void => {
    hidePage();
    onLeave();
  };
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.repeat || event.isComposing) return;
    presses.current = pressed(presses.current, performance.now());
    const hasLeft = document.documentElement.classList.contains('leaving');
    if (!hasLeft && !isLeaving(presses.current)) return;
    // one press more would stop the browser on its way
    event.preventDefault();
    if (!hasLeft) leave();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => press(event);
    document.addEventListener('keydown', listener, { capture: true });
    return () => document.removeEventListener('keydown', listener, { capture: true });
  }, []);
  return (
    <>
      <button
        type="button"
        className="quick-exit"
        aria-describedby={hint}
        title={t('parts.leave.hint')}
        onClick={leave}
      >
        {t('parts.leave.now')}
      </button>
      <span id={hint} hidden>
        {t('parts.leave.hint')}
      </span>
    </>
  );
}
