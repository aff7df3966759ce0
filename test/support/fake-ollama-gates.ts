// Where requests can be held, and who has been where.
import type { Point, RequestRecord } from './fake-ollama-types.ts';
import type { Changes } from './wait.ts';

/** Waits until `look` says true; rejects with the signal's reason when that aborts. */
export async function waitFor(look: () => boolean, changes: Changes, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (look()) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = false;
  const onAbort = () => {
    isOver = true;
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  using _subscription = changes.subscribe(() => {
    if (isOver || !look()) return;
    isOver = true;
    resolve();
  });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export class Gates {
  readonly #changes: Changes;
  readonly #held = new Set<string>();
  readonly #visited = new Map<RequestRecord, Set<Point>>();

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  hold(point: Point, n: number): void {
    this.#held.add(`${point} ${n}`);
  }

  release(point: Point | undefined, n: number): void {
    if (point === undefined) this.#held.clear();
    else this.#held.delete(`${point} ${n}`);
    this.#changes.notify();
  }

  isHeld(point: Point, n: number): boolean {
    return this.#held.has(`${point} ${n}`);
  }

  /** Notes that the request is at the point. */
  visit(record: RequestRecord, point: Point): void {
    const visited = this.#visited.get(record) ?? new Set();
    this.#visited.set(record, visited.add(point));
    this.#changes.notify();
  }

  hasVisited(record: RequestRecord, point: Point, n: number): boolean {
    const isThere = this.#visited.get(record)?.has(point) ?? false;
    return isThere && (point !== 'piece' || record.piecesSent >= n);
  }

  /** Notes that the request is at the point and waits while that is held. */
  async pass(record: RequestRecord, point: Point, n: number, signal: AbortSignal): Promise<void> {
    this.visit(record, point);
    await this.untilOpen(point, n, signal);
  }

  async untilOpen(point: Point, n: number, signal: AbortSignal): Promise<void> {
    await waitFor(() => !this.isHeld(point, n), this.#changes, signal);
  }
}
