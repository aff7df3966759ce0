// Wrong programs that do not compile: `npm run types` fails where one of the lines marked here is accepted.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { errorTable } from '../../../src/contract/errors.ts';
import { Admission } from '../../../src/contract/model.ts';
import type { Operation } from '../../../src/contract/operation.ts';
import { operations, pushes } from '../../../src/contract/operations.ts';
import type {
  Ack,
  ClientEvents,
  Handlers,
  Input,
  LoggedPush,
  OperationName,
  Output,
  Payload,
  ServerEvents,
  Stored,
} from '../../../src/contract/types.ts';
import { AppError } from '../../../src/errors.ts';

type Caller = { tenant: string };
const admission: Output<'session:input'> = { turn_id: 't1', n: 1, state: 'queued', cursor: 'e.0' };

test('a missing handler does not compile', () => {
  type Partly = Omit<Handlers<Caller>, 'turn:retry'>;

  // @ts-expect-error turn:retry has no handler
  const whole = (partly: Partly): Handlers<Caller> => partly;

  expect(Object.keys(operations)).toContain('turn:retry');
  expect(whole).toBeTypeOf('function');
});

test('a handler of another shape does not compile', () => {
  const handler: Handlers<Caller>['session:input'] = async () => admission;
  // @ts-expect-error the cursor is missing
  const lacking: Handlers<Caller>['session:input'] = async () => ({ turn_id: 't1', n: 1, state: 'queued' });
  // @ts-expect-error a turn is never "sleeping"
  const strange: Handlers<Caller>['session:input'] = async () => ({ ...admission, state: 'sleeping' });

  expect([handler, lacking, strange]).toHaveLength(3);
});

test('a handler of no operation does not compile', () => {
  // @ts-expect-error there is no such operation
  const name: OperationName = 'session:explode';

  expect(Object.keys(operations)).not.toContain(name);
});

test('an unknown error code does not compile', () => {
  // @ts-expect-error it is SESSION_NOT_FOUND
  const thrown = () => new AppError('SESSION_MISSING');
  const row: Operation = {
    summary: '',
    input: z.object({}),
    output: Admission,
    // @ts-expect-error it is SESSION_NOT_FOUND
    errors: ['SESSION_MISSING'],
    rest: [],
    socket: false,
  };

  expect(thrown).toBeTypeOf('function');
  expect(Object.keys(errorTable)).not.toContain(row.errors[0]);
});

test('an unknown push does not compile', () => {
  const emit = <N extends keyof ServerEvents>(name: N, ...[payload]: Parameters<ServerEvents[N]>) => [
    name,
    payload,
  ];

  emit('auth:expiring', { expires_at: '2026-01-01T00:00:00.000Z' });
  // @ts-expect-error it is auth:expiring
  const [name] = emit('auth:expired', { expires_at: '2026-01-01T00:00:00.000Z' });

  expect(Object.keys(pushes)).not.toContain(name);
});

test('a missing field does not compile', () => {
  // @ts-expect-error the text is missing
  const input: Input<'session:input'> = { session_id: 's1' };
  // @ts-expect-error the number of the entry is missing
  const token: Payload<'therapist:token'> = { session_id: 's1', turn_id: 't1', at: 0, text: 'a' };
  const event = (send: ClientEvents['session:join']) =>
    // @ts-expect-error the session is missing
    send({ after: 'e.0' });

  expect(operations['session:input'].input.safeParse(input).success).toBe(false);
  expect(pushes['therapist:token'].payload.safeParse(token).success).toBe(false);
  expect(event).toBeTypeOf('function');
});

test('only logged pushes can be stored, without what the log adds', () => {
  const stored: Stored<'turn:cancelled'> = { turn_id: 't1', text: 'so far' };
  // @ts-expect-error turn:queued is not logged
  const name: LoggedPush = 'turn:queued';
  // @ts-expect-error the log numbers its entries itself
  const numbered: Stored<'turn:cancelled'> = { turn_id: 't1', text: 'so far', seq: 3 };

  expect(pushes[name].logged).toBe(false);
  expect([stored, numbered]).toHaveLength(2);
});

test('an operation that is no socket event cannot be emitted', () => {
  // @ts-expect-error an export is to be had over REST only
  const name: keyof ClientEvents = 'session:export';

  expect(operations[name]).toMatchObject({ socket: false });
});

test('the value of an ack is read only after asking whether it is ok', () => {
  const blind = (ack: Ack<Output<'session:input'>>) =>
    // @ts-expect-error a refusal has no turn
    ack.turn_id;
  const asking = (ack: Ack<Output<'session:input'>>) => (ack.ok ? ack.turn_id : ack.error.code);

  expect(asking({ ok: true, ...admission })).toBe('t1');
  expect(blind).toBeTypeOf('function');
});
