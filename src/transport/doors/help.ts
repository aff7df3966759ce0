// A door never answers words at risk with an error alone, whatever is wrong with them. [P-12]
import type { Request, RequestHandler, Response } from 'express';
import { withHelp } from '../../chat/help.ts';
import type { SafetyNotice } from '../../contract/types.ts';
import { AppError } from '../../errors.ts';

/** Roles whose words are not the person's. */
const others: ReadonlySet<unknown> = new Set(['assistant', 'system', 'developer', 'tool', 'function']);

const membersOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];
const member = (value: unknown, name: string): unknown => membersOf(value).find(([key]) => key === name)?.[1];

const fromTheLast = (messages: readonly unknown[]): unknown[] =>
  messages.slice(
    Math.max(
      0,
      messages.findLastIndex((message) => member(message, 'role') === 'user'),
    ),
  );

/** Every text in what a person sent last, whatever the form of the body. */
function textsIn(body: unknown): string {
  const messages = member(body, 'messages') ?? body;
  const isTheirs = (message: unknown) => !others.has(member(message, 'role'));
  const left: unknown[] = Array.isArray(messages) ? fromTheLast(messages).filter(isTheirs) : [messages];
  const texts: string[] = [];
  for (const value of left) {
    if (typeof value === 'string' && !value.startsWith('data:')) texts.push(value);
    for (const [, inner] of membersOf(value)) left.push(inner);
  }
  return texts.join('\n');
}

function helpFor(error: AppError, words: string): SafetyNotice | undefined {
  const helped = error.safety ? error : withHelp(error, words, { locale: null, country: null });
  return helped instanceof AppError ? helped.safety : undefined;
}

export const isAtRisk = (words: string): boolean =>
  helpFor(new AppError('RATE_LIMITED'), words) !== undefined;

type Answer = (req: Request, res: Response) => Promise<void>;

/** `answer`, and in place of a refusal of words at risk what helps. */
export function helping(
  answer: Answer,
  help: (req: Request, res: Response, safety: SafetyNotice) => void,
): RequestHandler {
  return async (req, res) => {
    try {
      await answer(req, res);
    } catch (error) {
      const isOpen = error instanceof AppError && !res.headersSent;
      const safety = isOpen ? helpFor(error, textsIn(req.body)) : undefined;
      if (!safety) throw error;
      help(req, res, safety);
    }
  };
}
