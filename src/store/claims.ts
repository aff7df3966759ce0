/**
 * Until when somebody sees to what, by the clock of leases. Only one process has the file: a dead one claims nothing.
 */
export class Claims {
  readonly #until = new Map<string, number>();

  /** Drops those whose time is over; answers how many are left. */
  sweep(elapsed: number): number {
    for (const [name, until] of this.#until) if (until <= elapsed) this.#until.delete(name);
    return this.#until.size;
  }

  /** Whether somebody holds it, as of the last sweep. */
  has(name: string): boolean {
    return this.#until.has(name);
  }

  hold(name: string, until: number): void {
    this.#until.set(name, until);
  }

  release(name: string): void {
    this.#until.delete(name);
  }
}
