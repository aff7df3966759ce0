// Conversations as data (test/golden): what the client says, and where the process stands after it.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  AlphaCheckpoint,
  criteria,
  Criterion,
  PriorityState,
  StateId,
  Substate,
} from '../../../src/contract/progress.ts';
import { walk } from '../../support/golden-walk.ts';

/** Between two turns when the file says nothing of it. */
const PAUSE_MS = 20_000;
const HOUR_MS = 3_600_000;
/** How many of the guide's replies it must not repeat a sentence of. */
const KEPT_REPLIES = 8;

const Says = z.union([
  z.string().min(1),
  z.strictObject({ repeat: z.string().min(1), times: z.int().min(1) }),
]);
const Detector = z.enum([
  'self_harm_detected',
  'thinking_mode_detected',
  'past_tense_detected',
  'i_dont_know_detected',
]);
const Phrases = z.array(z.string().min(1)).min(1);
const GoldenTurn = z.strictObject({
  says: Says,
  away_hours: z.number().positive().optional(),
  state: StateId,
  substate: Substate,
  priority: PriorityState.nullable(),
  criteria: z.array(Criterion),
  body_questions: z.int().min(0).max(3),
  status: z.enum(['active', 'completed']).optional(),
  alpha: AlphaCheckpoint.strict().nullable().optional(),
  flags: z.array(Detector).optional(),
  not_flags: z.array(Detector).optional(),
  not: Phrases.optional(),
  says_any: Phrases.optional(),
  handoff: z.boolean().optional(),
});
type GoldenTurn = z.output<typeof GoldenTurn>;
type Result = ReturnType<typeof walk>[number];
const Golden = z.strictObject({ title: z.string().min(1), turns: z.array(GoldenTurn).min(1) });

const folder = join(import.meta.dirname, '../../golden');
const conversations = globSync('*.json', { cwd: folder })
  .sort()
  .map((file) => ({
    file: basename(file, '.json'),
    ...Golden.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))),
  }));

function saidIn({ says }: GoldenTurn): string {
  return typeof says === 'string' ? says : says.repeat.repeat(says.times);
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[’‘]/g, "'").replaceAll(/\s+/g, ' ').trim();
}

function sentencesOf(reply: string): string[] {
  return reply
    .split(/(?<=[.!?…])["”']?\s+|\n+/u)
    .map(plain)
    .filter((sentence) => /\p{L}/u.test(sentence));
}

/** Only what the file speaks of on that turn. */
function expectedOf(turn: GoldenTurn): Record<string, unknown> {
  const { state, substate, priority, body_questions, status, alpha, handoff } = turn;
  return {
    state,
    substate,
    priority,
    criteria: criteria.filter((name) => turn.criteria.includes(name)),
    body_questions,
    ...(status !== undefined && { status }),
    ...(alpha !== undefined && { alpha }),
    ...(handoff !== undefined && { handoff }),
  };
}

function foundIn({ progress, status }: Result, turn: GoldenTurn): Record<string, unknown> {
  return {
    state: progress.state_id,
    substate: progress.current_substate,
    priority: progress.priority_state,
    criteria: criteria.filter((name) => progress.completion_criteria[name]),
    body_questions: progress.body_question_count,
    ...(turn.status !== undefined && { status }),
    ...(turn.alpha !== undefined && { alpha: progress.alpha }),
    ...(turn.handoff !== undefined && { handoff: progress.handoff_recommended }),
  };
}

/** The words of the reply, and the detectors. */
function checkWords(turn: GoldenTurn, { reply, preprocessing }: Result, where: string): void {
  const heard = plain(reply);
  const { safety_checks: found } = preprocessing;
  const missing = turn.flags?.filter((name) => !found[name].detected) ?? [];
  const wrong = turn.not_flags?.filter((name) => found[name].detected) ?? [];
  const forbidden = turn.not?.filter((phrase) => heard.includes(plain(phrase))) ?? [];
  const isNamed = turn.says_any?.some((phrase) => heard.includes(plain(phrase))) ?? true;

  expect(missing, `${where}: detectors that stayed silent`).toEqual([]);
  expect(wrong, `${where}: detectors that fired`).toEqual([]);
  expect(forbidden, `${where}: must not be in the reply "${reply}"`).toEqual([]);
  expect(isNamed, `${where}: none of ${turn.says_any?.join(', ')} in "${reply}"`).toBe(true);
}

/** One question at most, and no sentence of the last replies again. Safety replies are exempt. */
function checkStyle(turn: GoldenTurn, reply: string, kept: readonly string[], where: string): void {
  if (turn.priority === 'SELFHARM' || turn.priority === 'CRISIS') return;
  const known = new Set(kept.flatMap(sentencesOf));
  const repeated = sentencesOf(reply).filter((sentence) => known.has(sentence));

  expect(reply.trim(), `${where}: the reply is empty`).not.toBe('');
  expect(reply.split('?').length - 1, `${where}: questions in "${reply}"`).toBeLessThanOrEqual(1);
  expect(repeated, `${where}: said before, in "${reply}"`).toEqual([]);
}

describe('a golden conversation', () => {
  test.each(conversations)('$file: $title', ({ file, title, turns }) => {
    const inputs = turns.map((turn) => ({
      says: saidIn(turn),
      awayMs: turn.away_hours === undefined ? PAUSE_MS : turn.away_hours * HOUR_MS,
    }));

    const results = walk(`golden-${file}`, inputs);

    expect(results).toHaveLength(turns.length);
    for (const [at, turn] of turns.entries()) {
      const result = results[at];
      if (result === undefined) throw new Error('a turn has no result');
      const where = `${title}, turn ${at + 1}, "${saidIn(turn).slice(0, 60)}"`;
      const kept = results.slice(Math.max(0, at - KEPT_REPLIES), at).map(({ reply }) => reply);
      expect(foundIn(result, turn), where).toEqual(expectedOf(turn));
      checkWords(turn, result, where);
      checkStyle(turn, result.reply, kept, where);
    }
  });

  test('has a title of its own', () => {
    const titles = conversations.map(({ title }) => title);

    expect(new Set(titles).size).toBe(titles.length);
    expect(titles.length).toBeGreaterThanOrEqual(45);
  });

  test('keeps to what can never happen: fewer criteria, more body questions, an earlier stage', () => {
    for (const { file, turns } of conversations) {
      const order = ['1.1_', '1.1.5', '1.2_', '3.1_', '3.1.5', '3.2_', 'stage'];
      const stages = turns.map(({ substate }) => order.findLastIndex((start) => substate.startsWith(start)));
      const counts = turns.map(({ body_questions }) => body_questions);

      expect(stages, file).toEqual([...stages].sort((a, b) => a - b));
      expect(counts, file).toEqual([...counts].sort((a, b) => a - b));
      for (const [at, turn] of turns.entries()) {
        expect(turn.criteria, file).toEqual(expect.arrayContaining(turns[at - 1]?.criteria ?? []));
      }
    }
  });
});
