import type { ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';
import type { SessionInfo } from '../sdk/api.ts';
import { IN_MS, OUT_MS, phaseAt } from './breathing-pace.ts';
import type { Breath } from './breathing-pace.ts';
import { useWords } from './words.ts';
import type { WordKey } from './words.ts';

type AlphaCheckpoint = NonNullable<SessionInfo['alpha']>;

const steps = {
  LOWER_JAW: { step: 1, first: 'parts.breathing.jaw', again: 'parts.breathing.jaw_again' },
  RELAX_TONGUE: { step: 2, first: 'parts.breathing.tongue', again: 'parts.breathing.tongue_again' },
  BREATHE_SLOWER: { step: 3, first: 'parts.breathing.breath', again: 'parts.breathing.breath_again' },
} as const satisfies Record<AlphaCheckpoint['step'], { step: number; first: WordKey; again: WordKey }>;
const COUNT = Object.keys(steps).length;

/** Past the end of a half breath, so that a timer that fires early does not have to be set again. */
const LATE_MS = 4;

/** The half breath that is on. It stands still while `isRunning` is false, and goes on from there. */
function useBreath(isRunning: boolean): Breath {
  const elapsed = useRef(0);
  const [breath, setBreath] = useState(() => phaseAt(0));
  useEffect(() => {
    if (!isRunning) return undefined;
    const startedAt = performance.now() - elapsed.current;
    const wait = (): ReturnType<typeof setTimeout> =>
      setTimeout(
        () => {
          const next = phaseAt(performance.now() - startedAt);
          setBreath((shown) => (shown.half === next.half ? shown : next));
          timer = wait();
        },
        phaseAt(performance.now() - startedAt).leftMs + LATE_MS,
      );
    let timer = wait();
    return () => {
      clearTimeout(timer);
      elapsed.current = performance.now() - startedAt;
    };
  }, [isRunning]);
  return breath;
}

/** The step of the exercise in words, and a circle to breathe along with. It makes no sound. */
export function Breathing({ alpha }: { alpha: AlphaCheckpoint }): ReactNode {
  const { t } = useWords();
  const [isRunning, setRunning] = useState(true);
  const breath = useBreath(isRunning);
  const { step, first, again } = steps[alpha.step];
  const seconds = { in: IN_MS / 1000, out: OUT_MS / 1000 };
  return (
    <section className="breathing" aria-label={t('parts.breathing.label')}>
      <div className="breathing-picture" aria-hidden="true">
        {/* its animation begins anew with each half breath */}
        <div
          key={breath.half}
          className="breathing-circle"
          data-phase={breath.phase}
          data-running={isRunning}
          style={{ animationDelay: `-${Math.round(breath.goneMs)}ms` }}
        />
        <p className="breathing-word">
          {isRunning ? t(`parts.breathing.${breath.phase}`) : t('parts.breathing.paused')}
        </p>
      </div>
      <div className="breathing-words">
        <p className="breathing-step">{t('parts.breathing.step', { step, count: COUNT })}</p>
        <p className="breathing-instruction">{t(alpha.attempt === 1 ? first : again)}</p>
      </div>
      <div className="breathing-more">
        <p>
          {t('parts.breathing.pace', seconds)} {t('parts.breathing.stop')}
        </p>
        <button type="button" className="breathing-button" onClick={() => setRunning(!isRunning)}>
          {t(isRunning ? 'parts.breathing.pause' : 'parts.breathing.go_on')}
        </button>
      </div>
    </section>
  );
}
