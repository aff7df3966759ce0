// Over all nodes: notices, and who follows a session. Nodes talk by the adapter of Socket.IO; no words of a session and no id of one go that way.
import { randomUUID } from 'node:crypto';
import type { Server } from 'socket.io';
import { z } from 'zod';
import type { Control } from '../chat/control.ts';
import type { Follow } from '../chat/follow.ts';
import { Frame } from '../chat/frame.ts';
import type { NodeView as View } from '../chat/overview.ts';
import { operations, pushes } from '../contract/operations.ts';
import type { Payload } from '../contract/types.ts';

/** How long other nodes are waited for. */
const ANSWER_MS = 500;
const EVENT = 'node';

const NodeView = operations['operator:overview'].output.shape.nodes.element;

/** What nodes say to each other. A later version may say more; what is not known is skipped. */
const Message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('notice'), notice: pushes['server:notice'].payload }),
  z.object({ kind: z.literal('count'), question: z.string(), epoch: z.string() }),
  z.object({ kind: z.literal('counted'), question: z.string(), followers: z.int().min(0) }),
  z.object({ kind: z.literal('revoked'), credential: z.string() }),
  z.object({ kind: z.literal('look'), question: z.string() }),
  z.object({ kind: z.literal('looked'), question: z.string(), view: NodeView }),
]);
type Message = z.output<typeof Message>;

interface ControlParts {
  follow: Pick<Follow, 'followersOf'>;
  /** To every client of this node. */
  deliver: (frame: Frame) => void;
  /** What this node does now. */
  look: () => View;
  /** Ends every connection of this node that was let in by that credential. */
  revoke: (credential: string) => void;
}

/** What other nodes answer: all of it when all have answered, else what there is when the time is over. */
class Tally<T> {
  readonly answers: Promise<T[]>;
  readonly #end: (answers: T[]) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #came: T[] = [];
  #expected = Number.POSITIVE_INFINITY;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<T[]>();
    this.answers = promise;
    this.#end = resolve;
    this.#timer = setTimeout(() => this.close(), ms);
  }

  expect(answers: number): void {
    this.#expected = answers;
    this.#look();
  }

  add(answer: T): void {
    this.#came.push(answer);
    this.#look();
  }

  #look(): void {
    if (this.#came.length >= this.#expected) this.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#end(this.#came);
  }
}

/** One node among others, once `join` was called; alone before. */
export class NodeControl implements Control {
  readonly #parts: ControlParts;
  readonly #counts = new Map<string, Tally<number>>();
  readonly #looks = new Map<string, Tally<View>>();
  #io: Server | undefined;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /** From here on the nodes that the adapter of `io` reaches are told and asked as well. */
  join(io: Server): void {
    this.#io = io;
    io.on(EVENT, (said: unknown) => {
      const message = Message.safeParse(said);
      if (message.success) this.#hear(message.data);
    });
  }

  announce(notice: Payload<'server:notice'>): void {
    this.#parts.deliver(new Frame('server:notice', notice));
    this.#tell({ kind: 'notice', notice });
  }

  async followers(epoch: string): Promise<number> {
    const mine = this.#parts.follow.followersOf(epoch);
    const others = await this.#ask(this.#counts, (question) => ({ kind: 'count', question, epoch }));
    return others.reduce((sum, count) => sum + count, mine);
  }

  async nodes(): Promise<View[]> {
    const others = await this.#ask(this.#looks, (question) => ({ kind: 'look', question }));
    return [this.#parts.look(), ...others];
  }

  /** What every other node answers that does so in time. */
  async #ask<T>(asked: Map<string, Tally<T>>, message: (question: string) => Message): Promise<T[]> {
    if (!this.#io) return [];
    const question = randomUUID();
    const tally = new Tally<T>(ANSWER_MS);
    asked.set(question, tally);
    this.#tell(message(question));
    // where nobody knows how many there are, nobody can be asked either
    this.#io
      .of('/')
      .adapter.serverCount()
      .then(
        (nodes) => tally.expect(nodes - 1),
        () => tally.close(),
      );
    const answers = await tally.answers;
    asked.delete(question);
    return answers;
  }

  revoke(credential: string): void {
    this.#parts.revoke(credential);
    this.#tell({ kind: 'revoked', credential });
  }

  #hear(message: Message): void {
    switch (message.kind) {
      case 'notice':
        this.#parts.deliver(new Frame('server:notice', message.notice));
        break;
      case 'count':
        this.#tell({
          kind: 'counted',
          question: message.question,
          followers: this.#parts.follow.followersOf(message.epoch),
        });
        break;
      case 'counted':
        this.#counts.get(message.question)?.add(message.followers);
        break;
      case 'look':
        this.#tell({ kind: 'looked', question: message.question, view: this.#parts.look() });
        break;
      case 'looked':
        this.#looks.get(message.question)?.add(message.view);
        break;
      case 'revoked':
        this.#parts.revoke(message.credential);
    }
  }

  /** To every other node; lost where it cannot be sent now. */
  #tell(message: Message): void {
    this.#io?.serverSideEmit(EVENT, message);
  }
}
