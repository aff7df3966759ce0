// Sessions do not know of each other: taken all at once, turn by turn in any order, each goes as it goes alone.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Walk, walk } from '../../support/golden-walk.ts';
import { randomFrom, seed } from '../../support/random.ts';

const SESSIONS = 200;
const PAUSE_MS = 20_000;
const HOUR_MS = 3_600_000;

const Script = z.object({
  turns: z.array(
    z.object({
      says: z.union([z.string(), z.object({ repeat: z.string(), times: z.int() })]),
      away_hours: z.number().optional(),
    }),
  ),
});

const folder = join(import.meta.dirname, '../../golden');
const scripts = globSync('*.json', { cwd: folder })
  .sort()
  .map((file) =>
    Script.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))).turns.map((turn) => ({
      says: typeof turn.says === 'string' ? turn.says : turn.says.repeat.repeat(turn.says.times),
      awayMs: turn.away_hours === undefined ? PAUSE_MS : turn.away_hours * HOUR_MS,
    })),
  );

/** The golden scripts over and over, each time for another session. */
const sessions = Array.from({ length: SESSIONS }, (_, at) => ({
  sessionId: `session-${at}`,
  turns: scripts[at % scripts.length] ?? [],
}));

test(`${SESSIONS} sessions with their turns in any order go as each goes alone (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const open = sessions.map(({ sessionId, turns }) => ({
    session: new Walk(sessionId),
    left: [...turns],
    results: new Array<ReturnType<Walk['say']>>(),
  }));

  let waiting = open;
  while (waiting.length > 0) {
    const next = waiting[random.between(0, waiting.length - 1)];
    const turn = next?.left.shift();
    if (next && turn) next.results.push(next.session.say(turn.says, turn.awayMs));
    waiting = waiting.filter(({ left }) => left.length > 0);
  }

  const alone = sessions.map(({ sessionId, turns }) => walk(sessionId, turns));
  expect(open.map(({ results }) => results)).toEqual(alone);
});
