// Who gets what by which door: two names in two tenants, those who were let in, and nobody, at every operation of the table.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../src/contract/operations.ts';
import { Right } from '../../src/contract/model.ts';
import type { OperationName, Right as RightName } from '../../src/contract/types.ts';
import { names, once, table, withSession } from '../support/access-table.ts';
import type { Fields, Names } from '../support/access-table.ts';
import { doorsOf, newGuest } from '../support/doors.ts';
import type { Door, Guest, Reply } from '../support/doors.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { operatorKey } from '../support/node-pair.ts';
import { pathOf, rest } from '../support/rest.ts';
import { bearer, openJwtDesk, openKeyDesk } from '../support/tokens.ts';
import type { TokenDesk } from '../support/tokens.ts';

/** What stands in every field of a session that holds words; nobody else may ever read it. */
const CANARY = 'canary-of-ada';
const RISK = 'I am going to kill myself tonight';

/** All of one tenant and one name but `stranger` (another name), `twin` (the same name elsewhere) and `foreigner` (neither). */
const people = {
  owner: { tenant: 'acme', name: 'ada' },
  stranger: { tenant: 'acme', name: 'bob' },
  twin: { tenant: 'beta', name: 'ada' },
  foreigner: { tenant: 'beta', name: 'bob' },
} as const;
type Who = keyof typeof people;
const everybody = Object.keys(people) as Who[];

/** A session of the owner with a turn that was cancelled, a capability nobody uses, and somebody who was let in. The alert is of somebody else. */
interface Stage extends Names {
  id: string;
  holder: Guest & Disposable;
}

const Admitted = z.looseObject({ turn_id: z.string() });
const Granted = z.looseObject({ capability_id: z.string(), token: z.string() });
const Alerts = z.looseObject({ alerts: z.array(z.looseObject({ alert_id: z.string() })) });
/** All that a capability can give. */
const held = ['read', 'write', 'export', 'erase'];
const newId = () => `mine-${randomUUID()}`;

class Cast implements AsyncDisposable {
  readonly guests = new Map<string, Guest>();
  readonly #server: GuideServer;
  readonly #stack: AsyncDisposableStack;
  alertId = '';

  private constructor(server: GuideServer, stack: AsyncDisposableStack) {
    this.#server = server;
    this.#stack = stack;
  }

  /** Keys are made first: a server looks for new ones only now and then. */
  static async open(openDesk: () => Promise<TokenDesk>): Promise<Cast> {
    await using stack = new AsyncDisposableStack();
    const desk = stack.use(await openDesk());
    const tokens = new Map<string, string | null>([['nobody', null]]);
    tokens.set('bystander', await desk.token({ tenant: 'acme', name: 'eve' }));
    for (const who of everybody) tokens.set(who, await desk.token(people[who]));
    for (const right of Right.options) {
      // who may write may read
      const opening: readonly string[] = right === 'read' ? ['read', 'write'] : [right];
      const rights = Right.options.filter((other) => !opening.includes(other));
      tokens.set(`without ${right}`, await desk.token({ ...people.owner, rights }));
    }
    const env = { ...desk.env, OPERATOR_KEY: operatorKey, GUIDE_WORD_MS: '10' };
    const server = stack.use(await startGuide(env));
    const cast = new Cast(server, stack.move());
    for (const [name, token] of tokens) cast.#enter(name, token, `own-of-${name}`);
    await cast.#settle();
    return cast;
  }

  get url(): string {
    return this.#server.url;
  }

  guest(name: string): Guest {
    const guest = this.guests.get(name);
    if (!guest) throw new Error(`there is no ${name}`);
    return guest;
  }

  #enter(name: string, token: string | null, ownSession: string): void {
    this.guests.set(name, this.#stack.use(newGuest(this.url, token, ownSession)));
  }

