// Small things, done as fast as they go: sessions made, ids that are taken, pages of a history; beside an answer that does nothing.
import { Agent, request } from 'undici';
import { pathOf } from '../../test/support/rest.ts';
import { inParallel, openPerson } from '../nodes/talk.ts';
import { cpuMs, load } from '../shared/machine.ts';
import { median } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';
import { LightSocket } from './light.ts';
import { openOther, openOurs } from './servers.ts';
import type { Measured } from './servers.ts';

const SOCKETS = 8;
/** Asked for at a time. */
const AT_ONCE = 16;
const TAKEN = 'taken';

interface Rate {
  perSecond: number;
  /** CPU of the server for one, in µs. */
  us: number;
}

/** Does number `n`. @throws it was not answered as expected */
type Operation = (n: number) => Promise<void>;

/** Pages are long: so many fewer of them are asked for. */
const FEWER = 10;

function expect(answer: string, expected: string): void {
  if (!answer.includes(expected)) throw new Error(`answered otherwise: ${answer.slice(0, 200)}`);
}

/** One server, and all that is asked of it, by name. */
class Asked implements AsyncDisposable {
  readonly server: Measured;
  readonly #sockets: readonly LightSocket[];
  readonly #dispatcher = new Agent({ connections: SOCKETS });
  /** Ours makes of everything what it should; the other one answers. */
  readonly #isOurs: boolean;
  readonly #name: string;

  private constructor(server: Measured, sockets: readonly LightSocket[], isOurs: boolean) {
    this.server = server;
    this.#sockets = sockets;
    this.#isOurs = isOurs;
    this.#name = isOurs ? 'ours' : 'other';
  }

  static async open(server: Measured, isOurs: boolean): Promise<Asked> {
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => LightSocket.open(server.url)));
    return new Asked(server, sockets, isOurs);
  }

  async #call(n: number, event: string, payload: object, expected: string): Promise<void> {
    const answer = await this.#sockets[n % SOCKETS]?.call(event, payload);
    expect(answer ?? '', this.#isOurs ? expected : '"ok":true');
  }

  async #ask(method: 'GET' | 'POST', path: string, body: object | null, expected: string): Promise<void> {
    const { dispatcher, headers } = { dispatcher: this.#dispatcher, headers: json };
    const answer = await request(`${this.server.url}${path}`, {
      method,
      dispatcher,
      ...(body && { headers, body: JSON.stringify(body) }),
    });
    expect(await answer.body.text(), this.#isOurs ? expected : '"ok":true');
  }

  /** Under what they are told. `run`: ids of different runs are different. */
  operations(run: number): Map<string, Operation> {
    const id = (n: number, way: string) => ({ session_id: `${this.#name}-${way}-${run}-${n}` });
    const taken = { session_id: TAKEN };
    const create = '/api/v1/session/create';
    const history = pathOf(TAKEN, '/history');
    const page = { ...taken, limit: 50 };
    return new Map<string, Operation>([
      ['a session is made, socket', (n) => this.#made(n, id(n, 'socket'))],
      ['a session is made, REST', (n) => this.#ask('POST', create, id(n, 'rest'), '"created":true')],
      ['an id is taken, socket', (n) => this.#call(n, 'session:create', taken, 'SESSION_CONFLICT')],
      ['an id is taken, REST', () => this.#ask('POST', create, taken, 'SESSION_CONFLICT')],
      ['a page of 50 turns, socket', (n) => this.#call(n, 'session:history', page, '"turns":')],
      ['a page of 50 turns, REST', () => this.#ask('GET', `${history}?limit=50`, null, '"turns":')],
      ['all turns, REST', () => this.#ask('GET', `${history}?limit=200`, null, '"turns":')],
    ]);
  }

  /** Made and left: a socket follows at most 200 sessions. */
  async #made(n: number, id: object): Promise<void> {
    await this.#call(n, 'session:create', id, '"created":true');
    await this.#call(n, 'session:leave', id, '"ok":true');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await this.#dispatcher.close();
  }
}

const json = { 'Content-Type': 'application/json' };

async function rateOf({ server }: Asked, operation: Operation, count: number): Promise<Rate> {
  const [from, before] = [performance.now(), cpuMs(server.pid)];
  await inParallel(count, AT_ONCE, operation);
  const us = ((cpuMs(server.pid) - before) * 1_000) / count;
  return { perSecond: (count * 1_000) / (performance.now() - from), us };
}

/** Somebody says that many things in the session whose id is taken. */
async function talk({ url }: Measured, turns: number): Promise<void> {
  using person = await openPerson(url);
  await person.call('session:create', { session_id: TAKEN });
  for (let n = 0; n < turns; n += 1) await person.turn(TAKEN, `It is thing number ${n} that I think of`);
}

/** What is done, and how it went each time. */
type Rates = Map<string, { ours: Rate[]; other: Rate[] }>;

async function repeat(ours: Asked, other: Asked, repeats: number, count: number): Promise<Rates> {
  const rates: Rates = new Map();
  // the first time is for the compiler
  for (let n = -1; n < repeats; n += 1) {
    const others = other.operations(n);
    for (const [name, operation] of ours.operations(n)) {
      const beside = others.get(name);
      if (!beside) continue;
      const times = name.includes('turns') ? count / FEWER : count;
      const [mine, theirs] = [await rateOf(ours, operation, times), await rateOf(other, beside, times)];
      if (n < 0) continue;
      const found = rates.get(name) ?? { ours: [], other: [] };
      found.ours.push(mine);
      found.other.push(theirs);
      rates.set(name, found);
    }
  }
  return rates;
}

function rowsOf(rates: Rates): Row[] {
  return [...rates].flatMap(([name, { ours, other }]) => {
    const cells = (key: keyof Rate) => [ours, other].map((list) => median(list.map((rate) => rate[key])));
    return [
      { what: `${name}: CPU of the server`, unit: 'µs', cells: cells('us') },
      { what: name, unit: '1/s', cells: cells('perSecond') },
    ];
  });
}

export async function rates({ quick }: { quick: boolean }): Promise<Part> {
  const [repeats, count, turns] = quick ? [1, 200, 50] : [3, 2_000, 200];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openOurs());
  const echo = stack.use(await openOther('relay-echo'));
  await talk(server, turns);
  const ours = stack.use(await Asked.open(server, true));
  const other = stack.use(await Asked.open(echo, false));
  return {
    name: 'rates',
    title: `Small things, ${AT_ONCE} at a time, in a server whose longest session has ${turns} turns`,
    systems: ['Stillpoint', 'bare echo'],
    rows: rowsOf(await repeat(ours, other, repeats, count)),
    notes: [
      'The bare echo is Socket.IO and Express with an answer that says nothing.',
      'How many a second is also what one client can ask for: it is a process beside the server.',
      'By socket a session that is made is left again, which is an event more on both sides.',
    ],
    load: load(),
  };
}
