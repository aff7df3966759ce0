// What one word of a live turn costs, by counts: a dearer hot path is seen on any machine, however busy that is.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { countNames, scenes, tableOf } from '../support/token-table.ts';
import type { CountName, Played } from '../support/token-table.ts';

interface Budget {
  /** For one word, by scene. Exact: the same script gives the same counts, however busy the machine is. */
  most: readonly number[];
  /** What it is for, and who does it. */
  why: string;
  look: string;
}

// `node test/support/token-counts-cli.ts` prints the numbers as they stand here, by scene: nobody, one socket, one stream, one long
// poll, 100 sockets, 20 turns at once, Ollama, Redis, Redis with another node. What has become cheaper is to stay so: lower its ceiling.
const budgets: Record<CountName, Budget> = {
  'store steps': {
    most: [1, 2, 2, 4, 2, 2, 2, 2, 2],
    why: 'one append, and one read for all who follow; a poll asks for its session and looks first',
    look: 'src/chat/reply.ts, src/chat/follow.ts',
  },
  commits: {
    most: [1, 1, 1, 1, 1, 0.05, 1, 0, 0],
    why: 'one for all words of a tick',
    look: 'src/store/group-commit.ts',
  },
  statements: {
    most: [3, 3, 3, 4, 3, 1.1, 3, 0, 0],
    why: 'BEGIN, one INSERT, COMMIT; a poll looks its session up',
    look: 'src/store/sqlite-log.ts, src/store/sqlite-sessions.ts',
  },
  'JSON.stringify': {
    most: [1, 2, 2, 7, 2, 2, 2, 3, 3],
    why: 'the stored words and the frame; none for each follower, and no key for each step',
    look: 'src/chat/frame.ts, src/transport/packets.ts, src/store/envelope.ts',
  },
  'JSON.parse': {
    most: [0, 0, 0, 4, 0, 0, 1, 0, 2],
    why: 'a line of Ollama; the session a poll asks for; of Redis the entry and the turn, where another node reads them',
    look: 'src/model/ndjson.ts, src/store/sqlite-sessions.ts, src/store/redis-records.ts',
  },
  packets: {
    most: [0, 0, 0, 0, 0, 0, 0, 0, 0],
    why: 'none: frames go past what makes text of packets in Socket.IO',
    look: 'src/transport/socket-follows.ts',
  },
  writes: {
    most: [0, 1, 1, 1, 100, 1, 1, 1, 1],
    why: 'one for each client',
    look: 'src/transport/socket-follows.ts, src/transport/events.ts',
  },
  bytes: {
    most: [0, 125.82, 162.82, 616.82, 12582, 126.32, 125.82, 125.82, 125.82],
    why: 'a frame for each client; a poll has the head of an answer too',
    look: 'src/chat/wire.ts, src/transport/headers.ts',
  },
  promises: {
    most: [5, 12, 12, 54, 309, 12, 17, 39, 53],
    why: 'of the append, the read and the model, and 3 for each follower; an await counts as one',
    look: 'src/chat/reply.ts, src/chat/follow.ts, src/model/ollama.ts, src/store/redis-link.ts',
  },
  timers: {
    most: [0, 0, 0, 1, 0, 0, 0, 2, 3],
    why: 'the wait of a poll; the gathering of words for Redis, and one for each command; none for a follower or a word of Ollama',
    look: 'src/chat/reading.ts, src/model/watchdog.ts, src/store/redis-link.ts',
  },
  immediates: {
    most: [1, 1, 1, 1, 1, 0.05, 1, 1, 2],
    why: 'the group commit, or the writing of a command',
    look: 'src/store/group-commit.ts',
  },
  buffers: {
    most: [0, 1, 0, 0, 1, 1, 1, 1, 1],
    why: 'the WebSocket frame, once for all sockets',
    look: 'src/transport/packets.ts',
  },
  'commands of node 1': {
    most: [0, 0, 0, 0, 0, 0, 0, 1, 1],
    why: 'the append; what it wrote itself it does not read back',
    look: 'src/store/redis-writes.ts, src/store/redis-tails.ts',
  },
  'commands of node 2': {
    most: [0, 0, 0, 0, 0, 0, 0, 0, 1],
    why: 'one read where it is followed, and nothing where it is not',
    look: 'src/store/redis-reads.ts, src/store/redis-wakes.ts',
  },
};

const Counted = z.record(z.string(), z.record(z.string(), z.number()));

/** In a process of its own: nothing of the tests is counted. */
async function playAll(): Promise<Played> {
  const script = fileURLToPath(new URL('../support/token-counts-cli.ts', import.meta.url));
  const child = fork(script, { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const told = once(child, 'message');
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`nothing was counted: ${said}`)));
  const [message] = await Promise.race([told, ended]);
  return Counted.parse(message);
}

let played: Played = {};

beforeAll(async () => {
  played = await playAll();
}, 240_000);

/** What is over a ceiling, in words. */
function dearer(name: CountName): string[] {
  const { most } = budgets[name];
  return scenes.flatMap(({ name: scene }, at) => {
    const [count = Number.NaN, ceiling = Number.NaN] = [played[scene]?.[name], most[at]];
    return count <= ceiling ? [] : [`${name}, ${scene}: ${count} for a word, at most ${ceiling}.`];
  });
}

test.each(countNames)('%s for a word', (name) => {
  const { why, look } = budgets[name];

  const over = dearer(name);

  const where = `It is ${why}. Look at ${look}.`;
  expect(over, `${over.join('\n')}\n${where}\nAll there is now:\n${tableOf(played)}`).toEqual([]);
});
