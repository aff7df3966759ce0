// What a person says through the SDK: in order, each once, through lost answers, reloads, refusals and no network.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ChatSession } from '../../client/sdk/api.ts';
import { ChatError, createClient } from '../../client/sdk/client.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { failureOf, reaches, rests, shows, TabStorage, textOf, transports } from '../support/sdk.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { deadline } from '../support/wait.ts';

const replyTo = (messages: readonly { role: string; content: string }[]) =>
  words(12, (messages.findLast(({ role }) => role === 'user')?.content ?? '').replaceAll(/[^a-z]/g, ''));

let scene: Scene;
beforeAll(async () => {
  const env = { RAW_REPLIES: '1', OLLAMA_STALL_MS: '600000', OLLAMA_SLOTS: '8' };
  scene = await openScene({ env, fake: { behaviour: { reply: replyTo } } });
});
afterEach(() => scene.fake.release());
afterAll(() => scene[Symbol.asyncDispose]());

const openProxy = () => startTcpProxy({ target: scene.server.port });
const saidIn = async (session: ChatSession) => (await session.history()).turns.map((turn) => turn.user_input);
const coded = (code: string) => expect.objectContaining({ name: 'ChatError', code });

/** A condition that something outside of the clients is to meet. */
async function until(condition: () => Promise<boolean>, label: string): Promise<void> {
  const look = async () => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await deadline(look(), label);
}

