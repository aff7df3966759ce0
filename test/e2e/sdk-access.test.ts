// The SDK before a server that asks who comes in: what it is told, what it does with it, and what it does not lose.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../client/sdk/client.ts';
import type { ChatClient, ChatSession, ConnectionState } from '../../client/sdk/api.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { failureOf, reaches, rests, shows, textOf, transports } from '../support/sdk.ts';
import { Terminal } from '../support/terminal-process.ts';
import { bearer, openJwtDesk, openKeyDesk, personToken } from '../support/tokens.ts';
import type { TokenDesk } from '../support/tokens.ts';

const ada = { tenant: 'acme', name: 'ada' };
const risk = 'I want to kill myself';
const reply = words(30);
const out = { name: 'ChatError', code: 'UNAUTHENTICATED', status: 401, retryable: false };

/** Every state that the connection comes to, in order. */
function statesOf({ connection }: ChatClient): ConnectionState[] {
  const states: ConnectionState[] = [];
  connection.subscribe(() => states.push(connection.get()));
  return states;
}
const isClosed = ({ phase }: ConnectionState) => phase === 'closed';

/** As a backend does it that keeps its key to itself. */
async function grantTo(client: ChatClient, id: string) {
  const granted = await client.request('session:grant', { session_id: id });
  return { token: granted.token, capabilityId: granted.capability_id };
}

describe.each([
  ['key', openKeyDesk],
  ['jwt', openJwtDesk],
])('with AUTH_MODE=%s', (mode, openDesk) => {
  const stack = new AsyncDisposableStack();
  let desk: TokenDesk;
  let scene: Scene;
  let token: string;
  beforeAll(async () => {
    desk = stack.use(await openDesk());
    token = await desk.token(ada);
    const env = { ...desk.env, RAW_REPLIES: '1', OLLAMA_SLOTS: '8', OLLAMA_STALL_MS: '600000' };
    scene = stack.use(await openScene({ env, fake: { behaviour: { reply } } }));
  });
  afterEach(() => scene.fake.release());
  afterAll(() => stack.disposeAsync());

  describe.for(transports)('over %s', (via) => {
    test.for([undefined, 'nonsense', `spc_${'A'.repeat(86)}`])(
      'a client with %s is told once that it is not let in',
      async (wrong) => {
        using client = createClient({
          url: scene.url,
          transports: [via],
          ...(wrong !== undefined && { token: wrong }),
        });
        const states = statesOf(client);
        const said = client.session('not let in').say('hello');

        expect(await failureOf(said.response)).toMatchObject(out);
        expect(client.connection.get()).toMatchObject({ phase: 'closed', error: out });
        expect(await failureOf(client.create())).toMatchObject(out);
        expect(states.filter(({ phase }) => phase === 'connecting')).toHaveLength(1);
        expect(states.filter(isClosed)).toHaveLength(1);
      },
    );

    test('a token lets in, and a capability into one session', async () => {
      using owner = createClient({ url: scene.url, transports: [via], token });
      const made = await owner.create({ session_id: `shared ${mode} ${via}` });
      const { token: capability } = await grantTo(owner, `shared ${mode} ${via}`);
      using holder = createClient({ url: scene.url, transports: [via], token: () => capability });
      const session = holder.session(`shared ${mode} ${via}`);

      expect(await textOf(session.say('I want to feel calm'))).toBe(reply);
      expect((await rests(made, 1)).turns).toMatchObject([{ user_input: 'I want to feel calm' }]);
      expect(await failureOf(holder.create())).toMatchObject({ code: 'FORBIDDEN', status: 403 });
      expect(await failureOf(session.export())).toMatchObject({ code: 'FORBIDDEN' });
      expect(await failureOf(holder.session('of somebody else').open())).toMatchObject({
        code: 'SESSION_NOT_FOUND',
      });
      expect(holder.connection.get()).toMatchObject({ phase: 'online', via });
    });

    test('a capability that is taken back in mid-reply ends it for its bearer alone', async () => {
      const id = `revoked ${mode} ${via}`;
      scene.fake.hold('piece', 7);
      using owner = createClient({ url: scene.url, transports: ['socket'], token });
      const made = await owner.create({ session_id: id });
      const { token: capability, capabilityId } = await grantTo(owner, id);
      using holder = createClient({ url: scene.url, transports: [via], token: capability });
      const session = holder.session(id);
      const said = session.say('hello');
      await shows(session, firstWords(reply, 7));
      await shows(made, firstWords(reply, 7));
      await owner.request('session:revoke', { session_id: id, capability_id: capabilityId });

      expect(await failureOf(said.response, 40_000)).toMatchObject(out);
      expect(holder.connection.get()).toMatchObject({ phase: 'closed', error: out });
      expect(session.state.get()).toMatchObject({ live: { text: firstWords(reply, 7) }, error: out });
      scene.fake.release();
      expect((await rests(made, 1)).turns).toMatchObject([{ state: 'done', text: reply }]);
    });
  });

  test.for(['stream', 'poll'] as const)(
    '[P-1] a refusal over %s brings the help for its words',
    async (via) => {
      using client = createClient({ url: scene.url, transports: [via] });
      const session = client.session('in danger');
      const said = session.say(risk);

      expect(await failureOf(said.response)).toMatchObject(out);
      const { help } = await reaches(session.state, (state) => state.help !== null, 'help');
      expect(help?.resources).not.toEqual([]);
      expect(help?.text).toBeTruthy();
    },
  );
});

