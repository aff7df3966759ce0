// What a block says it is answered: `# 200` behind a curl, `# 200 {"n": 1, …}` below it, `→` behind what it prints.
import { expect } from 'vitest';
import type { Call } from './docs-desk.ts';
import { shellLines } from './docs-pages.ts';

interface Expected {
  command: string;
  status: number | undefined;
  body: unknown;
}

const exampleId = 'session_20251015_083406_0432b008';
const made = /^session_\d{8}_\d{6}_[0-9a-f]{8}$/;

/** `…` stands for anything; a made id for any made id. */
function loosen(value: unknown): unknown {
  if (value === '…') return expect.anything();
  if (value === exampleId) return expect.stringMatching(made);
  if (Array.isArray(value)) return value.map(loosen);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, loosen(inner)]));
}

/** JSON in which `, …` stands for further members. */
export const parseShown = (text: string): unknown => JSON.parse(text.replaceAll(/, …(?=[}\]])/g, ''));

/** For each `curl` of a shell block, in order. */
function expectedCalls(code: string): Expected[] {
  const lines = shellLines(code);
  return lines.flatMap((line, i) => {
    if (line.startsWith('#')) return [];
    const calls = line.split(/(?<![\w-])curl(?![\w-])/).length - 1;
    const behind = /\s# (\d{3})\b/.exec(line)?.[1];
    const [, below, body] = /^# (\d{3})(?: (.*))?$/.exec(lines[i + 1] ?? '') ?? [];
    const status = behind ?? below;
    return Array.from({ length: calls }, () => ({
      command: line,
      status: status === undefined ? undefined : Number(status),
      body: body === undefined ? undefined : loosen(parseShown(body)),
    }));
  });
}

/** What is not said must at least be no refusal. */
export function judgeCalls(code: string, calls: Call[]): void {
  const expected = expectedCalls(code);

  expect(calls.length, 'as many requests as there are commands').toBe(expected.length);
  for (const [i, { command, status, body }] of expected.entries()) {
    const call = calls[i];
    if (status === undefined) expect(call?.status, `${command}\n${call?.body}`).toBeLessThan(400);
    else expect(call?.status, `${command}\n${call?.body}`).toBe(status);
    if (body !== undefined) expect(JSON.parse(call?.body ?? ''), command).toMatchObject(Object(body));
  }
}

/** Behind each `→`. */
export const printed = (code: string): string[] =>
  [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map(([, text = '']) => text.trim());
