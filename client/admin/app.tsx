import type { ReactNode } from 'react';
import { useCallback, useMemo, useState } from 'react';
import { changingWith, readingWith } from './desk-api.ts';
import { Desk } from './desk.tsx';
import { KeyForm } from './key-form.tsx';
import { ACTOR, keep, kept, KEY } from './tab.ts';

/** Without a key nothing is asked of the server; without a name nothing can be changed. */
export function App(): ReactNode {
  const [key, setKey] = useKept(KEY);
  const [actor, setActor] = useKept(ACTOR);
  const [why, setWhy] = useState<string | null>(null);
  const reading = useMemo(() => (key === null ? null : readingWith(key)), [key]);
  const changing = useMemo(
    () => (key === null || actor === null ? null : changingWith(key, actor)),
    [key, actor],
  );
  const leave = useCallback(
    (why: string | null) => {
      setKey(null);
      setActor(null);
      setWhy(why);
    },
    [setKey, setActor],
  );
  if (!reading) return <KeyForm why={why} onKey={setKey} />;
  return <Desk reading={reading} changing={changing} onActor={setActor} onLeave={leave} />;
}

/** Something that lives as long as the tab. */
function useKept(name: string): [string | null, (value: string | null) => void] {
  const [value, setValue] = useState(() => kept(name));
  const change = useCallback(
    (value: string | null) => {
      keep(name, value);
      setValue(value);
    },
    [name],
  );
  return [value, change];
}
