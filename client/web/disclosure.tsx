import type { ReactNode } from 'react';
import { useEffect, useState } from 'react';
import type { Remark, SessionInfo } from '../sdk/api.ts';
import { Filled } from './filled.tsx';
import { answering, timeText } from './takeover.ts';
import { useWords } from './words.ts';

/**
 * What a person must know, and what another person says. A disclosure of high prominence is bold and in capitals of 16 points; the
 * capitals are the style's, its text stays as it came. [US-30]
 */
export function Remarks({ remarks }: { remarks: readonly Remark[] }): ReactNode {
  return remarks.map((remark) =>
    remark.kind === 'disclosure' ? (
      <p key={remark.seq} className="remark disclosure" data-prominence={remark.prominence} dir="auto">
        {remark.text}
      </p>
    ) : (
      <div key={remark.seq} className="remark human-words">
        <HumanName name={remark.name} />
        <p className="human-text" dir="auto">
          {remark.text}
        </p>
      </div>
    ),
  );
}

/** Above the words of a person, who is not the guide; what came before this page was loaded may have no name. */
export function HumanName({ name }: { name: string | null }): ReactNode {
  const { t } = useWords();
  return (
    <p className="human-name">
      {name === null ? t('parts.remark.person') : <Filled text={t('parts.remark.human')} values={{ name }} />}
    </p>
  );
}

/** Whom the person talks with: an AI, or another person for as long as they have taken over. */
export function WhoAnswers({ info }: { info: SessionInfo | null }): ReactNode {
  const { t, language } = useWords();
  const human = useAnswering(info?.human ?? null);
  if (human === null) return <p className="who-answers">{t('parts.who.ai')}</p>;
  const time = timeText(human.until, language, Date.now());
  return (
    <p className="who-answers" data-human="true">
      <Filled text={t('parts.who.human')} values={{ name: human.name, time }} />
    </p>
  );
}

/** The person who answers, until their time is over: no event tells of its end. */
function useAnswering(human: SessionInfo['human']): SessionInfo['human'] {
  const [looked, setLooked] = useState(0);
  useEffect(() => {
    const { leftMs } = answering(human, Date.now());
    if (leftMs === null) return undefined;
    const timer = setTimeout(() => setLooked(looked + 1), leftMs);
    return () => clearTimeout(timer);
  }, [human, looked]);
  return answering(human, Date.now()).human;
}
