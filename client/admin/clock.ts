// The time, for what is told in "since".
import { useEffect, useState } from 'react';

const TICK_MS = 1_000;

/** Now, by the clock of this device; anew every second while somebody can see it. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
