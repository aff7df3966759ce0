// The clients people really use, with no option that this server would need.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { runPython, whyNoPython } from '../support/python.ts';
import { rest } from '../support/rest.ts';
import { SocketClient, connect } from '../support/socket-client.ts';

/** What the Python client prints. */
const Outcome = z.looseObject({
  text: z.string().min(1),
  events: z.array(z.string()),
  done: z.looseObject({ therapist_response: z.string() }),
});

let server: GuideServer;
beforeAll(async () => void (server = await startGuide({ GUIDE_WORD_MS: '5' })));
afterAll(async () => await server[Symbol.asyncDispose]());

describe('socket.io-client', () => {
  const ways: [name: string, transports: string[], end: string][] = [
    ['WebSocket only', ['websocket'], 'websocket'],
    ['polling only', ['polling'], 'polling'],
    ['polling, then an upgrade', ['polling', 'websocket'], 'websocket'],
  ];

  test.each(ways)(
    '[P-3] over %s creates, speaks and gets the reply word by word',
    async (name, transports, end) => {
      using socket = await connect(server.url, { transports });
      const client = socket.feed(new Client(`js ${name}`));

      const session = await socket.must('session:create', { session_id: client.sessionId });
      const input = await socket.must('session:input', {
        session_id: client.sessionId,
        user_input: 'I want to feel calm',
      });
      const turn = await client.ended(String(input['turn_id']));
      await socket.until(() => socket.socket.io.engine.transport.name === end, `the transport ${end}`);

      const { body } = await rest(
        server.url,
        `GET /api/v1/session/${encodeURIComponent(client.sessionId)}/turns/${turn.turnId}`,
      );
      expect(session).toMatchObject({ ok: true, session_id: `js ${name}`, created: true });
      expect(turn.state).toBe('done');
      expect(turn.text).toBe(body['text']);
      expect(socket.of('therapist:token').length).toBeGreaterThan(1);
    },
  );

  test('[P-4] that upgrades in the middle of a reply loses and doubles nothing', async () => {
    await using slow = await startGuide({ GUIDE_WORD_MS: '50' });
    using socket = new SocketClient(slow.url, { transports: ['polling', 'websocket'] });
    const client = socket.feed(new Client('upgrade'));

    // sent by polling as soon as there is a connection; the upgrade is made while words flow
    const input = await socket.must('session:input', {
      session_id: 'upgrade',
      user_input: 'I want to feel calm',
    });
    const turn = await client.ended(String(input['turn_id']));
    await socket.until(() => socket.socket.io.engine.transport.name === 'websocket', 'the upgrade');

    expect(turn.state).toBe('done');
    expect(client.counts.repeats).toBe(0);
  });

  test('that passes no ack gets the answer as an event', async () => {
    using socket = await connect(server.url);

    socket.socket.emit('session:status', { session_id: 'nobody' });
    await socket.until(() => socket.of('session:status:result').length > 0, 'session:status:result');

    expect(socket.of('session:status:result')).toMatchObject([
      { ok: false, error: { code: 'SESSION_NOT_FOUND' } },
    ]);
  });
});

describe("Debian's python3-socketio", () => {
  let missing: string | undefined;
  // an installation may have to be made first
  beforeAll(async () => void (missing = await whyNoPython()), 300_000);

  const ways: [name: string, transports: string[], end: string][] = [
    ['WebSocket only', ['websocket'], 'websocket'],
    ['polling only', ['polling'], 'polling'],
    ['its own choice', [], 'websocket'],
  ];
  for (const [name, transports, end] of ways) {
    test(`[P-3] over ${name} creates, speaks and gets the reply word by word`, async ({ skip }) => {
      if (missing !== undefined) skip(missing);
      const sessionId = `python ${name}`;

      const outcome = Outcome.parse(await runPython(server.url, sessionId, ...transports));

      expect(outcome).toMatchObject({
        created: { ok: true, session_id: sessionId, created: true },
        conflict: { ok: false, error: { code: 'SESSION_CONFLICT', status: 409 } },
        admitted: { ok: true, n: 1 },
        done: { session_id: sessionId, source: 'guide' },
        transport: end,
      });
      expect(outcome.text).toBe(outcome.done.therapist_response);
      expect(outcome.events.filter((event) => event === 'therapist:token').length).toBeGreaterThan(1);
      expect([outcome.events[0], outcome.events.at(-1)]).toEqual(['turn:started', 'therapist:done']);
    });
  }
});