describe.for(transports)('over %s', (via) => {
  test('[P-6] inputs said at once go out in order, each once', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`at once ${via}`);
    const inputs = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa'];

    const replies = inputs.map((text) => session.say(text));
    const responses = await Promise.all(replies.map(({ response }) => response));

    expect(responses.map(({ n }) => n)).toEqual(inputs.map((_, i) => i + 1));
    expect(await Promise.all(replies.map((reply) => textOf(reply)))).toEqual(
      inputs.map((text) => replyTo([{ role: 'user', content: text }])),
    );
    expect(await saidIn(session)).toEqual(inputs);
    expect(session.state.get().pending).toEqual([]);
  });

  test('[P-6] what is said without a network goes out in order, each once, as soon as there is one', async () => {
    await using proxy = await openProxy();
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(`offline ${via}`);
    await session.say('before').response;
    proxy.refuse();
    proxy.reset();

    const replies = ['alpha', 'beta', 'gamma'].map((text) => session.say(text));
    const { pending } = session.state.get();
    await reaches(client.connection, ({ phase }) => phase === 'waiting', 'a failed try');
    await proxy.accept();
    await Promise.all(replies.map(({ response }) => response));

    expect(pending.map(({ text }) => text)).toEqual(['alpha', 'beta', 'gamma']);
    expect(pending.every(({ state }) => state !== 'refused')).toBe(true);
    expect(await saidIn(session)).toEqual(['before', 'alpha', 'beta', 'gamma']);
  });

  test('[P-6] an input whose answer got lost is one turn (scenario 51)', async () => {
    await using proxy = await openProxy();
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = await client.create({ session_id: `ack lost ${via}` });
    await session.open();
    proxy.swallow('down');
    const reply = session.say('alpha');
    await until(
      async () =>
        (await scene.rest(`GET /api/v1/session/ack%20lost%20${via}/status`)).body['turn_count'] === 1,
      'the turn',
    );

    proxy.heal();
    proxy.reset();
    const response = await reply.response;

    expect(response).toMatchObject({ n: 1, turn_id: await reply.turnId });
    expect(await textOf(reply)).toBe(response.therapist_response);
    expect(await saidIn(session)).toEqual(['alpha']);
  });

  for (const end of ['closed', 'left'] as const) {
    test(`[P-6] an input whose answer got lost is one turn after a reload, the page before being ${end} (scenario 51)`, async () => {
      const id = `reload ${via} ${end}`;
      const storage = new TabStorage();
      await using proxy = await openProxy();
      using before = createClient({ url: proxy.url, transports: [via], storage });
      const old = await before.create({ session_id: id });
      await old.open();
      scene.fake.hold('piece', 5);
      proxy.swallow('down');
      old.say('alpha').response.catch(() => undefined);
      await until(async () => {
        const { body } = await scene.rest(`GET /api/v1/session/${encodeURIComponent(id)}/history`);
        return JSON.stringify(body).includes('alpha');
      }, 'the turn');

      if (end === 'closed') before.close();
      proxy.heal();
      if (end === 'closed') proxy.reset();
      else proxy.refuse();
      using after = createClient({ url: proxy.url, transports: [via], storage });
      const session = after.session(id);
      const { pending } = session.state.get();
      if (end === 'left') await proxy.accept();
      void session.open().catch(() => undefined);
      scene.fake.release();
      const { turns } = await rests(session, 1, 60_000);

      expect(pending).toMatchObject([{ text: 'alpha' }]);
      expect(turns).toMatchObject([{ user_input: 'alpha', state: 'done' }]);
      expect(await saidIn(session)).toEqual(['alpha']);
      expect(storage.text).not.toContain('alpha');
    });
  }

  test('what was never sent goes out after a reload, in order (scenario 51)', async () => {
    const id = `never sent ${via}`;
    const storage = new TabStorage();
    await using proxy = await openProxy();
    proxy.refuse();
    const before = createClient({ url: proxy.url, transports: [via], storage });
    for (const text of ['alpha', 'beta'])
      before
        .session(id)
        .say(text)
        .response.catch(() => undefined);
    before.close();

    await proxy.accept();
    using after = createClient({ url: proxy.url, transports: [via], storage });
    const session = after.session(id);
    const { pending } = session.state.get();
    void session.open().catch(() => undefined);
    await rests(session, 2, 60_000);

    expect(pending.map(({ text }) => text)).toEqual(['alpha', 'beta']);
    expect(await saidIn(session)).toEqual(['alpha', 'beta']);
  });

  test('the same input id said again by a new client is the same turn', async () => {
    const id = `same id ${via}`;
    using one = createClient({ url: scene.url, transports: [via] });
    using two = createClient({ url: scene.url, transports: [via] });

    const first = one.session(id).say('alpha', { inputId: 'mine' });
    const response = await first.response;
    const second = two.session(id).say('alpha', { inputId: 'mine' });

    expect(await second.turnId).toBe(response.turn_id);
    expect((await second.response).therapist_response).toBe(response.therapist_response);
    expect(await textOf(second)).toBe(response.therapist_response);
    expect(await failureOf(two.session(id).say('other', { inputId: 'mine' }).response)).toEqual(
      coded('IDEMPOTENCY_CONFLICT'),
    );
    expect(await saidIn(one.session(id))).toEqual(['alpha']);
  });

  test('a refused input says why, stays, and does not hold back the next one', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`refused ${via}`);
    const bad = session.say('\ud800');
    const next = session.say('alpha');

    const error = await failureOf(bad.response);
    await next.response;

    expect(error).toBeInstanceOf(ChatError);
    expect(error).toMatchObject({ code: 'VALIDATION_FAILED', status: 422, retryable: false });
    expect(error).toMatchObject({
      detail: [expect.objectContaining({ loc: expect.arrayContaining(['user_input']) })],
    });
    expect(await failureOf(bad.turnId)).toEqual(coded('VALIDATION_FAILED'));
    expect(await failureOf(textOf(bad))).toEqual(coded('VALIDATION_FAILED'));
    expect(session.state.get().pending).toMatchObject([
      { inputId: bad.inputId, state: 'refused', error: { code: 'VALIDATION_FAILED' } },
    ]);
    expect(await saidIn(session)).toEqual(['alpha']);
    expect(session.withdraw(bad.inputId)).toMatchObject({ inputId: bad.inputId });
    expect(session.state.get().pending).toEqual([]);
  });

  test('an empty input is refused by name', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const reply = client.session(`empty ${via}`).say('');

    expect(await failureOf(reply.response)).toEqual(coded('VALIDATION_FAILED'));
  });

  test('[P-1] [P-12] an input that is too long and shows risk is refused with words and numbers to show', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`too long ${via}`);
    const sentence = 'I want to kill myself. ';
    const reply = session.say(sentence.padEnd(16_001, 'x'));

    const error = await failureOf(reply.response);

    expect(error).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      status: 413,
      safety: { level: 'active', text: expect.stringMatching(/\S/) },
    });
    const { help } = session.state.get();
    expect(help?.level).toBe('active');
    expect(help?.text).toMatch(/\S/);
    expect(help?.resources.length).toBeGreaterThan(0);
  });

  test('an input far over what a socket takes is refused, and the connection goes on', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`huge ${via}`);
    const huge = session.say('x'.repeat(1_500_000));
    const next = session.say('alpha');

    expect(await failureOf(huge.response, 30_000)).toEqual(coded('PAYLOAD_TOO_LARGE'));
    await next.response;
    expect(await saidIn(session)).toEqual(['alpha']);
  });

  test('a refused input goes out again by resend, and is refused again', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`resend ${via}`);
    const bad = session.say('x'.repeat(16_001));
    await failureOf(bad.response);
    const states: string[] = [];
    session.state.subscribe(() => states.push(session.state.get().pending[0]?.state ?? 'none'));

    session.resend(bad.inputId);
    await reaches(
      session.state,
      ({ pending }) => pending[0]?.state === 'refused' && states.includes('sending'),
      'a second refusal',
    );

    expect(session.state.get().pending).toMatchObject([{ error: { code: 'PAYLOAD_TOO_LARGE' } }]);
  });

  test('what waits for the network can be withdrawn, and is never stored', async () => {
    await using proxy = await openProxy();
    using client = createClient({ url: proxy.url, transports: [via] });
    const session = client.session(`withdrawn ${via}`);
    await session.say('before').response;
    proxy.refuse();
    proxy.reset();
    await reaches(client.connection, ({ phase }) => phase !== 'online', 'the loss');
    const [one, two] = [session.say('alpha'), session.say('beta')];

    const taken = session.withdraw(one.inputId);
    await proxy.accept();
    await two.response;

    expect(taken).toMatchObject({ inputId: one.inputId, text: 'alpha' });
    expect(await failureOf(one.response)).toEqual(coded('TURN_CANCELLED'));
    expect(await saidIn(session)).toEqual(['before', 'beta']);
    expect(session.withdraw('no such input')).toBeUndefined();
  });

  test('[P-12] a risk said while a turn is live interrupts it, also behind inputs that wait', async () => {
    using client = createClient({ url: scene.url, transports: [via] });
    const session = client.session(`risk ${via}`);
    scene.fake.hold('piece', 5);
    const live = session.say('alpha');
    live.response.catch(() => undefined);
    await reaches(session.state, ({ live }) => live !== null && live.text !== '', 'words');
    const waiting = session.say('beta');
    waiting.response.catch(() => undefined);

    const risk = session.say('I want to kill myself');
    const response = await deadline(risk.response, 'the fixed reply');

    expect(response.source).toBe('safety');
    expect(session.state.get().help?.resources.length).toBeGreaterThan(0);
    expect(await failureOf(live.response)).toEqual(coded('TURN_CANCELLED'));
  });
});

