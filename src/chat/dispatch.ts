// The one path every request takes: identify → parse → authorise → limit → handle → shape the failure.
import type { z } from 'zod';
import type { Limits } from '../access/limits.ts';
import { operations } from '../contract/operations.ts';
import type { Failure, FaultDetail, Handlers, Input, OperationName, Output } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Meter } from '../meter.ts';
import { mustHave, nobody, rightFor } from './access.ts';
import type { Caller, Visitor } from './access.ts';
import { orHelp } from './help.ts';
import { keepTo, slowed, takeRequest, whoOf } from './keep-to.ts';
import { findExcess } from './shape.ts';

type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure; error: unknown };

/** Where a field of the input came from, for `detail[].loc[0]`. */
export type Origin = (field: string) => 'body' | 'path' | 'query';

const inBody: Origin = () => 'body';

export type Dispatch = <N extends OperationName>(
  name: N,
  payload: unknown,
  visitor: Visitor,
  origin?: Origin,
) => Promise<Result<Output<N>>>;

/** Zod's codes in the words clients of the older service know. */
function typeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'missing' : `${issue.expected}_type`;
  if (issue.code === 'too_small' && issue.origin === 'string') return 'string_too_short';
  if (issue.code === 'too_small') return 'greater_than_equal';
  if (issue.code === 'too_big') return 'less_than_equal';
  return 'value_error';
}

function refuse(details: FaultDetail[], origin: Origin): AppError {
  const detail = details.map(({ loc, ...rest }) => ({
    loc: [origin(String(loc[0] ?? '')), ...loc],
    ...rest,
  }));
  const first = detail[0];
  const message = first ? `${first.loc.join('.')}: ${first.msg}` : undefined;
  return new AppError('VALIDATION_FAILED', { detail, ...(message !== undefined && { message }) });
}

function parse<N extends OperationName>(name: N, payload: unknown, origin: Origin): Input<N> {
  const excess = findExcess(payload);
  if (excess) throw refuse([excess], origin);
  const parsed = operations[name].input.safeParse(payload, { reportInput: true });
  // One key through two tables is more than TypeScript follows.
  if (parsed.success) return parsed.data as Input<N>;
  const faults = parsed.error.issues.map((issue) => ({
    loc: issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
    msg: issue.message,
    type: typeOf(issue),
  }));
  throw refuse(faults, origin);
}

export interface DispatchParts {
  limits: Limits;
  meter: Meter;
  log: Log;
}

/** Who asks for this one request; of what anybody may ask, nobody. */
async function callerOf(name: OperationName, visitor: Visitor, limits: Limits): Promise<Caller> {
  const identity = rightFor(name) === null ? nobody : await visitor.identify();
  const { bearer, client, signal, refresh } = visitor;
  const who = whoOf(visitor, identity, null);
  const turnPlace = () => limits.place('turn', who);
  return { ...identity, bearer, client, signal, refresh, turnPlace, overLimit: null };
}

export function createDispatch(handlers: Handlers<Caller>, { limits, meter, log }: DispatchParts): Dispatch {
  return async (name, payload, visitor, origin = inBody) => {
    const beganAt = performance.now();
    const tell = (code: string) => {
      const ms = performance.now() - beganAt;
      meter.answered(name, code, ms);
      log.debug({ operation: name, code, ms: Math.round(ms) }, 'answered');
    };
    try {
      const caller = await callerOf(name, visitor, limits);
      const waitMs = await takeRequest(limits, name, visitor, caller);
      const input = parse(name, payload, origin);
      const right = rightFor(name);
      if (right !== null) mustHave(caller, right);
      const overLimit = await keepTo(limits, name, input, visitor, caller, waitMs);
      const value = await handlers[name](input, { ...caller, overLimit });
      tell('OK');
      return { ok: true, value };
    } catch (caught) {
      const refused = await slowed(limits, visitor.address, caught);
      const error = name === 'session:input' ? orHelp(payload, refused) : refused;
      const failure = toFailure(error);
      tell(failure.code);
      if (failure.code === 'INTERNAL')
        log.error({ err: error, operation: name }, 'a request failed on our side');
      return { ok: false, failure, error };
    }
  };
}
