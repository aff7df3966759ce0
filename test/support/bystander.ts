// A client that minds its own business while others send rubbish: after each group of bad input it must not have noticed.
import { expect } from 'vitest';
import { Client } from './fold.ts';
import type { GuideServer } from './guide-server.ts';
import { rest } from './rest.ts';
import { connect } from './socket-client.ts';
import type { SocketClient } from './socket-client.ts';

/** What must be in no answer: stacks, paths, modules, SQL. */
const internal =
  /\n\s+at |node_modules|\/src\/|file:\/\/|\.ts\b|sqlite_|SELECT |constraint|TypeError|RangeError|SyntaxError/;

/** Asserts that an answer, whole as it came, tells nothing internal. */
export function expectHarmless(answer: string): void {
  expect(answer).not.toMatch(internal);
}

async function sessionIds(url: string): Promise<unknown[]> {
  const { body } = await rest(url, 'GET /api/v1/sessions');
  const sessions = Array.isArray(body['sessions']) ? body['sessions'] : [];
  return [body['total_sessions'], ...sessions.map((entry: { session_id?: unknown }) => entry.session_id)];
}

export class Bystander {
  readonly #server: GuideServer;
  readonly #socket: SocketClient;
  readonly #client: Client;
  #sessions: unknown[] = [];

  constructor(server: GuideServer, socket: SocketClient, client: Client) {
    this.#server = server;
    this.#socket = socket;
    this.#client = client;
  }

  /** Takes the sessions that are there now as what is to stay. */
  async settle(): Promise<void> {
    this.#sessions = await sessionIds(this.#server.url);
  }

  /** The same connection still gets whole replies, no session came or went, and the server reports no fault of its own. */
  async expectUnharmed(): Promise<void> {
    expect(this.#socket.socket.connected).toBe(true);
    const words = { session_id: this.#client.sessionId, user_input: 'I want to feel calm' };
    const { turn_id: turnId } = await this.#socket.must('session:input', words);
    const turn = await this.#client.ended(String(turnId));
    expect(turn).toMatchObject({ state: 'done', userInput: 'I want to feel calm' });
    expect(turn.text).not.toBe('');
    expect(await sessionIds(this.#server.url)).toEqual(this.#sessions);
    expect(this.#server.process.log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
    expect(this.#server.process.stderr).toBe('');
  }

  close(): void {
    this.#socket.close();
  }
}

export async function standBy(server: GuideServer): Promise<Bystander> {
  const socket = await connect(server.url);
  const client = socket.feed(new Client('bystander'));
  await socket.must('session:create', 'bystander');
  const bystander = new Bystander(server, socket, client);
  await bystander.settle();
  return bystander;
}
