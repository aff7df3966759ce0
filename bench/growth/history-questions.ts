// What a process with the application is asked.
import { z } from 'zod';

const ofSession = { sessionId: z.string() };

export const Question = z.discriminatedUnion('kind', [
  /** Where it listens. */
  z.object({ kind: z.literal('url') }),
  /** CPU so far, in µs. */
  z.object({ kind: z.literal('cpu') }),
  /** CPU of one of `count`, in µs. */
  z.object({ kind: z.enum(['decide', 'prompt']), ...ofSession, count: z.number() }),
  /** Characters that are remembered of a session besides its turns, and of the prompt of its next turn. */
  z.object({ kind: z.literal('sizes'), ...ofSession }),
  /** CPU, in µs: of the words of all turns dropped. */
  z.object({ kind: z.literal('compact') }),
  /** CPU, in µs. */
  z.object({ kind: z.literal('remove'), ...ofSession }),
]);
