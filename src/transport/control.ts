// Over all nodes: notices, and who follows a session. Nodes talk by the adapter of Socket.IO; no words of a session and no id of one go that way.
import { randomUUID } from 'node:crypto';
import type { Server } from 'socket.io';
import { z } from 'zod';
import type { Control } from '../chat/control.ts';
import type { Follow } from '../chat/follow.ts';
import { Frame } from '../chat/follow.ts';
import { pushes } from '../contract/operations.ts';
import type { Payload } from '../contract/types.ts';

/** How long other nodes are waited for. */
const ANSWER_MS = 500;
const EVENT = 'node';

/** What nodes say to each other. A later version may say more; what is not known is skipped. */
const Message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('notice'), notice: pushes['server:notice'].payload }),
  z.object({ kind: z.literal('count'), question: z.string(), epoch: z.string() }),
  z.object({ kind: z.literal('counted'), question: z.string(), followers: z.int().min(0) }),
  z.object({ kind: z.literal('revoked'), credential: z.string() }),
]);
type Message = z.output<typeof Message>;

interface ControlParts {
  follow: Pick<Follow, 'followersOf'>;
  /** To every client of this node. */
  deliver: (frame: Frame) => void;
  /** Ends every connection of this node that was let in by that credential. */
  revoke: (credential: string) => void;
}

/** The sum of what other nodes answer: whole when all have answered, else what there is when the time is over. */
class Tally {
  readonly sum: Promise<number>;
  readonly #end: (sum: number) => void;
  readonly #timer: NodeJS.Timeout;
  #expected = Number.POSITIVE_INFINITY;
  #answers = 0;
  #sum = 0;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.sum = promise;
    this.#end = resolve;
    this.#timer = setTimeout(() => this.close(), ms);
  }

  expect(answers: number): void {
    this.#expected = answers;
    this.#look();
  }

  add(followers: number): void {
    this.#answers += 1;
    this.#sum += followers;
    this.#look();
  }

  #look(): void {
    if (this.#answers >= this.#expected) this.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#end(this.#sum);
  }
}

/** One node among others, once `join` was called; alone before. */
export class NodeControl implements Control {
  readonly #parts: ControlParts;
  readonly #questions = new Map<string, Tally>();
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
    if (!this.#io) return mine;
    const question = randomUUID();
    const tally = new Tally(ANSWER_MS);
    this.#questions.set(question, tally);
    this.#tell({ kind: 'count', question, epoch });
    // where nobody knows how many there are, nobody can be asked either
    this.#io
      .of('/')
      .adapter.serverCount()
      .then(
        (nodes) => tally.expect(nodes - 1),
        () => tally.close(),
      );
    const others = await tally.sum;
    this.#questions.delete(question);
    return mine + others;
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
        this.#questions.get(message.question)?.add(message.followers);
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
