import { z } from 'zod';

/** How a reply goes: words a second (null: as fast as they are taken), and how many. */
export const Speech = z.object({ rate: z.number().nullable(), words: z.number() });
export type Speech = z.output<typeof Speech>;

const Numbers = z.instanceof(Float64Array);

/** Of one reply: when each word was said, and where it ends, in characters. */
export const Said = z.object({ at: Numbers, ends: Numbers });
export type Said = z.output<typeof Said>;

/** Of one reply as a client got it. */
export const Heard = z.object({
  /** Which one it is: the number in it. */
  reply: z.number(),
  /** When it was asked for. */
  askedAt: z.number(),
  /** When something of it came, and how many characters were there then. */
  at: Numbers,
  ends: Numbers,
});
export type Heard = z.output<typeof Heard>;

/** How a client speaks with a server. */
export const Way = z.enum(['socket', 'sse', 'poll', 'relay-socket', 'relay-sse']);
export type Way = z.output<typeof Way>;

/** So many people, each with one turn; the next begins so many ms after the one before. */
export const Talk = z.object({
  way: Way,
  url: z.string(),
  turns: z.number(),
  everyMs: z.number(),
  name: z.string(),
});
export type Talk = z.output<typeof Talk>;
