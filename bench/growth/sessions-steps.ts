// What a process with a store is asked.
import { z } from 'zod';

const Step = z.enum([
  'open',
  'lookup',
  'client',
  'create',
  'remove',
  'turn',
  'list',
  'list-all',
  'idle',
  'none-idle',
]);
export type Step = z.output<typeof Step>;

export const Question = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('fill'), from: z.number(), to: z.number() }),
  z.object({ kind: z.literal('close') }),
  /** CPU of one of `count` steps, in µs. */
  z.object({ kind: z.literal('measure'), step: Step, size: z.number(), count: z.number() }),
  /** In bytes. */
  z.object({ kind: z.literal('memory') }),
]);
