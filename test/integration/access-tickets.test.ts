// A ticket in an address: it opens one event stream of one session, once, soon, and nothing else.
import { describe, test } from 'vitest';
import { z } from 'zod';
import { openEntrance } from '../support/entrance.ts';
import type { Entrance } from '../support/entrance.ts';

const refused = { code: 'UNAUTHENTICATED' };
const Ticket = z.object({ ticket: z.string() });

/** Somebody's session, and a way to tickets for it. */
async function bench() {
  const here = await openEntrance();
  const token = await here.token();
  await here.must(token, 'POST /session/create', { session_id: 'hers' });
  return { here, token };
}

async function ticketOf(here: Entrance, token: string, sessionId = 'hers'): Promise<string> {
  return Ticket.parse(await here.must(token, `POST /session/${sessionId}/ticket`)).ticket;
}

const path = (ticket: string, sessionId = 'hers') => `/session/${sessionId}/events?ticket=${ticket}`;

describe.concurrent('a ticket', () => {
  test('opens one stream; who comes back with it is not let in', async ({ expect }) => {
    const { here, token } = await bench();
    await using _here = here;
    const ticket = await ticketOf(here, token);

    const events = await here.events(null, path(ticket));
    await events.until(() => events.lastId !== undefined, 'the snapshot');
    const again = await here.ask(null, `GET ${path(ticket)}`, {
      headers: { 'Last-Event-ID': events.lastId ?? '' },
    });
    await here.must(token, 'POST /session/hers/input', { user_input: 'A word' });

    expect(again.status).toBe(401);
    expect(again.body).toMatchObject(refused);
    await events.until(() => events.of('therapist:done').length > 0, 'the reply');
    const next = await here.events(null, path(await ticketOf(here, token)));
    expect(next.status).toBe(200);
  });

  test('is used up by a request for another session, which it does not open', async ({ expect }) => {
    const { here, token } = await bench();
    await using _here = here;
    await here.must(token, 'POST /session/create', { session_id: 'other' });
    const ticket = await ticketOf(here, token);

    const elsewhere = await here.ask(null, `GET ${path(ticket, 'other')}`);
    const unknown = await here.ask(null, `GET ${path(await ticketOf(here, token), 'unseen')}`);
    const after = await here.ask(null, `GET ${path(ticket)}`);

    expect(elsewhere.body).toMatchObject({ code: 'SESSION_NOT_FOUND', message: unknown.body['message'] });
    expect(after.body).toMatchObject(refused);
  });

  test.for([
    ['after half a minute', async (here: Entrance) => here.pass(30_000)],
    ['once the token behind it has ended', async (here: Entrance) => here.pass(20_000)],
  ] as const)('opens nothing %s', async ([, wait], { expect }) => {
    const { here } = await bench();
    await using _here = here;
    const ticket = await ticketOf(here, here.tokenFor(15));

    await wait(here);

    expect((await here.ask(null, `GET ${path(ticket)}`)).body).toMatchObject(refused);
  });

  test('opens nothing once the capability behind it was taken back, or its session is gone', async ({
    expect,
  }) => {
    const { here, token } = await bench();
    await using _here = here;
    const first = await here.capability(token, 'hers');
    const second = await here.capability(token, 'hers');
    const tickets = [await ticketOf(here, first.token), await ticketOf(here, second.token)];

    await here.must(token, `DELETE /session/hers/capabilities/${first.id}`);
    const revoked = await here.ask(null, `GET ${path(tickets[0] ?? '')}`);
    const own = await ticketOf(here, token);
    await here.must(token, 'DELETE /session/hers');
    await here.must(token, 'POST /session/create', { session_id: 'hers' });
    const gone = await here.ask(null, `GET ${path(tickets[1] ?? '')}`);
    const ofAnotherLife = await here.ask(null, `GET ${path(own)}`);

    expect([revoked.body, gone.body]).toMatchObject([refused, refused]);
    expect(ofAnotherLife.body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
  });

  test('ends with the token behind it', async ({ expect }) => {
    const { here } = await bench();
    await using _here = here;
    const ticket = await ticketOf(here, here.tokenFor(90));
    const events = await here.events(null, path(ticket));

    here.pass(40_000);
    await events.until(() => events.of('auth:expiring').length > 0, 'auth:expiring');
    here.pass(90_000);

    expect(await events.ended()).toBe('whole');
  });

  test('is no token: not in a header, a handshake, or the address of anything else', async ({ expect }) => {
    const { here, token } = await bench();
    await using _here = here;
    const ticket = await ticketOf(here, token);

    const asToken = await here.ask(ticket, 'GET /session/hers/status');
    const lines = [
      'GET /session/hers/status',
      'GET /session/hers/log',
      'GET /session/hers/export',
      'GET /sessions',
      'POST /session/hers/input',
      'POST /session/hers/ticket',
      'DELETE /session/hers',
    ];
    for (const line of lines) {
      const body = { user_input: 'A word' };
      const answer = await here.ask(
        null,
        `${line}?ticket=${ticket}`,
        line.startsWith('POST') ? { body } : {},
      );
      expect([line, answer.status]).toEqual([line, 401]);
    }

    expect(asToken.body).toMatchObject(refused);
    await expect(here.socket(ticket)).rejects.toMatchObject({ data: refused });
    expect((await here.events(null, path(ticket))).status).toBe(200);
  });

  test.for([
    ['nothing', ''],
    ['no secret', 'spt_'],
    ['a made-up one', `spt_${'A'.repeat(43)}`],
    ['two', 'spt_x&ticket=spt_y'],
    ['a NUL', '%00'],
    ['a long one', 'x'.repeat(5_000)],
  ] as const)('that was never given out opens nothing: %s', async ([, ticket], { expect }) => {
    const { here } = await bench();
    await using _here = here;

    const answer = await here.ask(null, `GET ${path(ticket)}`);

    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ ...refused, message: 'No valid credentials' });
  });
});
