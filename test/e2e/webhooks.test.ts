// Integrators behind a real server that is killed: each tenant is told of its own sessions, whatever was acknowledged, with the ids it
// was told with before.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changeApiKeys } from '../../src/access/api-keys-file.ts';
import { newApiKey } from '../../src/access/api-keys.ts';
import { startRedis } from '../support/redis-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import { startServer, tempDir } from '../support/server-process.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { bodiesOf, entryOf, isSigned, storyOf, writeWebhooks } from '../support/webhooks.ts';

/** A key for all that somebody of the tenant may do with sessions; answers its token. */
async function keyOf(dataDir: string, tenant: string): Promise<string> {
  const { id, token, hash } = newApiKey();
  const key = {
    id,
    hash,
    name: tenant,
    subject: tenant,
    tenant,
    rights: ['create', 'read', 'write', 'erase'] as const,
    created_at: new Date().toISOString(),
    expires_at: null,
    revoked_at: null,
  };
  await changeApiKeys(join(dataDir, 'api-keys.json'), (keys) => ({
    keys: [...keys, { ...key, rights: [...key.rights] }],
    outcome: undefined,
  }));
  return token;
}

describe.each(['sqlite', 'redis'])('a server on %s that is killed right after an ack', (kind) => {
  it('tells each tenant its own, in order, once it is back', async () => {
    await using resources = new AsyncDisposableStack();
    const { path: dataDir } = resources.use(await tempDir());
    const [clinic, school, all] = [
      resources.use(await WebhookReceiver.open()),
      resources.use(await WebhookReceiver.open()),
      resources.use(await WebhookReceiver.open()),
    ];
    for (const receiver of [clinic, school, all]) receiver.habit = 503;
    const file = join(dataDir, 'webhooks.json');
    await writeWebhooks(file, [
      entryOf('clinic', clinic, { tenant: 'clinic' }),
      entryOf('school', school, { tenant: 'school' }),
      entryOf('all', all, { tenant: '*', events: ['session.created', 'session.deleted'] }),
    ]);
    const tokens = { clinic: await keyOf(dataDir, 'clinic'), school: await keyOf(dataDir, 'school') };
    const redis = kind === 'redis' ? resources.use(await startRedis()) : undefined;
    const env = {
      MODEL: 'guide',
      GUIDE_WORD_MS: '0',
      AUTH_MODE: 'key',
      WEBHOOKS_FILE: file,
      ...(redis && { REDIS_URL: redis.url }),
    };
    let server = resources.use(await startServer({ dataDir, env }));
    const ask = (line: string, tenant: keyof typeof tokens, body?: object) =>
      rest(server.url, line, {
        headers: { Authorization: `Bearer ${tokens[tenant]}` },
        ...(body && { body }),
      });
    for (const tenant of ['clinic', 'school'] as const) {
      const said = await ask(`POST ${pathOf(`of ${tenant}`, '/input')}`, tenant, { user_input: 'hello' });
      expect(said.status).toBe(200);
    }
    const [first] = await clinic.received(1);
    await ask('POST /api/v1/session/create', 'school', { session_id: 'gone' });
    const removed = await ask(`DELETE ${pathOf('gone')}`, 'school');
    await server.kill();
    const refused = [...clinic.calls, ...school.calls, ...all.calls].length;
    for (const receiver of [clinic, school, all]) {
      receiver.calls.length = 0;
      receiver.habit = 204;
    }
    server = resources.use(await startServer({ dataDir, env }));

    await Promise.all([clinic.received(2), school.received(3), all.received(3)]);

    expect(removed.status).toBeLessThan(300);
    expect(refused).toBeGreaterThan(0);
    expect(clinic.calls[0]?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    expect(storyOf(clinic, 'of clinic')).toEqual(['session.created', 'turn.done 1']);
    expect(storyOf(school, 'of school')).toEqual(['session.created', 'turn.done 1']);
    expect(storyOf(school, 'gone').at(-1)).toBe('session.deleted');
    expect(new Set(bodiesOf(clinic).map(({ tenant }) => tenant))).toEqual(new Set(['clinic']));
    expect(new Set(bodiesOf(school).map(({ tenant }) => tenant))).toEqual(new Set(['school']));
    expect(new Set(bodiesOf(all).map(({ tenant }) => tenant))).toEqual(new Set(['clinic', 'school']));
    const calls = [...clinic.calls, ...school.calls, ...all.calls];
    expect(calls.filter((call) => !isSigned(call))).toEqual([]);
  });
});
