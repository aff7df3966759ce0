import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

const texts: Record<string, string> = {
  'emoji, joiners, skin tones and flags': '🌱 👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪 𝒳 '.repeat(40).trim(),
  'combining marks, NFC beside NFD': 'é e\u0301 ẹ́ न्ष ก็ H\u0334\u0322\u0321 '.repeat(40).trim(),
  'text from right to left with marks of direction': 'שלום \u202Eمرحبا\u202C \u2067عالم\u2069 '
    .repeat(40)
    .trim(),
  'NUL and other controls': 'a\u0000b\u0001c\u001Fd\u007Fe\u0085f \u0000'.repeat(40),
  'separators of lines and pages': 'x\u2028y\u2029z\r\nnew\rold\nline\vtab\f\tend '.repeat(40).trim(),
  'what would be fields of an event stream': 'a\ndata: b\n\nevent: end\r\nid: 7\n\nretry: 1\n: c\n'
    .repeat(40)
    .trim(),
  'JSON and HTML': '"quoted\\" \\u0000 </script><!-- {"ok":false} `${x}` '.repeat(40).trim(),
  'no-break spaces, byte order marks and ligatures': 'ß\uFEFFﬃ\u00A0x\u200B\u2060y\u3000z '.repeat(40).trim(),
  'a million characters without a space': 'abcdefghij'.repeat(100_000),
};

const History = z.object({ turns: z.array(z.looseObject({ text: z.string(), user_input: z.string() })) });

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { OLLAMA_NUM_PREDICT: '100000', RAW_REPLIES: '1' } });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** The reply and the input as every transport shows them. */
async function everywhere(
  id: string,
  userInput: string,
): Promise<Record<string, { text: string; input: string }>> {
  const tail = pathOf(id, '/events');
  const streamed = new Client(id);
  const polling = await connect(scene.url, { transports: ['polling'] });
  const socket = await connect(scene.url);
  const polled = socket.feed(new Client(id));
  const created = await socket.must('session:create', id);
  streamed.acked(String(created['cursor']));
  const stream = await openEvents(scene.url, `${tail}?after=${String(created['cursor'])}`, {
    client: streamed,
  });
  const slow = await polling.follow(id);
  const answer = await scene.rest(`POST ${pathOf(id, '/input')}`, { body: { user_input: userInput } });
  const turnId = String(answer.body['turn_id']);
  for (const client of [polled, streamed, slow]) await client.ended(turnId, 60_000);
  const late = new Client(id);
  late.acked(String(created['cursor']));
  while (late.turns[0]?.state !== 'done') {
    late.joined((await scene.rest(`GET ${pathOf(id, `/log?after=${String(late.cursor)}`)}`)).body);
  }
  const history = History.parse((await scene.rest(`GET ${pathOf(id, '/history')}`)).body).turns[0];
  const snapshot = History.parse(await socket.must('session:join', { session_id: id })).turns[0];
  const turn = (await scene.rest(`GET ${pathOf(id, `/turns/${turnId}`)}`)).body;
  stream.leave();
  socket.close();
  polling.close();
  const shown = (client: Client) => ({ text: client.text(), input: client.turns[0]?.userInput ?? '' });
  return {
    websocket: shown(polled),
    polling: shown(slow),
    'event stream': shown(streamed),
    'long poll': shown(late),
    'REST answer': { text: String(answer.body['therapist_response']), input: userInput },
    history: { text: history?.text ?? '', input: history?.user_input ?? '' },
    snapshot: { text: snapshot?.text ?? '', input: snapshot?.user_input ?? '' },
    turn: { text: String(turn['text']), input: String(turn['user_input']) },
  };
}

describe('text comes byte for byte on every transport', () => {
  test.for(Object.entries(texts))('[P-3] %s (scenario 20)', async ([name, reply]) => {
    const input = reply.length > 10_000 ? 'hello' : reply;
    scene.fake.next({ reply });

    const shown = await everywhere(name, input);

    for (const [where, { text, input: said }] of Object.entries(shown)) {
      expect(Buffer.from(text).equals(Buffer.from(reply)), `the reply over ${where}`).toBe(true);
      expect(said, `the input over ${where}`).toBe(input);
    }
  });

  test.for([
    ['in pieces of one UTF-16 unit, pairs cut in two', { pieceSize: 1, splitPairs: true }],
    ['in packets of one byte', { packetBytes: 1 }],
    [
      'in packets of 1 to 7 bytes and pieces of 1 to 5 units',
      { packetBytes: [1, 7, 2, 3], pieceSize: [1, 5, 2], splitPairs: true },
    ],
    ['in pieces of 2 KB', { pieceSize: 2_048, splitPairs: true }],
  ] as const)(
    '[P-3] with no U+FFFD and no surrogate cut across entries, from a model that sends %s (scenario 21)',
    async ([how, behaviour]) => {
      scene.fake.next({ ...behaviour, hardText: true, words: 300 });
      const { client, socket, admission } = await scene.speak(how, 'hello');
      const { text } = await client.ended(admission.turn_id, 60_000);

      expect(text).toBe(scene.fake.of('chat').at(-1)?.reply);
      expect(text).not.toContain('\uFFFD');
      // the fold refuses an entry that is not well-formed
      const tokens = socket
        .of('therapist:token')
        .map((data) => z.looseObject({ text: z.string() }).parse(data).text);
      expect(tokens.every((words) => words.isWellFormed())).toBe(true);
      expect(tokens.join('')).toBe(text);
    },
  );
});
