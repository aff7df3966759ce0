import type { Ticket } from './slots.ts';

/** A ticket as whoever hands it out holds it. */
export class HeldTicket implements Ticket {
  readonly granted: Promise<void>;
  position: number | null;
  host: string | null = null;
  onPosition: (position: number | null) => void = () => {};
  readonly #grant: () => void;
  readonly #release: () => void;

  constructor(position: number, release: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.granted = promise;
    this.position = position;
    this.#grant = resolve;
    this.#release = release;
  }

  moveTo(position: number): void {
    if (this.host === null) this.#tell(position);
  }

  grant(host: string): void {
    if (this.host !== null) return;
    this.host = host;
    this.#tell(null);
    this.#grant();
  }

  release(): void {
    this.#release();
  }

  #tell(position: number | null): void {
    if (this.position === position) return;
    this.position = position;
    this.onPosition(position);
  }
}