describe('the terminal', () => {
  const stack = new AsyncDisposableStack();
  let server: GuideServer;
  let token: string;
  beforeAll(async () => {
    const desk = stack.use(await openKeyDesk());
    token = await desk.token(ada);
    server = stack.use(await startGuide(desk.env));
  });
  afterAll(() => stack.disposeAsync());

  async function run(env: Record<string, string>) {
    await using terminal = new Terminal({ url: server.url, args: ['terminal'], env });
    terminal.type('I want to feel calm\n');
    terminal.endInput();
    return { code: await terminal.exited(), stdout: terminal.stdout, stderr: terminal.stderr };
  }

  test('takes the token from the environment', async () => {
    const result = await run({ STILLPOINT_TOKEN: `${token}\n` });

    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('calm') });
    expect(result.stdout + result.stderr).not.toContain(token);
  });

  test.for([
    [{}, 'lets in only who has a token'],
    [{ STILLPOINT_TOKEN: 'nonsense' }, 'does not count here'],
  ] as const)('with %j says once that it is not let in', async ([env, line]) => {
    const result = await run(env);

    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr.split(line)).toHaveLength(2);
  });
});

describe('a token that runs out', () => {
  const stack = new AsyncDisposableStack();
  let server: GuideServer;
  beforeAll(async () => {
    const desk = stack.use(await openJwtDesk());
    server = stack.use(await startGuide(desk.env));
  });
  afterAll(() => stack.disposeAsync());
  /** Long enough to come in with, however busy the machine. */
  const SHORT_S = 5;
  const nowS = () => Math.floor(Date.now() / 1000);
  const short = () => personToken(ada, nowS(), SHORT_S);
  const long = () => personToken(ada, nowS());

  /** Resolves when that token lets nobody in any more. */
  async function isOver(token: string): Promise<void> {
    for (;;) {
      const answer = await rest(server.url, `GET ${pathOf('nothing', '/status')}`, {
        headers: bearer(token),
      });
      if (answer.status === 401) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test.concurrent.for(transports)(
    'over %s a function is asked for a fresh one in time',
    async (via, { expect }) => {
      const first = short();
      const given = [first];
      const token = () => given.shift() ?? long();
      using client = createClient({ url: server.url, transports: [via], token });
      const states = statesOf(client);
      const session = client.session(`refreshed ${via}`);
      await session.say('I want to feel calm').response;
      await isOver(first);
      await session.say('Yes, that is what I hope for').response;

      expect((await rests(session, 2)).turns.map(({ state }) => state)).toEqual(['done', 'done']);
      expect(states.map(({ phase }) => phase)).toEqual(['connecting', 'online']);
    },
  );

  test.concurrent.for(transports)(
    'over %s the end of a text is told as what it is',
    async (via, { expect }) => {
      const token = short();
      using client = createClient({ url: server.url, transports: [via], token });
      const session = client.session(`ended ${via}`);
      await session.say('I want to feel calm').response;
      await isOver(token);
      const late = session.say('Yes');

      expect(await failureOf(late.response)).toMatchObject(out);
      await reaches(client.connection, isClosed, 'an end');
      expect(client.connection.get()).toMatchObject({ error: out });
      expect(session.state.get().turns).toMatchObject([{ state: 'done' }]);
    },
  );

  test.concurrent('a fresh token is asked for when a socket finds out too late', async ({ expect }) => {
    const first = short();
    const given = [first, first];
    // what is handed in at the warning is no better
    const token = () => given.shift() ?? long();
    using client = createClient({ url: server.url, transports: ['socket'], token });
    const session = client.session('too late');
    await session.say('I want to feel calm').response;
    await isOver(first);
    await session.say('Yes, that is what I hope for').response;

    expect((await rests(session, 2)).turns.map(({ user_input: said }) => said)).toEqual([
      'I want to feel calm',
      'Yes, that is what I hope for',
    ]);
    expect(client.connection.get()).toMatchObject({ phase: 'online' });
  });
});

describe('a server that limits', () => {
  let server: GuideServer;
  beforeAll(async () => {
    server = await startGuide({ RATE_LIMIT: 'on', LIMITS: 'input_session=4/1' });
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const lines = ['One', 'Two', 'Three', 'Four', 'Five'];
  const inputsOf = (session: ChatSession) => session.state.get().turns.map(({ user_input: said }) => said);

  test.concurrent.for(transports)(
    'over %s gets each input once and in order, when it will',
    async (via, { expect }) => {
      using client = createClient({ url: server.url, transports: [via] });
      const session = client.session(`limited ${via}`);
      const replies = lines.map((line) => session.say(line));
      await reaches(
        session.state,
        ({ pending }) =>
          pending.some(({ error }) => error?.name === 'ChatError' && error.code === 'RATE_LIMITED'),
        'a refusal',
      );
      await Promise.all(replies.map(({ response }) => response));

      await rests(session, lines.length);
      expect(inputsOf(session)).toEqual(lines);
    },
  );

  test('takes requests where it takes no more connections, and a socket later', async () => {
    await using full = await startGuide({ RATE_LIMIT: 'on', LIMITS: 'connections_address=1' });
    using first = createClient({ url: full.url, transports: ['socket'] });
    await first.create();
    using second = createClient({ url: full.url });
    const states = statesOf(second);
    await second.create();
    first.close();
    await reaches(
      second.connection,
      (state) => state.phase === 'online' && state.via === 'socket',
      'a socket',
    );

    expect(states.flatMap((state) => (state.phase === 'online' ? [state.via] : []))).toEqual([
      'stream',
      'socket',
    ]);
  });
});
