import { expect, test } from 'vitest';
import { z } from 'zod';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import { connect } from '../support/socket-client.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { speaker } from '../support/speaker.ts';

const Token = z.looseObject({ seq: z.number(), from: z.number().optional(), text: z.string() });

/** A client that knows rules 1 and 2 of docs/protocol.md section 3 and nothing else, from the beginning of the log. */
function plainText(socket: SocketClient): string {
  let mine = 1;
  let text = '';
  for (const data of socket.of('therapist:token')) {
    const { seq, from, text: words } = Token.parse(data);
    if (seq <= mine) continue;
    if ((from ?? seq) > mine + 1) throw new Error(`a gap before ${seq}`);
    mine = seq;
    text += words;
  }
  return text;
}

async function joined() {
  const counted = countStore(await openSqlite({ directory: ':memory:' }));
  const app = await startApp({ store: counted.store });
  const words = await speaker(counted.store);
  const socket = await connect(app.url);
  const join = (seq: number) =>
    socket.must('session:join', { session_id: 's', after: `${words.life.epoch}.${seq}` });
  await join(0);
  return {
    counted,
    socket,
    ...words,
    join,
    tokens: (count: number) =>
      socket.until(() => socket.of('therapist:token').length === count, `${count} frames of words`),
    ended: () => socket.until(() => socket.of('therapist:done').length > 0, 'the end'),
    async [Symbol.asyncDispose]() {
      socket.close();
      await app[Symbol.asyncDispose]();
    },
  };
}

test('[P-4] words that were on their way when a socket joined anew come again in frames of their own', async () => {
  await using scene = await joined();
  const { counted, socket, say, end } = scene;
  await say('one ');
  await scene.tokens(1);
  counted.hold('session');
  const asked = counted.calls('session');
  const joining = scene.join(2);
  await counted.until(() => counted.calls('session') > asked, 'the second join');
  await say('two ');
  await scene.tokens(2);
  counted.hold('read');
  await say('three ');
  counted.release('session');
  await joining;
  counted.release();
  await end();
  await scene.ended();

  expect(plainText(socket)).toBe('one two three ');
});

test('[P-4] a socket that joins anew from the beginning gets all again, and nothing twice', async () => {
  await using scene = await joined();
  const { socket, say, end } = scene;
  await say('one ');
  await scene.tokens(1);
  await say('two ');
  await scene.tokens(2);
  await scene.join(0);
  await socket.until(() => socket.of('turn:started').length === 2, 'the beginning again');
  await say('three ');
  await end();
  await scene.ended();

  expect(plainText(socket)).toBe('one two three ');
});

test('joining again and again while words flow leaves one follower', async () => {
  await using scene = await joined();
  const { counted, socket, say, end } = scene;
  for (let i = 0; i < 50; i++) {
    await Promise.all([say(`${i} `), scene.join(i)]);
  }
  await end();
  await scene.ended();

  expect(plainText(socket)).toBe(Array.from({ length: 50 }, (_, i) => `${i} `).join(''));
  expect(socket.of('therapist:done')).toHaveLength(1);
  socket.close();
  await counted.until(() => counted.watchers === 0, 'no follower');
});
