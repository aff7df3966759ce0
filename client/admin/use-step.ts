import { useState } from 'react';
import { faultOf } from './sentences.ts';

export interface Step {
  readonly isBusy: boolean;
  /** What was done last. */
  readonly done: string | null;
  /** Why the last was not done. */
  readonly fault: string | null;
  /** Does it, unless something is being done, and tells of it in the words that come back; whether it was done. */
  readonly run: (act: () => Promise<string>) => Promise<boolean>;
}

/** One change at a time, and what came of it. */
export function useStep(onChanged: () => void): Step {
  const [isBusy, setBusy] = useState(false);
  const [told, setTold] = useState<{ done: string | null; fault: string | null }>({
    done: null,
    fault: null,
  });
  const run = async (act: () => Promise<string>): Promise<boolean> => {
    if (isBusy) return false;
    setBusy(true);
    setTold({ done: null, fault: null });
    try {
      const done = await act();
      setTold({ done, fault: null });
      return true;
    } catch (error) {
      setTold({ done: null, fault: faultOf(error) });
      return false;
    } finally {
      setBusy(false);
      onChanged();
    }
  };
  return { isBusy, ...told, run };
}
