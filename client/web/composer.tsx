import type { FormEvent, KeyboardEvent, ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';
import type { ChatSession } from '../sdk/api.ts';
import { useWords } from './words.ts';

interface Props {
  session: ChatSession;
  isLive: boolean;
  /** Words that were taken back to be changed. */
  returned: { readonly text: string } | null;
  onSay: (text: string) => void;
  /** Takes words that cannot be said now, and stay; null: they can. */
  onHold: ((text: string) => void) | null;
}

export function Composer({ session, isLive, returned, onSay, onHold }: Props): ReactNode {
  const { t } = useWords();
  const field = useRef<HTMLTextAreaElement>(null);
  const { text, setText } = useDraft(session, returned, field);
  const submit = (event?: FormEvent): void => {
    event?.preventDefault();
    field.current?.focus();
    if (text.trim() === '') return;
    if (onHold) return onHold(text);
    onSay(text);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // Enter that ends the composition of a character is not meant for us; 229 is what Safari has for it
    const isComposing = event.nativeEvent.isComposing || event.keyCode === 229;
    if (event.key !== 'Enter' || event.shiftKey || isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <form className="composer" onSubmit={submit}>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        value={text}
        aria-label={t('chat.words')}
        placeholder={t(isLive ? 'chat.writeLive' : 'chat.write')}
        enterKeyHint="send"
        onChange={({ target }) => setText(target.value)}
        onKeyDown={onKeyDown}
      />
      <button className="main-button">{t('chat.send')}</button>
    </form>
  );
}

/** What is typed; the session keeps it, so that a reload loses nothing. */
function useDraft(
  session: ChatSession,
  returned: Props['returned'],
  field: { current: HTMLTextAreaElement | null },
): { text: string; setText: (text: string) => void } {
  const [text, show] = useState(session.draft);
  const [taken, setTaken] = useState(returned);
  if (taken !== returned) {
    setTaken(returned);
    if (returned) show([returned.text, text].filter(Boolean).join('\n'));
  }
  useEffect(() => {
    session.keepDraft(text);
  }, [session, text]);
  useEffect(() => field.current?.focus(), [field, returned]);
  return { text, setText: show };
}
