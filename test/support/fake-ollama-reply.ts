// The words of the fake Ollama: the same for the same model, conversation and seed. Pure.
import { createHash } from 'node:crypto';
import type { Behaviour, FakeMessage, PrefillHabit } from './fake-ollama-types.ts';

const plainWords =
  'what do you notice in your body right now as you say that slowly and gently where is it does it move or stay how big how warm let us stay with this feeling here'.split(
    ' ',
  );

/** Text that breaks careless code: pairs, joiners, marks, directions, controls, line ends, SSE field names. */
const hardWords = [
  '🌱',
  '👩‍👩‍👧‍👦',
  '🏳️‍🌈',
  '👍🏽',
  '🇩🇪',
  'e\u0301\u0323',
  'न\u094Dष',
  'שלום',
  '\u202Eمرحبا\u202C',
  'a\u0000b',
  'x\u2028y\u2029z',
  '\r\n',
  '\ndata: not a field\n',
  '\n\nevent: end\r\nid: 7\n\n',
  '"quoted\\"',
  '</script>',
  '\t',
  'ß\uFEFFﬃ',
  '𝒳',
];

/** The `i`-th number of an endless row that is made from `key`. */
function numbers(key: string): (i: number) => number {
  let block = -1;
  let digest = Buffer.alloc(0);
  return (i) => {
    const wanted = Math.floor(i / 8);
    if (wanted !== block) {
      block = wanted;
      digest = createHash('sha256').update(`${key} ${block}`).digest();
    }
    return digest.readUInt32BE((i % 8) * 4);
  };
}

function pick(list: readonly string[], n: number): string {
  return list[n % list.length] ?? '';
}

interface Source {
  model: string;
  messages: readonly FakeMessage[];
  seed: number;
}

/** The whole reply: the given text, or words made from the source. Always well-formed, never begins with a space. */
export function replyText(source: Source, behaviour: Behaviour): string {
  const { reply } = behaviour;
  if (typeof reply === 'string') return reply;
  if (reply) return reply(source.messages);
  const at = numbers(JSON.stringify([source.model, source.messages, source.seed]));
  const words: string[] = [];
  for (let i = 0; i < (behaviour.words ?? 40); i++) {
    const n = at(i);
    const word = pick(plainWords, n >>> 4);
    if (behaviour.hardText && i > 0 && (n & 3) === 0) words.push(pick(hardWords, n >>> 4));
    else words.push((n & 15) === 1 ? `${word}.` : word);
  }
  return words.join(' ');
}

export interface Conversation {
  /** The messages without a prefill. */
  messages: readonly FakeMessage[];
  prefill: string | null;
}

/** An assistant message at the end is the beginning of the reply. */
export function splitPrefill(messages: readonly FakeMessage[]): Conversation {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return { messages, prefill: null };
  return { messages: messages.slice(0, -1), prefill: last.content };
}

/** What follows the prefill in the reply, or undefined when the reply does not begin with it. */
function restAfter(reply: string, prefill: string): string | undefined {
  const trimmed = prefill.trimEnd();
  if (reply.startsWith(prefill)) return reply.slice(prefill.length);
  return reply.startsWith(trimmed) ? reply.slice(trimmed.length) : undefined;
}

/** What stands behind the last end of a sentence; the whole text when there is none. */
function lastSentence(text: string): string {
  return text.split(/(?<=[.!?] |\n)/u).at(-1) ?? text;
}

export interface Output {
  text: string;
  fits: boolean | null;
}

/** What the model says to a conversation with that prefill, by its habit. */
export function outputAfter(
  reply: string,
  prefill: string | null,
  habit: PrefillHabit,
  anew: () => string,
): Output {
  if (prefill === null) return { text: reply, fits: null };
  const rest = restAfter(reply, prefill);
  const fits = rest !== undefined;
  // A model goes on behind any words; these then are not of its own reply.
  const onwards = rest ?? ` ${anew()}`;
  const trimmed = prefill.trimEnd();
  const byHabit: Record<PrefillHabit, () => string> = {
    honoured: () => onwards,
    ignored: () => reply,
    'ignored-anew': anew,
    'repeats-prefix': () => prefill + onwards,
    'repeats-sentence': () => lastSentence(prefill) + onwards,
    'trims-prefix': () => restAfter(reply, trimmed) ?? onwards,
    'trims-output': () => onwards.trimStart(),
  };
  return { text: byHabit[habit](), fits };
}

const highSurrogate = /[\uD800-\uDBFF]$/;
const lowSurrogate = /^[\uDC00-\uDFFF]/;

/** Cuts a text as asked; by default one word with the white space before it. Together the pieces are the text. */
export function cutPieces(text: string, behaviour: Behaviour): string[] {
  const { pieceSize } = behaviour;
  if (pieceSize === undefined) return text.match(/\s*\S+|\s+$/gu) ?? [];
  const sizes = typeof pieceSize === 'number' ? [pieceSize] : pieceSize;
  const pieces: string[] = [];
  for (let from = 0, i = 0; from < text.length; i++) {
    let to = from + Math.max(1, sizes[i % sizes.length] ?? 1);
    const isInPair =
      highSurrogate.test(text.slice(0, to).slice(-1)) && lowSurrogate.test(text.slice(to, to + 1));
    if (isInPair && !behaviour.splitPairs) to++;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** The prompt as the template makes it: with the assistant's turn left open, or closed behind the prefill. */
export function renderTemplate(
  { messages, prefill }: Conversation,
  render: 'open' | 'trimmed' | 'closed',
): string {
  const turns = messages.map(({ role, content }) => `<|${role}|>\n${content}<|end|>\n`).join('');
  const begun = `${turns}<|assistant|>\n`;
  if (prefill === null) return begun;
  if (render === 'closed') return `${begun}${prefill}<|end|>\n<|assistant|>\n`;
  return begun + (render === 'trimmed' ? prefill.trimEnd() : prefill);
}

/** A unit vector made from the words of a text: texts that share words lie near each other. */
export function embedText(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const at = numbers(word);
    for (let i = 0; i < 8; i++) {
      const place = at(i) % dimensions;
      vector[place] = (vector[place] ?? 0) + ((at(i + 8) & 1) === 0 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((x) => x / length);
}
