import { z } from 'zod';

/** `bare`: a socket that has joined nothing. `joined`: one with a session. `stream`: server-sent events of a session. */
export const Way = z.enum(['bare', 'joined', 'stream']);
export type Way = z.output<typeof Way>;

/** What a crowd is told. */
export const Told = z.discriminatedUnion('kind', [
  /** `session`: the one all of them follow; null: each its own. Answered once all are connected. */
  z.object({
    kind: z.literal('open'),
    url: z.string(),
    way: Way,
    count: z.number(),
    session: z.string().nullable(),
  }),
  /** Answered with what has come since it was asked last. */
  z.object({ kind: z.literal('count') }),
  /** Everybody leaves. */
  z.object({ kind: z.literal('close') }),
]);
export type Told = z.output<typeof Told>;

export const Counted = z.object({
  frames: z.number(),
  words: z.number(),
  /** For each word that all had: ms from the first of them that had it to the last. */
  spread: z.array(z.number()),
});
export type Counted = z.output<typeof Counted>;
