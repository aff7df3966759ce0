// Many replies through one application, with everybody looking on: all that anybody could have seen is kept.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openWebhook } from '../../src/ops/webhook.ts';
import type { AuditRecord } from '../../src/store/escalation.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from './app.ts';
import type { TestApp } from './app.ts';
import { Client } from './fold.ts';
import type { FoldedTurn } from './fold.ts';
import { pathOf, rest } from './rest.ts';
import { ScriptedModel } from './scripted-model.ts';
import type { Run } from './scripted-model.ts';
import { connect } from './socket-client.ts';
import type { SocketClient } from './socket-client.ts';
import { openEvents } from './sse.ts';
import type { EventReader } from './sse.ts';
import { newFolder } from './store-folder.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

/** What the model says in one turn. */
export type Reply = Run;

export interface WireOptions {
  /** Sessions that talk at the same time. */
  sessions: number;
  /** Said in each of them first. */
  before?: readonly string[];
  rawReplies?: boolean;
}

const Done = z.looseObject({
  turn_id: z.string(),
  therapist_response: z.string(),
  source: z.string(),
  safety: z.looseObject({ mode: z.string(), guarded: z.boolean() }),
});
export type Done = z.output<typeof Done>;

const secret = 'secret-for-tests-0123456789abcdefghijkl';
const INPUT = 'Tell me what comes to your mind at number';

interface Talk {
  client: Client;
  stream: EventReader;
  polls: Promise<string[]>;
}

export class WireRun implements AsyncDisposable {
  readonly app: TestApp;
  readonly model: ScriptedModel;
  readonly directory: string;
  readonly receiver: WebhookReceiver;
  readonly logged: string[];
  /** One speaks and follows, the other follows. */
  readonly sockets: readonly [SocketClient, SocketClient];
  readonly #talks = new Map<string, Talk>();
  readonly #replies: Reply[];
  readonly #leave = new AbortController();
  readonly #resources: AsyncDisposableStack;

  constructor(
    parts: Pick<WireRun, 'app' | 'model' | 'directory' | 'receiver' | 'logged' | 'sockets'>,
    replies: Reply[],
    resources: AsyncDisposableStack,
  ) {
    this.app = parts.app;
    this.model = parts.model;
    this.directory = parts.directory;
    this.receiver = parts.receiver;
    this.logged = parts.logged;
    this.sockets = parts.sockets;
    this.#replies = replies;
    this.#resources = resources;
  }

  static async open({ sessions, before = [], rawReplies = true }: WireOptions): Promise<WireRun> {
    await using stack = new AsyncDisposableStack();
    const directory = stack.use(await newFolder()).path;
    const receiver = stack.use(await WebhookReceiver.open());
    const replies: Reply[] = [];
    const model = new ScriptedModel({
      always: (request) => {
        const reply = replies[Number(/\d+$/.exec(request.messages.at(-1)?.content ?? '')?.[0])] ?? [];
        return typeof reply === 'function' ? reply(request) : reply;
      },
    });
    const logged: string[] = [];
    const keep = (fields: object, message: string) =>
      logged.push(`${message} ${JSON.stringify(told(fields))}`);
    const target = { url: receiver.url, secret, privateHosts: ['127.0.0.1'] };
    const app = stack.use(
      await startApp({
        store: await openSqlite({ directory }),
        speakers: { model, fallback: null },
        webhook: stack.use(openWebhook(target, Date.now)),
        slots: new LocalSlots({ size: sessions, maxWaiting: 100 }),
        rawReplies,
        log: { debug: keep, info: keep, warn: keep, error: keep },
      }),
    );
    const sockets = [stack.use(await connect(app.url)), stack.use(await connect(app.url))] as const;
    const parts = { app, model, directory, receiver, logged, sockets };
    const run = new WireRun(parts, replies, stack.move());
    for (let i = 0; i < sessions; i += 1) await run.#begin(`talk-${i}`, before);
    return run;
  }