  /** Everybody has a session of their own, somebody is let into the owner's, and one more has an alert. */
  async #settle(): Promise<void> {
    for (const who of everybody) {
      await this.must(who, 'POST /api/v1/session/create', { session_id: `own-of-${who}` });
    }
    const other = Granted.parse(
      await this.must('owner', `POST ${pathOf('own-of-owner', '/capabilities')}`, { rights: held }),
    );
    this.#enter('holder of another', other.token, 'own-of-owner');
    // of a person the next sessions begin with care: somebody else's must not change what is tested
    await this.must('bystander', 'POST /api/v1/input', { session_id: 'alarmed', user_input: RISK });
    this.alertId = (await this.alerts())[0] ?? '';
  }

  async alerts(): Promise<string[]> {
    const answer = await rest(this.url, 'GET /api/v1/operator/alerts', { headers: bearer(operatorKey) });
    return Alerts.parse(answer.body).alerts.map(({ alert_id: id }) => id);
  }

  /** All that the server has written. */
  get log(): string {
    return this.#server.process.stdout + this.#server.process.stderr;
  }

  async must(who: string, line: string, body?: Fields): Promise<Fields> {
    const headers = { ...bearer(this.guest(who).token), Prefer: 'respond-async' };
    const answer = await rest(this.url, line, { headers, ...(body && { body }) });
    if (answer.status >= 300) throw new Error(`${line} was refused: ${answer.text}`);
    return answer.body;
  }

  async stage(): Promise<Stage> {
    const id = newId();
    const more = { client_id: CANARY, metadata: { note: CANARY } };
    await this.must('owner', 'POST /api/v1/session/create', { session_id: id, ...more });
    const turnId = await this.#cancelled(id);
    const grant = async (body: Fields) =>
      Granted.parse(await this.must('owner', `POST ${pathOf(id, '/capabilities')}`, body));
    const { capability_id: grantId } = await grant({ label: CANARY });
    const { token } = await grant({ rights: held });
    const holder = this.#stack.use(newGuest(this.url, token, id));
    return { id, turnId, grantId, alertId: this.alertId, holder };
  }

  /** A turn that was cancelled; one that was faster is followed by another. */
  async #cancelled(id: string): Promise<string> {
    const said = { user_input: `Here is the ${CANARY}` };
    for (;;) {
      const { turn_id: turnId } = Admitted.parse(
        await this.must('owner', `POST ${pathOf(id, '/input')}`, said),
      );
      const { state } = await this.must('owner', `POST ${pathOf(id, `/turns/${turnId}/cancel`)}`);
      if (state === 'cancelled') return turnId;
    }
  }

  /** All that is kept of a session, as its owner sees it. */
  async stateOf({ id }: Stage): Promise<string> {
    const kept = await Promise.all([
      this.must('owner', `GET ${pathOf(id, '/export')}`),
      this.must('owner', `GET ${pathOf(id, '/capabilities')}`),
    ]);
    return JSON.stringify(kept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

const needOf = (name: OperationName): string => operations[name].needs;
const isRight = (need: string): need is RightName => Right.safeParse(need).success;

/** Whether the operation is one for those who were let into a session. */
const mayHold = (name: OperationName): boolean =>
  !['create', 'grant'].includes(needOf(name)) && table[name].kind !== 'list';

/** What somebody without rights to that session is refused with; null: it is not refused. The twin takes the id in the other tenant. */
function refusalFor(name: OperationName, who: string): string | null {
  const { kind } = table[name];
  if (kind === 'open') return null;
  if (kind === 'operator' || who === 'nobody') return 'UNAUTHENTICATED';
  if (who.startsWith('without ')) return 'FORBIDDEN';
  const isLetIn = who === 'holder of another';
  if (isLetIn && !mayHold(name)) return 'FORBIDDEN';
  if (kind === 'session' || (isLetIn && kind === 'input')) return 'SESSION_NOT_FOUND';
  if (kind === 'create' || kind === 'input') return who === 'twin' ? null : 'SESSION_CONFLICT';
  return null;
}

/** The letters of an id are the only thing in which two refusals may differ. */
const comparable = ({ text: _text, ...reply }: Reply, id: string): unknown =>
  JSON.parse(JSON.stringify(reply).replaceAll(id, '<id>'));

const onlyOwn = ({ body }: Reply): object => {
  const { sessions } = z.looseObject({ sessions: z.array(z.unknown()) }).parse(body);
  return { total_sessions: sessions.length };
};

/** Everybody but the owner and who was let in. */
function outsiders(name: OperationName, door: Door): string[] {
  const need = needOf(name);
  const poor = isRight(need) ? [`without ${need}`] : [];
  const byTicket = door.name.endsWith('by ticket');
  const others = ['nobody', 'stranger', 'twin', 'foreigner', 'holder of another'];
  return byTicket ? others : [...others, ...poor];
}

const modes: [mode: string, openDesk: () => Promise<TokenDesk>][] = [
  ['jwt', openJwtDesk],
  ['key', openKeyDesk],
];
const cases = names.flatMap((name) => doorsOf(name).map((door) => ({ name, door, by: door.name })));

test('every operation of the contract has a row', () => {
  expect(names.toSorted()).toEqual(Object.keys(operations).toSorted());
});

describe.each(modes)('[S-7] with AUTH_MODE=%s', (_, openDesk) => {
  let cast: Cast;
  beforeAll(async () => void (cast = await Cast.open(openDesk)));
  afterAll(async () => await cast?.[Symbol.asyncDispose]());

  test.concurrent.for(cases)('$name by $by', async ({ name, door }, { expect }) => {
    const row = table[name];
    const stage = await cast.stage();
    const unknown = newId();
    const before = await cast.stateOf(stage);
    const ask = (guest: Guest, stage: Stage, id: string) => {
      const input = row.kind === 'own' ? { token: guest.token } : row.input?.(stage);
      const ofSession = withSession.has(row.kind) ? { session_id: id } : {};
      return door.ask(cast.url, guest, { ...input, ...ofSession });
    };

    for (const who of outsiders(name, door)) {
      const refusal = refusalFor(name, who);
      const reply = await ask(cast.guest(who), stage, stage.id);

      expect([who, reply.code]).toEqual([who, refusal]);
      expect(reply.text).not.toContain(CANARY);
      if (row.kind === 'list' && reply.isOk) expect(reply.body).toMatchObject(onlyOwn(reply));
      if (refusal === null || refusal === 'SESSION_CONFLICT') continue;
      const other = { ...stage, alertId: randomUUID() };
      const unseen = await ask(cast.guest(who), other, unknown);
      expect([who, comparable(reply, stage.id)]).toEqual([who, comparable(unseen, unknown)]);
    }
    expect(await cast.stateOf(stage)).toBe(before);

    const second = once.has(name) ? await cast.stage() : stage;
    const held = await ask(stage.holder, stage, row.kind === 'create' ? newId() : stage.id);
    const own = await ask(cast.guest('owner'), second, row.kind === 'create' ? newId() : second.id);
    const isClosed = row.kind === 'operator';
    expect(held).toMatchObject({ isOk: mayHold(name) && !isClosed });
    expect(own).toMatchObject({ isOk: !isClosed });
  });

  test('[P-12] an input that shows risk is refused with help, and calls nobody to a session of somebody else', async () => {
    const stage = await cast.stage();
    const before = [await cast.stateOf(stage), await cast.alerts()];
    const refused = ['nobody', 'stranger', 'without write', 'holder of another'];

    for (const who of refused) {
      for (const id of who === 'stranger' ? [stage.id] : [stage.id, newId()]) {
        const headers = bearer(cast.guest(who).token);
        const body = { user_input: RISK };
        const answer = await rest(cast.url, `POST ${pathOf(id, '/input')}`, { headers, body });
        expect([who, answer.body['code']]).toEqual([who, refusalFor('session:input', who)]);
        expect(answer.body).toMatchObject({ safety: { level: 'plan', text: expect.any(String) } });
      }
    }

    expect([await cast.stateOf(stage), await cast.alerts()]).toEqual(before);
  });

  test('who was let into one session learns nothing of another of the same owner by repeating an input', async () => {
    const stage = await cast.stage();
    const said = { user_input: 'A word', input_id: randomUUID() };
    await cast.must('owner', `POST ${pathOf(stage.id, '/input')}`, said);
    const headers = bearer(cast.guest('holder of another').token);

    for (const user_input of [said.user_input, 'Another word']) {
      const body = { ...said, user_input };
      const answer = await rest(cast.url, `POST ${pathOf(stage.id, '/input')}`, { headers, body });
      expect(answer.body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
    }
  });

  test('neither the log nor what anybody may read holds a token, an id of a session or a word of it', async () => {
    const open = ['/metrics', '/health', '/readyz', '/safety'].map((path) => rest(cast.url, `GET ${path}`));
    const pages = (await Promise.all(open)).map(({ text }) => text);
    const written = [cast.log, ...pages].join('\n').toLowerCase();
    const tokens = [...cast.guests.values()].flatMap(({ token }) => token ?? []);

    for (const text of [CANARY, 'mine-', 'own-of-', 'alarmed', 'a quiet word', ...tokens]) {
      expect(written.includes(text.toLowerCase())).toBe(false);
    }
  });
});
