// What is not there and what is somebody else's cost the same, so that no clock tells them apart.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { names, table } from '../support/access-table.ts';
import { doorsOf, newGuest } from '../support/doors.ts';
import type { Guest } from '../support/doors.ts';
import { openEntrance } from '../support/entrance.ts';
import type { Entrance } from '../support/entrance.ts';
import { vaultOf } from '../support/store-folder.ts';

/** What a server does by itself, whoever asks. */
const ofItsOwn = new Set(['takeOver', 'waitingAlerts', 'heads', 'healthy', 'compact', 'touch']);
const cases = names
  .filter((name) => table[name].kind === 'session' || table[name].kind === 'input')
  .flatMap((name) => doorsOf(name).map((door) => ({ name, door, by: door.name })));

describe.each([
  ['plain', vaultOf()],
  ['encrypted', vaultOf(1)],
])('[S-7] on a store that is %s', (_, vault) => {
  let here: Entrance;
  let methods: (keyof Store)[];
  const guests = new Map<string, Guest & Disposable>();
  const words = { turnId: randomUUID(), grantId: 'x'.repeat(43), alertId: '' };
  beforeAll(async () => {
    here = await openEntrance({ store: { directory: ':memory:', vault } });
    methods = [];
    for (let at: object | null = here.counted.store; at; at = Object.getPrototypeOf(at)) {
      const own = Object.getOwnPropertyNames(at).filter((name) => !ofItsOwn.has(name));
      methods.push(...(own as (keyof Store)[]));
    }
    const owner = await here.token();
    for (const session_id of ['hers', 'another']) {
      await here.must(owner, 'POST /session/create', { session_id });
      await here.must(owner, 'POST /input', { session_id, user_input: 'A word' });
    }
    const stranger = await here.token({ tenant: 'acme', name: 'bob' });
    const foreigner = await here.token({ tenant: 'beta', name: 'ada' });
    await here.must(stranger, 'POST /session/create', { session_id: 'his' });
    await here.must(foreigner, 'POST /session/create', { session_id: 'elsewhere' });
    const rights = ['read', 'write', 'export', 'erase'];
    const { token } = await here.capability(owner, 'another', { rights });
    guests.set('a stranger', newGuest(here.url, stranger, 'his'));
    guests.set('somebody of another tenant', newGuest(here.url, foreigner, 'elsewhere'));
    guests.set('who was let into another session', newGuest(here.url, token, 'another'));
  });
  afterAll(async () => {
    for (const guest of guests.values()) guest[Symbol.dispose]();
    await here?.[Symbol.asyncDispose]();
  });

  const counts = () => new Map(methods.map((method) => [method, here.counted.calls(method)]));
  /** Calls of each method while something is done. */
  async function callsOf(act: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = counts();
    await act();
    const calls = [...counts()].map(
      ([method, count]) => [method, count - (before.get(method) ?? 0)] as const,
    );
    return Object.fromEntries(calls.filter(([, count]) => count > 0));
  }

  test.for(cases)('$name by $by asks the store for both alike', async ({ name, door }) => {
    for (const [who, guest] of guests) {
      // who has an id of their own may make a session of it
      if (table[name].kind === 'input' && who !== 'who was let into another session') continue;
      const ask = (session_id: string) =>
        door.ask(here.url, guest, { ...table[name].input?.(words), session_id });
      await ask('not-');

      const foreign = await callsOf(() => ask('hers'));
      const unknown = await callsOf(() => ask('not-'));

      expect([who, foreign]).toEqual([who, unknown]);
    }
  });
});