describe('drafts', () => {
  const url = 'http://127.0.0.1:9';

  test('outlive a reload, each with its session', () => {
    const storage = new TabStorage();
    using before = createClient({ url, storage });
    before.session('a').keepDraft('half a sent');
    before.session('b').keepDraft('another');
    before.close();

    using after = createClient({ url, storage });

    expect(['a', 'b', 'c'].map((id) => after.session(id).draft)).toEqual(['half a sent', 'another', '']);
    expect(after.connection.get().phase).toBe('idle');
  });

  test('leave nothing behind when they are emptied', () => {
    const storage = new TabStorage();
    using client = createClient({ url, storage });
    client.session('a').keepDraft('half a sent');
    client.session('a').keepDraft('');

    expect([...storage.items]).toEqual([]);
  });

  test('and inputs stay in memory where the storage refuses to take them', async () => {
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new Error('quota');
      },
      removeItem: () => undefined,
    };
    using client = createClient({ url: scene.url, storage: full });
    const session = client.session('full storage');

    session.keepDraft('words');

    expect((await session.say('alpha').response).n).toBe(1);
  });

  test('and what is damaged in the storage is no reason to fail', async () => {
    const storage = new TabStorage();
    const setItem = storage.setItem.bind(storage);
    storage.setItem = (key) => setItem(key, '{"what":');
    using before = createClient({ url: 'http://127.0.0.1:9', storage });
    before
      .session('damaged')
      .say('lost')
      .response.catch(() => undefined);
    before.close();
    const damaged = new TabStorage();
    for (const [key] of storage.items)
      damaged.setItem(key.replace('http://127.0.0.1:9', scene.url), '[{"a":1},');

    using after = createClient({ url: scene.url, storage: damaged });
    const session = after.session('damaged');

    expect((await session.say('alpha').response).n).toBe(1);
    expect(await saidIn(session)).toEqual(['alpha']);
  });

  test('a live turn of another client shows up with its words', async () => {
    scene.fake.hold('piece', 6);
    using one = createClient({ url: scene.url });
    using two = createClient({ url: scene.url });
    one.session('both').say('alpha');
    await reaches(one.session('both').state, ({ live }) => live !== null, 'a live turn');
    await two.session('both').open();

    await shows(
      two.session('both'),
      replyTo([{ role: 'user', content: 'alpha' }])
        .split(' ')
        .slice(0, 6)
        .join(' '),
    );
    scene.fake.release();

    expect((await rests(two.session('both'), 1)).turns).toEqual(
      (await rests(one.session('both'), 1)).turns.map((turn) => ({
        ...turn,
        started_at: expect.any(String),
      })),
    );
  });
});
