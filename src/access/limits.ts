// How much somebody may ask for. Where it says no it says until when; a message that shows risk is not asked about. [P-12]

/** Whom a request counts for; null: nobody of that kind, or nobody who is counted. */
export interface Who {
  /** Of the network. */
  address: string | null;
  tenant: string | null;
  /** A person, or what was handed in by one; services have none, they speak for many. */
  subject: string | null;
  /** A digest of the session. */
  session: string | null;
}

/** Whoever is not counted: callers on loopback, unless `RATE_LIMIT` says otherwise. */
export const nobody: Who = { address: null, tenant: null, subject: null, session: null };

/**
 * `connect`: a connection is opened. `request`: any operation. `create`: a session is made. `input`: something is said.
 * `bytes`: what it weighs. `failure`: somebody handed in what does not count. `risk`: something that shows risk is said over the other limits.
 */
export type Budget = 'connect' | 'request' | 'create' | 'input' | 'bytes' | 'failure' | 'risk';

/** What is open for a while: of it there may be only so much at once. */
export type Place = 'connection' | 'turn' | 'follow';

export interface Limits extends AsyncDisposable {
  /**
   * Takes so much of a budget from everybody whom it counts for. 0: it may go on; else nothing is taken from anybody, and it
   * may be tried again in so many ms. What costs more than there ever is costs all of it. Never rejects.
   */
  take(budget: Budget, who: Who, cost?: number): Promise<number>;

  /** The same without taking: whether the budget is used up already. */
  isOver(budget: Budget, who: Who): Promise<number>;

  /** A place until it is disposed of; undefined when all of them are taken. On this node. */
  place(kind: Place, who: Who): Disposable | undefined;
}

/** Nobody is counted. */
export const noLimits: Limits = {
  take: async () => 0,
  isOver: async () => 0,
  place: () => ({ [Symbol.dispose]: () => {} }),
  [Symbol.asyncDispose]: async () => {},
};
