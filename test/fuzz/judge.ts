// What every answer must be, whatever was asked. @throws Fault
import { z } from 'zod';
import { errorTable } from '../../src/contract/errors.ts';
import { ErrorBody, Failure, Snapshot } from '../../src/contract/model.ts';
import type { Operation } from '../../src/contract/operation.ts';
import { commonErrors, pushes } from '../../src/contract/operations.ts';
import { Fault } from './fault.ts';
import { insiders } from './shots.ts';
import type { Who } from './shots.ts';
import { secrets } from './world.ts';

/** What must be in no refusal: stacks, paths, modules, SQL. */
const internal =
  /\n\s+at |node_modules|\/src\/|file:\/\/|\.ts\b|sqlite_|SELECT |constraint|TypeError|RangeError|SyntaxError/;
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 1_000);

/** Nothing of anybody else is in it. */
export function mustKeepSecrets(text: string): void {
  const secret = secrets.find((words) => text.includes(words));
  if (secret !== undefined) throw new Fault(`an answer holds words of somebody else: ${text.slice(0, 500)}`);
}

export function mustBeHarmless(text: string): void {
  mustKeepSecrets(text);
  if (internal.test(text)) throw new Fault(`a refusal tells what is inside: ${text.slice(0, 1_000)}`);
}

/** Whether they may get what only somebody who was let in gets. */
function mayEnter(who: Who, needs: Operation['needs']): boolean {
  if (needs === 'nothing') return true;
  if (needs === 'operator') return who === 'operator';
  return insiders.some((name) => name === who);
}

export function mustBeLetIn(who: Who, row: Operation, what: string): void {
  if (!mayEnter(who, row.needs)) throw new Fault(`${who} was let in: ${what}`);
}

type Code = keyof typeof errorTable;
const everyCode = Object.keys(errorTable) as Code[];

function mustBeAllowed(row: Operation | 'any' | undefined, code: Code, more: readonly Code[]): void {
  const own = row === 'any' ? everyCode : (row?.errors ?? []);
  const codes: readonly Code[] = [...own, ...commonErrors, ...more];
  if (code === 'INTERNAL' || !codes.includes(code)) throw new Fault(`refused with ${code}`);
}

/** As in an ack; of `any` operation: nobody knows of which. */
export function mustBeFailure(row: Operation | 'any' | undefined, error: unknown): void {
  const parsed = Failure.safeParse(error);
  if (!parsed.success) throw new Fault(`not a failure: ${shown(error)} ${parsed.error.message}`);
  const { code, status, retryable, retry_after_ms } = parsed.data;
  const known = errorTable[code];
  if (known.status !== status || known.retryable !== retryable)
    throw new Fault(`not as listed: ${shown(error)}`);
  mustBeAllowed(row, code, []);
  if (code === 'RATE_LIMITED' && retry_after_ms === undefined) throw new Fault(`until when? ${shown(error)}`);
  mustBeHarmless(JSON.stringify(error));
}

export interface RestAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** As over REST. */
export function mustBeErrorBody(row: Operation | undefined, { status, headers, text }: RestAnswer): Code {
  const parsed = ErrorBody.safeParse(jsonOf(text));
  if (!parsed.success) throw new Fault(`${status} without a proper body: ${text.slice(0, 500)}`);
  const { code, retry_after_ms } = parsed.data;
  if (errorTable[code].status !== status) throw new Fault(`${code} with ${status}`);
  mustBeAllowed(row, code, ['NOT_FOUND', 'METHOD_NOT_ALLOWED']);
  const isTold = retry_after_ms !== undefined && headers['retry-after'] !== undefined;
  if ((status === 429 || status === 503) && !isTold) throw new Fault(`until when? ${text}`);
  mustBeHarmless(text);
  return code;
}

/** An answer of the contract; `all`: to people behind the server, who may read everything. */
export function mustFit(schema: z.ZodType, value: unknown, reads: 'own' | 'all' = 'own'): void {
  const { success, error } = schema.safeParse(value);
  if (!success) throw new Fault(`not as the contract says: ${shown(value)} ${z.prettifyError(error)}`);
  if (reads === 'own') mustKeepSecrets(JSON.stringify(value));
}

const eventSchemas = new Map<string, z.ZodType>([
  ...Object.entries(pushes).map(([name, { payload }]): [string, z.ZodType] => [name, payload]),
  ['session:snapshot', Snapshot],
]);

/** Of server-sent events, whole ones. */
export function mustBeEvents(text: string): void {
  for (const block of text.split('\n\n').slice(0, -1)) {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    if (event === undefined) continue;
    const schema = eventSchemas.get(event);
    if (!schema) throw new Fault(`an unknown event: ${block.slice(0, 200)}`);
    mustFit(schema, jsonOf(/^data: (.*)$/m.exec(block)?.[1] ?? ''));
  }
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
