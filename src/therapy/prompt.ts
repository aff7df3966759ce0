// Third step of a turn: what a model is told.
import content from './content/prompt.en.json' with { type: 'json' };
import { answeredBy } from './memory.ts';
import type { Slots } from './memory.ts';

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
  /** What is remembered of the person, whatever of the talk fits below. */
  slots: Slots;
  /** The name of the state that is spoken from. */
  step: string;
  /** What the guide's content says here. */
  line: string;
  /** Whether the guided process rests because of a risk. */
  rests: boolean;
  /** What the guide calls itself. */
  guideName: string;
  /** Tokens the messages may take together. */
  roomTokens: number;
}

/** What a model is told about itself and must not repeat. */
export const ownInstructions: readonly string[] = [...content.system, ...content.resting];

/** Most tokens of earlier turns. More of them would delay the first word. */
export const HISTORY_TOKENS = 3_000;
/** Most tokens of examples, and most of the room. */
const EXAMPLES_TOKENS = 600;
const EXAMPLES_SHARE = 1 / 8;
/** At least so much of what the person says now is kept, its beginning and its end. */
const INPUT_MIN_TOKENS = 256;
/** What a template of a model adds to each message. */
const MESSAGE_TOKENS = 8;

const LOCALE = /^[a-z]{2,3}(?:[-_][a-z0-9]{2,8}){0,3}$/i;

/**
 * Takes the force out of the marks that chat templates and our own fence read as the start or end of a part, by a space inside them.
 * Only the copy for the model is changed; what is stored and shown stays as it was written.
 */
export function neutralise(text: string): string {
  return text
    .replace(/<(?=[|｜/<_!a-z0-9])/gi, '< ')
    .replace(/(?<=[|｜>])>/g, ' >')
    .replace(/\[(?=\/?[A-Z])/gi, '[ ');
}

/** What the person wrote, as data. */
export const fence = (text: string): string => `<person>\n${neutralise(text)}\n</person>`;

/** Above what tokenizers make of it: three and a half letters of plain text a token but each word one, digits and other scripts one each. */
export function tokensOf(text: string): number {
  // eslint-disable-next-line no-control-regex -- all of ASCII
  const plain = text.match(/[\x00-\x7f]/g)?.length ?? 0;
  const words = text.match(/\S+/g)?.length ?? 0;
  const digits = text.match(/\d/g)?.length ?? 0;
  return Math.ceil(Math.max(plain / 3.5, words)) + digits + (text.length - plain);
}

export function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (slot, name: string) => slots[name] ?? slot);
}

function memoryLines(slots: Slots): string[] {
  const { known, memory, answered, topics } = content;
  const told = (['goal', 'trouble', 'emotion', 'location', 'sensation'] as const).flatMap((name) => {
    const value = slots[name];
    return value === null ? [] : [fill(known[name], { [name]: value })];
  });
  const closed = answeredBy(slots).map((name) => topics[name]);
  return [
    ...(told.length > 0 ? [memory, ...told] : []),
    ...(closed.length > 0 ? [fill(answered, { topics: closed.join('; ') })] : []),
  ];
}

/** One line each, however it was written: an example has two parts and no more. */
const oneLine = (text: string): string => neutralise(text.replace(/\s+/g, ' ').trim());

/** As many as have room, best first. */
function exampleLines({ exemplars, roomTokens }: PromptParts): string[] {
  const kept: string[] = [];
  let left = Math.min(EXAMPLES_TOKENS, roomTokens * EXAMPLES_SHARE);
  for (const { clientExample, guideLine } of exemplars) {
    const text = fill(content.example, { person: oneLine(clientExample), guide: oneLine(guideLine) });
    const tokens = tokensOf(text);
    if (tokens > left) continue;
    left -= tokens;
    kept.push(text);
  }
  return kept.length > 0 ? [content.examples, ...kept] : [];
}

function systemPrompt(parts: PromptParts): string {
  const { locale, slots, step, line, rests, guideName } = parts;
  const lines = [fill(content.name, { name: guideName }), ...(rests ? content.resting : content.system)];
  if (locale !== null && LOCALE.test(locale)) lines.push(fill(content.language, { locale }));
  lines.push(...exampleLines(parts));
  if (rests) return [...lines, content.restingLine, line].join('\n');
  lines.push(...memoryLines(slots), fill(content.step, { step }));
  if (line !== '') lines.push(content.line, line);
  return lines.join('\n');
}

/** The newest turns that fit, without a hole. A turn that ended without words leaves only the person's. */
function history(turns: PromptParts['turns'], tokens: number): PromptMessage[] {
  const kept: PromptMessage[][] = [];
  let left = tokens;
  for (const turn of turns.toReversed()) {
    left -= tokensOf(turn.userInput) + tokensOf(turn.reply) + 2 * MESSAGE_TOKENS;
    if (left < 0) break;
    const said: PromptMessage[] = [{ role: 'user', content: neutralise(turn.userInput) }];
    if (turn.reply !== '') said.push({ role: 'assistant', content: neutralise(turn.reply) });
    kept.unshift(said);
  }
  return kept.flat();
}

/** The whole text, or when that is too long its beginning and its end. */
export function fit(text: string, tokens: number): string {
  if (tokensOf(text) <= tokens) return text;
  const half = Math.floor(tokens / 2);
  return `${text.slice(0, half)}${content.cut}${text.slice(-half)}`.toWellFormed();
}

/** System prompt first, then as much of the talk as fits, and last what the person says now. */
export function buildPrompt(parts: PromptParts): PromptMessage[] {
  const system = systemPrompt(parts);
  const room = parts.roomTokens - tokensOf(system) - 2 * MESSAGE_TOKENS;
  const input = fit(parts.userInput, Math.max(INPUT_MIN_TOKENS, room));
  const left = Math.min(HISTORY_TOKENS, room - tokensOf(input));
  return [
    { role: 'system', content: system },
    ...history(parts.turns, left),
    { role: 'user', content: neutralise(input) },
  ];
}
