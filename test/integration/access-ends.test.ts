// What lets somebody in ends while they are here: told before it runs out, refused afterwards, out when it is taken back.
import { describe, test } from 'vitest';
import { z } from 'zod';
import { ada, closed, openEntrance } from '../support/entrance.ts';
import type { Entrance } from '../support/entrance.ts';
import type { Answer } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';

const MINUTE = 60_000;
const GRACE = 25_000;
const Admitted = z.looseObject({ turn_id: z.string() });
const Expiring = z.object({ expires_at: z.string() });

const session = { session_id: 'hers' };
const refused = { code: 'UNAUTHENTICATED', status: 401, retryable: false };

/** The turn once it has ended, whoever is connected. */
async function endOf({ counted }: Entrance, turnId: string): Promise<string | undefined> {
  const ref = { tenant: 'acme', sessionId: 'hers' };
  const record = await counted.store.session(ref);
  if (!record) throw new Error('there is no such session');
  for (;;) {
    const view = await counted.store.turn(record, turnId);
    if (view && view.turn.endedAt !== null) return view.turn.state;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _watch = counted.store.watch(ref, resolve);
    await promise;
  }
}

/** A long poll for what is not there yet, once the server has let it in. */
async function polled(here: Entrance, token: string): Promise<{ answer: Promise<Answer> }> {
  const { cursor } = await here.must(token, 'GET /session/hers/log');
  const before = here.counted.calls('session');
  const answer = here.ask(token, `GET /session/hers/log?wait=20&after=${String(cursor)}`);
  await here.counted.until(() => here.counted.calls('session') > before, 'a poll that waits');
  return { answer };
}

describe.concurrent('a token that runs out', () => {
  test('is told a minute before, once, to a socket and to an event stream', async ({ expect }) => {
    await using here = await openEntrance();
    const token = here.tokenFor(120);
    const socket = await here.socket(token);
    await socket.must('session:create', session);
    const events = await here.events(token, '/session/hers/events');

    here.pass(MINUTE);

    await socket.until(() => socket.of('auth:expiring').length > 0, 'auth:expiring');
    await events.until(() => events.of('auth:expiring').length > 0, 'auth:expiring');
    const { expires_at: at } = Expiring.parse(socket.of('auth:expiring')[0]);
    expect(events.of('auth:expiring')).toMatchObject([{ data: { expires_at: at } }]);
    expect(events.of('auth:expiring')[0]?.id).toBeUndefined();
    await expect(socket.must('session:status', session)).resolves.toMatchObject({ ok: true });
  });

  test('may be replaced by another of the same person only', async ({ expect }) => {
    await using here = await openEntrance();
    const socket = await here.socket(here.tokenFor(120));
    await socket.must('session:create', session);
    const { token: capability } = await here.capability(here.tokenFor(120), 'hers');
    const refresh = (token: unknown) => socket.refused('auth:refresh', { token });

    const other = await refresh(here.tokenFor(600, { ...ada, name: 'bob' }));
    const elsewhere = await refresh(here.tokenFor(600, { ...ada, tenant: 'beta' }));
    const asGuest = await refresh(capability);
    const nonsense = await refresh('nonsense');
    const number = await refresh(5);
    const fresh = await socket.must('auth:refresh', { token: here.tokenFor(600) });

    expect([other, elsewhere, asGuest].map(({ code }) => code)).toEqual(Array(3).fill('FORBIDDEN'));
    expect(nonsense).toMatchObject(refused);
    expect(number.code).toBe('VALIDATION_FAILED');
    expect(Date.parse(String(fresh['expires_at']))).toBeGreaterThan(Date.now() + 5 * MINUTE);
    here.pass(3 * MINUTE);
    await expect(socket.must('session:status', session)).resolves.toMatchObject({ ok: true });
  });

  test('counts for nothing afterwards, may still be replaced, and then the connection ends', async ({
    expect,
  }) => {
    await using here = await openEntrance();
    const socket = await here.socket(here.tokenFor(120));
    await socket.must('session:create', session);
    here.pass(2 * MINUTE + 1_000);

    const late = await socket.refused('session:status', session);
    const words = { ...session, user_input: 'I am going to kill myself tonight' };
    const atRisk = await socket.refused('session:input', words);
    await socket.must('auth:refresh', { token: here.tokenFor(120) });
    await socket.must('session:status', session);
    here.pass(2 * MINUTE + 1_000 + GRACE);
    await closed(socket);

    expect(late).toMatchObject(refused);
    expect(atRisk).toMatchObject({ ...refused, safety: { level: 'plan' } });
  });

  test('[P-10] ends an event stream, a socket and a wait for a reply, and not the turn that runs', async ({
    expect,
  }) => {
    const model = new ScriptedModel({ always: ['Here is a reply', HOLD, ' to its end.'] });
    await using here = await openEntrance({ parts: { speakers: { model, fallback: null } } });
    const token = here.tokenFor(120);
    await here.must(token, 'POST /session/create', session);
    const events = await here.events(token, '/session/hers/events');
    const socket = await here.socket(token);
    const whole = here.ask(token, 'POST /session/hers/input', { body: { user_input: 'A word' } });
    await events.until(() => events.of('turn:started').length > 0, 'the turn');
    const { turn_id: turnId } = Admitted.parse(events.of('turn:started')[0]?.data);

    here.pass(2 * MINUTE + GRACE);

    await closed(socket);
    expect(await events.ended()).toBe('whole');
    expect((await whole).body).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await here.ask(token, 'GET /session/hers/events')).body).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(events.of('therapist:done')).toEqual([]);
    model.release();
    expect(await endOf(here, turnId)).toBe('done');
  });
});