  async #begin(id: string, before: readonly string[]): Promise<void> {
    const [speaker, follower] = this.sockets;
    const client = speaker.feed(new Client(id));
    await speaker.must('session:create', id);
    await follower.must('session:join', { session_id: id });
    const stream = await openEvents(this.app.url, pathOf(id, '/events'));
    this.#talks.set(id, { client, stream, polls: this.#poll(id) });
    for (const words of before) await this.#input(client, words);
  }

  async #input(client: Client, words: string): Promise<FoldedTurn> {
    const { sessionId: session_id } = client;
    const { turn_id } = await this.sockets[0].must('session:input', { session_id, user_input: words });
    return client.ended(String(turn_id));
  }

  async #poll(id: string): Promise<string[]> {
    const answers: string[] = [];
    const { signal } = this.#leave;
    for (let cursor = ''; !signal.aborted;) {
      const after = cursor === '' ? '' : `&after=${encodeURIComponent(cursor)}`;
      const line = `GET ${pathOf(id, `/log?wait=30${after}`)}`;
      const answer = await rest(this.app.url, line, { signal, ms: 60_000 }).catch(() => undefined);
      if (!answer) break;
      answers.push(answer.text);
      const next = answer.body['cursor'] ?? answer.headers['x-cursor'];
      cursor = typeof next === 'string' ? next : '';
    }
    return answers;
  }

  /**
   * Has the model say all of it, each reply in a turn of its own; the turns in the same order. A turn in which the model is not
   * asked, because a fixed line is due, is followed by another one.
   */
  async say(replies: readonly Reply[]): Promise<FoldedTurn[]> {
    const first = this.#replies.push(...replies) - replies.length;
    const turns: FoldedTurn[] = [];
    let next = 0;
    const talk = async ({ client }: Talk): Promise<void> => {
      while (next < replies.length) {
        const mine = next;
        next += 1;
        for (;;) {
          const turn = await this.#input(client, `${INPUT} ${first + mine}`);
          if (!this.#wasAsked(first + mine)) continue;
          turns[mine] = turn;
          break;
        }
      }
    };
    await Promise.all(Array.from(this.#talks.values(), talk));
    return turns;
  }

  #wasAsked(reply: number): boolean {
    const words = `${INPUT} ${reply}`;
    return this.model.asked.some(({ messages }) => messages.at(-1)?.content === words);
  }

  /** By the session, fed by the first socket. */
  get clients(): ReadonlyMap<string, Client> {
    return new Map(Array.from(this.#talks, ([id, { client }]) => [id, client]));
  }

  /** All that the server answers about the sessions when it is asked now. */
  async answers(): Promise<string[]> {
    const answers = await Promise.all(Array.from(this.#talks.keys(), (id) => this.#read(id)));
    return answers.flat();
  }

  /** What the first socket was told at the end of each turn. */
  responses(): Map<string, Done> {
    return new Map(
      this.sockets[0].of('therapist:done').map((data) => {
        const done = Done.parse(data);
        return [done.turn_id, done];
      }),
    );
  }

  async audit(): Promise<AuditRecord[]> {
    const all: AuditRecord[] = [];
    for (;;) {
      const page = await this.app.parts.store.audit(all.length, 1_000);
      if (page.length === 0) return all;
      all.push(...page);
    }
  }

  /** All that anybody has seen, and all that is kept, by who or where. */
  async seen(): Promise<Map<string, Buffer>> {
    const [speaker, follower] = this.sockets;
    await Promise.all(
      Array.from(this.#talks, async ([id, { client, stream }]) => {
        const isWhole = () => stream.events.some(({ id: at }) => at === client.cursor);
        await stream.until(isWhole, `the end of ${id} over SSE`);
        await follower.until(
          () => seqIn(follower, id) >= client.seq,
          `the end of ${id} at the second socket`,
        );
      }),
    );
    const late = await this.answers();
    this.#leave.abort();
    const talks = [...this.#talks.values()];
    const polled = await Promise.all(talks.map(({ polls }) => polls));
    const texts: [string, string][] = [
      ['the first socket', JSON.stringify(speaker.received)],
      ['the second socket', JSON.stringify(follower.received)],
      ['SSE', talks.map(({ stream }) => stream.raw).join('\n')],
      ['long polls', polled.flat().join('\n')],
      ['history, status, export, snapshot', late.join('\n')],
      ['the log', this.logged.join('\n')],
      ['the webhook', JSON.stringify(this.receiver.calls)],
    ];
    return new Map([
      ...texts.map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]),
      ['the files', await this.files()],
    ]);
  }

  async #read(id: string): Promise<string[]> {
    const lines = ['/status', '/export', '/log'].map((path) => `GET ${pathOf(id, path)}`);
    const answers = await Promise.all(lines.map((line) => rest(this.app.url, line)));
    const texts = answers.map(({ text }) => text);
    for (let before = ''; ;) {
      const { text, body } = await rest(this.app.url, `GET ${pathOf(id, `/history?limit=200${before}`)}`);
      texts.push(text);
      if (typeof body['next_before'] !== 'number') return texts;
      before = `&before=${body['next_before']}`;
    }
  }

  /** Every byte of the store's directory, as it is now. */
  async files(): Promise<Buffer> {
    const names = await readdir(this.directory);
    return Buffer.concat(await Promise.all(names.map((name) => readFile(join(this.directory, name)))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave.abort();
    for (const { stream } of this.#talks.values()) stream.leave();
    await this.#resources.disposeAsync();
  }
}

const Numbered = z.looseObject({ session_id: z.string(), seq: z.number() });

function seqIn(socket: SocketClient, id: string): number {
  const last = socket.received.findLast(({ data }) => Numbered.safeParse(data).data?.session_id === id);
  return Numbered.safeParse(last?.data).data?.seq ?? 0;
}

/** An error says all it has. */
function told(value: unknown): unknown {
  if (value instanceof Error) return { message: value.message, stack: value.stack, cause: told(value.cause) };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, told(part)]));
}
