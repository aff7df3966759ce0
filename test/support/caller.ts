import { anonymous } from '../../src/access/open-authenticator.ts';
import type { Caller } from '../../src/chat/access.ts';

/** Somebody of a server that asks nobody who they are. */
export const anybody: Caller = {
  ...anonymous,
  bearer: null,
  client: 'test',
  signal: new AbortController().signal,
  refresh: () => Promise.resolve(null),
  turnPlace: () => ({ [Symbol.dispose]: () => {} }),
  overLimit: null,
};
