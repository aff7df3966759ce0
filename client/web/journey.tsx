import type { ReactNode } from 'react';
import type { SessionInfo } from '../sdk/api.ts';
import { STEPS, stepOf } from './journey-steps.ts';
import { useWords } from './words.ts';

/** Where the stones lie on the path, from left to right. */
const stones = [
  [16, 30],
  [64, 20],
  [112, 27],
  [160, 17],
  [208, 24],
  [256, 14],
  [304, 20],
] as const;
const path =
  'M16 30 C36 30 44 20 64 20 S92 27 112 27 S140 17 160 17 S188 24 208 24 S236 14 256 14 S284 20 304 20';

/** How far a session has come, as seven stones on a path. While the process rests, it says so. */
export function Journey({ info }: { info: SessionInfo }): ReactNode {
  const { t } = useWords();
  const found = stepOf(info.current_substate);
  if (!found) return null;
  const { step } = found;
  const name = t(found.name);
  const isResting = info.safety.mode !== 'normal';
  const label = t(isResting ? 'parts.journey.label_resting' : 'parts.journey.label', {
    step,
    count: STEPS,
    name,
  });
  return (
    <div className="journey" role="img" aria-label={label} data-step={step} data-resting={isResting}>
      <svg viewBox="0 0 320 44" aria-hidden="true" focusable="false">
        <path className="journey-path" d={path} />
        {stones.map(([x, y], at) => (
          <Stone key={x} x={x} y={y} kind={kindOf(at + 1, step)} />
        ))}
      </svg>
      <span className="journey-name">{isResting ? t('parts.journey.resting') : name}</span>
    </div>
  );
}

type Kind = 'past' | 'here' | 'ahead';

function kindOf(stone: number, step: number): Kind {
  if (stone === step) return 'here';
  return stone < step ? 'past' : 'ahead';
}

function Stone({ x, y, kind }: { x: number; y: number; kind: Kind }): ReactNode {
  return (
    <g className="stone" data-kind={kind}>
      {kind === 'here' && <ellipse className="stone-light" cx={x} cy={y} rx={16} ry={13} />}
      <ellipse
        className="stone-body"
        cx={x}
        cy={y}
        rx={kind === 'here' ? 10.5 : 9}
        ry={kind === 'here' ? 8 : 6.5}
      />
    </g>
  );
}