describe.concurrent('a token that has just run out', () => {
  test('opens no door, as long as clocks may differ too', async ({ expect }) => {
    await using here = await openEntrance();
    const token = here.tokenFor(120);
    const socket = await here.socket(token);
    await socket.must('session:create', session);
    const { cursor } = await here.must(token, 'GET /session/hers/log');
    here.pass(MINUTE + 40_000);
    const { ticket } = await here.must(token, 'POST /session/hers/ticket');

    here.pass(21_000);

    const lines = [
      'GET /sessions',
      'GET /session/hers/status',
      `GET /session/hers/log?wait=20&after=${String(cursor)}`,
      'GET /session/hers/events',
      'DELETE /session/hers',
    ];
    for (const line of lines) {
      expect([line, (await here.ask(token, line)).body['code']]).toEqual([line, refused.code]);
    }
    const input = await here.ask(token, 'POST /session/hers/input', { body: { user_input: 'A word' } });
    expect(input.body).toMatchObject({ code: refused.code });
    const byTicket = await here.ask(null, `GET /session/hers/events?ticket=${String(ticket)}`);
    expect(byTicket.body).toMatchObject({ code: refused.code });
    await expect(here.socket(token)).rejects.toMatchObject({ data: refused });
    expect(await socket.refused('auth:refresh', { token })).toMatchObject(refused);
  });
});

describe.concurrent('who asks and asks while nothing is answered', () => {
  const long = 'x'.repeat(900_000);
  const floods: [what: string, most: number, more: object][] = [
    ['events', 1_000, {}],
    ['characters', 9, { pad: long }],
    ['characters in a list', 9, { pad: [long] }],
    ['characters in an object', 9, { pad: { pad: long } }],
    ['characters in a name', 9, { [long]: 1 }],
  ];
  test.for(floods)('is sent away for too many %s, and nobody else', async ([, most, more], { expect }) => {
    await using here = await openEntrance();
    const token = await here.token();
    const [socket, other] = [await here.socket(token), await here.socket(token)];
    await socket.must('session:create', session);
    here.counted.hold('session');
    const ask = () => socket.socket.emit('session:status', { ...session, ...more });

    for (let n = 0; n < most; n++) ask();
    // answered at once: by then all the others have come
    await socket.refused('nothing known');
    ask();
    await closed(socket);
    here.counted.release('session');

    await expect(other.must('session:status', session)).resolves.toMatchObject({ ok: true });
  });

  test('stays where all of it is answered', async ({ expect }) => {
    await using here = await openEntrance();
    const socket = await here.socket(await here.token());
    await socket.must('session:create', session);
    const pad = 'x'.repeat(100_000);
    const ask = (n: number) => socket.must('session:status', { ...session, ...(n % 10 === 0 && { pad }) });

    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 500 }, (_, n) => ask(n)));

    expect(socket.socket.connected).toBe(true);
  });
});

describe.concurrent('what is taken back', () => {
  const kinds = ['a key', 'a capability'] as const;
  test.for(kinds)('%s ends every connection it let in, and no other', async (kind, { expect }) => {
    await using here = await openEntrance({ mode: 'key' });
    const [owner, key] = [await here.token(), await here.token()];
    await here.must(owner, 'POST /session/create', session);
    const capability = await here.capability(owner, 'hers');
    const token = kind === 'a key' ? key : capability.token;
    const [socket, other] = [await here.socket(token), await here.socket(owner)];
    const events = await here.events(token, '/session/hers/events');
    const { ticket } = await here.must(token, 'POST /session/hers/ticket');
    const byTicket = await here.events(null, `/session/hers/events?ticket=${String(ticket)}`);
    const poll = await polled(here, token);

    if (kind === 'a key') await here.keys.revoke(key);
    else await here.must(owner, `DELETE /session/hers/capabilities/${capability.id}`);

    await closed(socket);
    expect([await events.ended(), await byTicket.ended()]).toEqual(['whole', 'whole']);
    expect((await poll.answer).body).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await here.ask(token, 'GET /session/hers/status')).body).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(here.socket(token)).rejects.toMatchObject({ data: refused });
    await expect(other.must('session:status', session)).resolves.toMatchObject({ ok: true });
  });

  test('a session that is deleted takes along whom its capabilities let in', async ({ expect }) => {
    await using here = await openEntrance();
    const owner = await here.token();
    await here.must(owner, 'POST /session/create', session);
    const { token } = await here.capability(owner, 'hers');
    const [socket, idle] = [await here.socket(token), await here.socket(token)];
    await socket.must('session:join', session);
    const events = await here.events(token, '/session/hers/events');
    const poll = await polled(here, token);

    await here.must(owner, 'DELETE /session/hers');
    await here.must(owner, 'POST /session/create', session);

    expect(await events.ended()).toBe('whole');
    expect([401, 404]).toContain((await poll.answer).status);
    expect((await here.ask(token, 'GET /session/hers/status')).status).toBe(401);
    await Promise.all([closed(socket), closed(idle)]);
    expect(socket.of('session:deleted')).toHaveLength(1);
  });

  test('an event stream that is just being opened is not left open', async ({ expect }) => {
    await using here = await openEntrance();
    const owner = await here.token();
    await here.must(owner, 'POST /session/create', session);
    const { token, id } = await here.capability(owner, 'hers');
    here.counted.hold('snapshot');
    const before = here.counted.calls('snapshot');
    const opening = here.events(token, '/session/hers/events');
    await here.counted.until(() => here.counted.calls('snapshot') > before, 'the stream that is opened');

    await here.must(owner, `DELETE /session/hers/capabilities/${id}`);
    here.counted.release('snapshot');

    const events = await opening;
    await events.ended();
    expect(events.events).toEqual([]);
  });
});
