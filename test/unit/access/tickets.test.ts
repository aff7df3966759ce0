import { describe, expect, test } from 'vitest';
import type { Identity } from '../../../src/access/authenticator.ts';
import type { Reason } from '../../../src/access/reason.ts';
import { Tickets } from '../../../src/access/tickets.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';

const T = Date.UTC(2026, 0, 1);
const life = { tenant: 'acme', sessionId: 'a session', epoch: 'e1' };
const ada: Identity = {
  tenant: 'acme',
  subject: 'user:ada',
  person: 'user:ada',
  rights: new Set(['create', 'read', 'write', 'erase']),
  session: null,
  credential: 'jwt.one',
  expiresAt: null,
  ageBand: '13-17',
  locale: 'de',
};
const refused = { code: 'UNAUTHENTICATED', message: 'No valid credentials' };

async function bench() {
  let time = T;
  const now = () => time;
  const kept: string[] = [];
  const reasons: Reason[] = [];
  const revoked = new Set<string>();
  const store = await openSqlite({ directory: ':memory:', now, elapsed: now });
  const tickets = new Tickets({
    store: {
      keepOnce: (name, text, ms) => {
        kept.push(name, text);
        return store.keepOnce(name, text, ms);
      },
      takeOnce: (name) => store.takeOnce(name),
    },
    authenticator: { stillCounts: async ({ credential }) => !revoked.has(credential) },
    refusals: { report: (reason) => void reasons.push(reason) },
    now,
  });
  return {
    tickets,
    kept,
    reasons,
    revoked,
    pass: (ms: number) => void (time += ms),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

describe('a ticket', () => {
  test('lets whoever asked for it read one session', async () => {
    await using here = await bench();

    const { ticket, expiresAt } = await here.tickets.issue(ada, life);
    const identity = await here.tickets.take(ticket);

    expect(expiresAt).toBe(T + 30_000);
    expect(identity).toEqual({ ...ada, rights: new Set(['read']), session: life });
  });

  test('counts once, whoever comes first', async () => {
    await using here = await bench();
    const { ticket } = await here.tickets.issue(ada, life);

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => here.tickets.take(ticket)));

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(here.reasons).toHaveLength(19);
  });

  test('ends after half a minute', async () => {
    await using here = await bench();
    const { ticket } = await here.tickets.issue(ada, life);

    here.pass(30_000);

    await expect(here.tickets.take(ticket)).rejects.toMatchObject(refused);
  });

  test('gives no right to read where there was none', async () => {
    await using here = await bench();
    const { ticket } = await here.tickets.issue({ ...ada, rights: new Set(['write']) }, life);

    const { rights } = await here.tickets.take(ticket);

    expect(rights.size).toBe(0);
  });

  test('ends with what it was made by', async () => {
    await using here = await bench();
    const short = await here.tickets.issue({ ...ada, expiresAt: T + 1000 }, life);
    const revoked = await here.tickets.issue(ada, life);

    here.pass(1000);
    here.revoked.add(ada.credential);

    await expect(here.tickets.take(short.ticket)).rejects.toMatchObject(refused);
    await expect(here.tickets.take(revoked.ticket)).rejects.toMatchObject(refused);
    expect(here.reasons).toEqual(['expired', 'revoked']);
  });

  test('leaves nothing in the store that can be read without it', async () => {
    await using here = await bench();

    const { ticket } = await here.tickets.issue(ada, life);

    const [name = '', text = ''] = here.kept;
    const bytes = Buffer.from(text, 'base64url').toString('latin1');
    for (const word of ['acme', 'a session', 'ada', 'jwt.one', ticket.slice(4)]) {
      expect(name + text + bytes).not.toContain(word);
    }
    expect(name).toMatch(/^[\w-]{43}$/);
  });

  test.each([
    '',
    'spt_',
    `spt_${'A'.repeat(42)}`,
    `spt_${'A'.repeat(43)}`,
    `spt_${'A'.repeat(44)}`,
    'spc_x',
    '"',
  ])('%j is none', async (text) => {
    await using here = await bench();
    await here.tickets.issue(ada, life);

    await expect(here.tickets.take(text)).rejects.toMatchObject(refused);
  });
});
