// Third step of a turn: what a model is told.
import content from './content/prompt.en.json' with { type: 'json' };

export interface PromptMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface PromptParts {
  /** Earlier turns, oldest first. */
  turns: readonly { userInput: string; reply: string }[];
  /** What the person says now. */
  userInput: string;
  exemplars: readonly { clientExample: string; guideLine: string }[];
  locale: string | null;
}

/** Most UTF-16 units of earlier turns, about 3,000 tokens. A larger one delays the first word. */
export const HISTORY_MAX = 12_000;

const LOCALE = /^[a-z]{2,3}(?:[-_][a-z0-9]{2,8}){0,3}$/i;

/**
 * Takes the force out of the marks that chat templates read as the start or end of a role, by a space inside them. Only the copy
 * for the model is changed; what is stored and shown stays as it was written.
 */
export function neutralise(text: string): string {
  return text
    .replace(/<(?=[|｜/<_!a-z])/gi, '< ')
    .replace(/(?<=[|｜>])>/g, ' >')
    .replace(/\[(?=\/?[A-Z])/gi, '[ ');
}

function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (slot, name: string) => slots[name] ?? slot);
}

function systemPrompt({ exemplars, locale }: PromptParts): string {
  const lines = [...content.system];
  if (locale !== null && LOCALE.test(locale)) lines.push(fill(content.language, { locale }));
  if (exemplars.length > 0) lines.push(content.examples);
  for (const { clientExample, guideLine } of exemplars) {
    lines.push(fill(content.example, { person: neutralise(clientExample), guide: neutralise(guideLine) }));
  }
  return lines.join('\n');
}

/** The newest turns that fit into the budget, without a hole. A turn that ended without words leaves only the person's. */
function history(turns: PromptParts['turns']): PromptMessage[] {
  const kept: PromptMessage[][] = [];
  let left = HISTORY_MAX;
  for (const turn of turns.toReversed()) {
    left -= turn.userInput.length + turn.reply.length;
    if (left < 0) break;
    const said: PromptMessage[] = [{ role: 'user', content: neutralise(turn.userInput) }];
    if (turn.reply !== '') said.push({ role: 'assistant', content: neutralise(turn.reply) });
    kept.unshift(said);
  }
  return kept.flat();
}

/** System prompt first, then as much of the talk as fits, and last what the person says now, always whole. */
export function buildPrompt(parts: PromptParts): PromptMessage[] {
  return [
    { role: 'system', content: systemPrompt(parts) },
    ...history(parts.turns),
    { role: 'user', content: neutralise(parts.userInput) },
  ];
}
