// What a row of the table of operations says.
import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import type { Right } from './model.ts';

type Method = 'GET' | 'POST' | 'DELETE';

/**
 * How a REST answer is made from the operation's value.
 * `value`: it is the body. `turn`: by `Accept` and `Prefer` of an input. `poll`: long poll. `stream`: SSE.
 */
type Reply = 'value' | 'turn' | 'poll' | 'stream';

interface Route {
  method: Method;
  /** Segments that begin with a colon are fields of the input, decoded once. */
  path: string;
  reply: Reply;
  /** Fields read from the query; the rest of the input is the body. */
  query: readonly string[];
}

export interface Operation<
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
  S extends boolean = boolean,
> {
  summary: string;
  /** The right a caller needs. `nothing`: anybody may ask. `operator`: the operator key. */
  needs: z.output<typeof Right> | 'nothing' | 'operator';
  input: I;
  /** The value of the ok-ack; over REST the body, unless `body` says otherwise. */
  output: O;
  /** What a REST client reads where that is not the ack's value. */
  body?: z.ZodType;
  /** Codes beyond those every operation may answer (`commonErrors`). */
  errors: readonly ErrorCode[];
  rest: readonly Route[];
  /** Whether it is also a Socket.IO event of the same name. */
  socket: S;
  /** A socket follows the session from the `cursor` of the ack: `join` begins anew, `keep` goes on where it follows already. */
  follows?: 'join' | 'keep';
}

export function operation<I extends z.ZodType, O extends z.ZodType, S extends boolean>(
  row: Operation<I, O, S>,
): Operation<I, O, S> {
  return row;
}

export function route(
  line: `${Method} /${string}`,
  options: { reply?: Reply; query?: readonly string[] } = {},
): Route {
  const [method, path] = line.split(' ') as [Method, string];
  return { method, path, reply: options.reply ?? 'value', query: options.query ?? [] };
}
