import type { Caller } from '../../src/chat/access.ts';
import { Right } from '../../src/contract/model.ts';

/** Somebody of a server that asks nobody who they are. */
export const anybody: Caller = {
  tenant: 'default',
  subject: 'anonymous',
  person: null,
  rights: new Set(Right.options),
  session: null,
  credential: '',
  expiresAt: null,
  ageBand: null,
  locale: null,
  bearer: null,
  client: 'test',
  signal: new AbortController().signal,
  refresh: () => Promise.resolve(null),
  turnPlace: () => ({ [Symbol.dispose]: () => {} }),
  overLimit: null,
};
