// The findings as people and programs read them.
import type { Finding } from './finding.ts';

const WORD = 4;
const RESET = '\u001B[0m';
const DIM = '\u001B[2m';
const colours = { ok: '\u001B[32m', warn: '\u001B[33m', fail: '\u001B[31m' } as const;

/** What others said may hold anything, also what moves a cursor. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').trimEnd();

/** Lines in columns, each with its line break. */
export function linesOf(findings: readonly Finding[], hasColour: boolean): string {
  const width = Math.max(8, ...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(2 + WORD + 2 + width + 2);
  const paint = (colour: string, text: string) => (hasColour ? `${colour}${text}${RESET}` : text);
  const lines = findings.flatMap(({ check, level, text, advice }) => [
    `  ${paint(colours[level], level.padEnd(WORD))}  ${check.padEnd(width)}  ${plain(text)}`,
    ...advice.map((line) => `${indent}${paint(DIM, plain(line))}`),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** The last line: whether it would start, and how much is left to do. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length;
  const [faults, warnings] = [count('fail'), count('warn')];
  const more = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  if (faults > 0) return `${counted(faults, 'fault')}${more}. Mend what says fail, then run this again.`;
  return warnings === 0
    ? 'All is well.'
    : `Nothing is in the way of a start; ${counted(warnings, 'warning')}.`;
}

export const hasFault = (findings: readonly Finding[]): boolean =>
  findings.some(({ level }) => level === 'fail');

/** One JSON object: `{"ok": true, "findings": [{"check", "level", "text", "advice"}]}`. */
export function jsonOf(findings: readonly Finding[]): string {
  return JSON.stringify({ ok: !hasFault(findings), findings }, null, 2);
}
