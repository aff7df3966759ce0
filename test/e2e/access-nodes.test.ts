// What is taken back at one node ends connections at another.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closed } from '../support/entrance.ts';
import { enter } from '../support/doors.ts';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { pathOf } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { openEvents } from '../support/sse.ts';
import { bearer, openKeyDesk } from '../support/tokens.ts';
import type { KeyDesk } from '../support/tokens.ts';

let desk: KeyDesk;
let nodes: Nodes;
let owner: string;
let key: string;
beforeAll(async () => {
  desk = await openKeyDesk();
  [owner, key] = [
    await desk.token({ tenant: 'acme', name: 'ada' }),
    await desk.token({ tenant: 'acme', name: 'ada' }),
  ];
  nodes = await openNodes({ redis: await startRedis(), count: 2, env: { MODEL: 'guide', ...desk.env } });
});
afterAll(async () => {
  await nodes?.[Symbol.asyncDispose]();
  await desk?.[Symbol.asyncDispose]();
});

const ask = (index: number, token: string, line: string, body?: object): Promise<Answer> =>
  nodes.rest(index, line, { headers: bearer(token), ...(body && { body }) });

/** A session, and a token that somebody else has for it. */
async function share(id: string): Promise<{ token: string; capabilityId: string }> {
  await ask(0, owner, 'POST /api/v1/session/create', { session_id: id });
  const { body } = await ask(0, owner, `POST ${pathOf(id, '/capabilities')}`, {});
  return { token: String(body['token']), capabilityId: String(body['capability_id']) };
}

/** Whoever has that token at the second node: by a socket, an event stream and a long poll. */
async function visit(id: string, token: string) {
  const { url } = nodes.node(1);
  const socket = await enter(url, { auth: { token } });
  await socket.must('session:join', { session_id: id });
  const events = await openEvents(url, pathOf(id, '/events'), { headers: bearer(token) });
  await events.until(() => events.events.length > 0, 'the snapshot');
  const { cursor } = (await ask(1, token, `GET ${pathOf(id, '/log')}`)).body;
  const polled = ask(1, token, `GET ${pathOf(id, `/log?wait=25&after=${String(cursor)}`)}`);
  // a test that fails sooner does not wait for it
  polled.catch(() => undefined);
  return {
    /** The end of all three; the status of the poll. */
    ended: async () => {
      await closed(socket);
      await events.ended();
      return (await polled).status;
    },
  };
}

test('a capability that is revoked, a session that is deleted, a key that is revoked', async () => {
  const [revoked, deleted] = [await share('revoked'), await share('deleted')];
  await share('with a key');
  const [first, second, third] = [
    await visit('revoked', revoked.token),
    await visit('deleted', deleted.token),
    await visit('with a key', key),
  ];
  using other = await enter(nodes.node(1).url, { auth: { token: owner } });

  await ask(0, owner, `DELETE ${pathOf('revoked', `/capabilities/${revoked.capabilityId}`)}`);
  expect(await first.ended()).toBe(401);
  await ask(0, owner, `DELETE ${pathOf('deleted')}`);
  expect([401, 404]).toContain(await second.ended());
  await desk.revoke(key);
  expect(await third.ended()).toBe(401);

  for (const [id, token] of [
    ['revoked', revoked.token],
    ['deleted', deleted.token],
    ['with a key', key],
  ] as const) {
    for (const index of [0, 1]) {
      const refused = async (): Promise<boolean> =>
        (await ask(index, token, `GET ${pathOf(id, '/status')}`)).status === 401 ||
        // each node looks at the file of keys by itself
        (token === key && (await refused()));
      expect(await refused()).toBe(true);
    }
  }
  await expect(other.must('session:status', { session_id: 'with a key' })).resolves.toMatchObject({
    ok: true,
  });
});
