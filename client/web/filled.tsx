// A text with its values in it, each in its own direction: a number stays readable in Arabic, an Arabic name in English.
import type { ReactNode } from 'react';

export interface FilledProps {
  /** With its placeholders: `t(key)` without values. */
  text: string;
  values: Readonly<Record<string, string>>;
  /** For numbers; a name has the direction of its letters. */
  dir?: 'ltr' | 'auto';
}

export function Filled({ text, values, dir = 'auto' }: FilledProps): ReactNode {
  return text.split(/\{(\w+)\}/).map((part, at) =>
    at % 2 === 0 ? (
      part
    ) : (
      <bdi key={part} dir={dir}>
        {values[part] ?? `{${part}}`}
      </bdi>
    ),
  );
}
