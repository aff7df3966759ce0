// How clients reach a node: a socket or REST through a proxy of its own, so that the way can be cut.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Node } from '../support/node-cluster.ts';
import type { Random } from '../support/random.ts';
import { pathOf, rest } from '../support/rest.ts';
import { SocketClient } from '../support/socket-client.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import type { Journal } from './journal.ts';
import { RISK } from './words.ts';

/** What a client asks for. */
export type Request =
  | { event: 'session:input'; session_id: string; user_input: string; input_id: string; interrupt?: true }
  | { event: 'turn:cancel'; session_id: string; turn_id: string }
  | { event: 'session:delete'; session_id: string };

/** `helps`: the refusal carries what helps a person at risk. `lost`: there was no answer, so whether it was done is unknown, or will be done later still. */
export type Outcome =
  | { kind: 'ok'; body: Record<string, unknown> }
  | { kind: 'refused'; code: string; helps: boolean }
  | { kind: 'lost' };

/** How long an answer is waited for before another node is asked. */
const ANSWER_MS = 4_000;
/** Refusals that say: again. */
const PASSING = ['STORE_UNAVAILABLE', 'DRAINING', 'MODEL_BUSY', 'RATE_LIMITED', 'TURN_IN_PROGRESS'];

/** Refusals of what may have to wait, which risk may not. [P-12] */
const WAITS = ['DRAINING', 'MODEL_BUSY', 'RATE_LIMITED', 'TURN_IN_PROGRESS'];

const Refusal = z.looseObject({ code: z.string(), safety: z.looseObject({ text: z.string() }).optional() });

function refused(error: unknown, status = 0): Outcome {
  const { code = String(status), safety } = Refusal.safeParse(error).data ?? {};
  return { kind: 'refused', code, helps: safety !== undefined };
}

/** The way of clients to one node. */
export class Door {
  readonly #node: Node;
  readonly proxy: TcpProxy;

  constructor(node: Node, proxy: TcpProxy) {
    this.#node = node;
    this.proxy = proxy;
  }

  get index(): number {
    return this.#node.index;
  }

  get url(): string {
    return this.proxy.url;
  }

  get isOpen(): boolean {
    return this.#node.isRunning;
  }

  /** Asks once, over a connection of its own. */
  async ask(request: Request, over: 'socket' | 'rest'): Promise<Outcome> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    try {
      return await (over === 'socket' ? this.#overSocket(request, signal) : this.#overRest(request, signal));
    } catch {
      return { kind: 'lost' };
    }
  }

  async #overSocket({ event, ...payload }: Request, signal: AbortSignal): Promise<Outcome> {
    using socket = new SocketClient(this.url, { timeout: ANSWER_MS });
    const { promise: over, reject } = Promise.withResolvers<never>();
    over.catch(() => undefined);
    const end = () => reject(new Error('no answer'));
    signal.addEventListener('abort', end, { once: true });
    socket.socket.on('disconnect', end);
    await Promise.race([socket.connected, over]);
    const answer = socket.call(event, payload);
    answer.catch(() => undefined);
    const { ok, error, ...body } = await Promise.race([answer, over]);
    return ok ? { kind: 'ok', body } : refused(error);
  }

  async #overRest(request: Request, signal: AbortSignal): Promise<Outcome> {
    const { line, body, headers } = restOf(request);
    const { status, body: answer } = await rest(this.url, line, { body, headers, signal });
    if (status < 300) return { kind: 'ok', body: answer };
    return refused(answer, status);
  }
}

function restOf(request: Request): { line: string; body?: unknown; headers: Record<string, string> } {
  const { event, session_id: id, ...body } = request;
  const headers = { Prefer: 'respond-async' };
  if (event === 'session:input') return { line: `POST ${pathOf(id, '/input')}`, body, headers };
  if (event === 'session:delete') return { line: `DELETE ${pathOf(id)}`, headers: {} };
  return { line: `POST ${pathOf(id, `/turns/${request.turn_id}/cancel`)}`, headers: {} };
}

/** Everything that was tried for one request, until there was an answer. */
export interface Asked {
  outcome: Outcome;
  /** Nodes asked, in order; `lost` where none answered. */
  tries: { node: number; kind: Outcome['kind'] }[];
  answeredAt: number;
}

/** Asks nodes by chance until one gives an answer that is final. */
export async function insist(
  doors: readonly Door[],
  request: Request,
  random: Random,
  journal: Journal,
  ms = 120_000,
): Promise<Asked> {
  const askedAt = Date.now();
  const tries: Asked['tries'] = [];
  for (;;) {
    const open = doors.filter(({ isOpen }) => isOpen);
    const door = open[random.between(0, open.length - 1)];
    const outcome = door ? await door.ask(request, random.chance(0.5) ? 'socket' : 'rest') : undefined;
    if (door && outcome) tries.push({ node: door.index, kind: outcome.kind });
    const answeredAt = Date.now();
    const isOver = answeredAt - askedAt > ms || journal.failed.aborted;
    if (outcome && (isOver || !isAgain(outcome, journal, request))) return { outcome, tries, answeredAt };
    if (isOver) return { outcome: { kind: 'lost' }, tries, answeredAt };
    await sleep(random.between(20, 300));
  }
}

/** Risk is not refused while Redis answers, and where it is refused, help comes with it. [P-1] [P-12] */
function checkRefusal(
  { code, helps }: Extract<Outcome, { kind: 'refused' }>,
  journal: Journal,
  request: Request,
): void {
  if (request.event !== 'session:input' || !request.user_input.includes(RISK)) return;
  journal.count('risk refused, with help');
  if (WAITS.includes(code)) journal.broken('input', request.session_id, `risk was refused: ${code}`);
  if (!helps) journal.broken('input', request.session_id, `risk was refused (${code}) without help`);
}

/** Whether somebody else is to be asked. */
function isAgain(outcome: Outcome, journal: Journal, request: Request): boolean {
  if (outcome.kind === 'ok') return false;
  const code = outcome.kind === 'lost' ? 'no answer' : outcome.code;
  journal.count(`asked in vain: ${code}`);
  if (outcome.kind === 'refused') checkRefusal(outcome, journal, request);
  if (code === 'INTERNAL')
    journal.broken('server', request.session_id, `INTERNAL to ${JSON.stringify(request)}`);
  return outcome.kind === 'lost' || PASSING.includes(code);
}
