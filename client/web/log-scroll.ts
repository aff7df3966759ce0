/** So near to the end counts as being there. */
const NEAR = 80;
/** What stays in sight above the newest turn. */
const GAP = 16;

/**
 * Where the log is scrolled to while words come. Somebody who was at the end stays there, but the beginning of the newest turn
 * does not leave at the top: a long answer is read from its beginning. Never scrolls up by itself.
 */
export class LogScroll {
  readonly #log: HTMLElement;
  readonly #onBelow: (isBelow: boolean) => void;
  #isAtEnd = true;
  #newest: Element | null = null;
  #content = '';
  #said = 0;
  /** This person said something that is not in the log yet. */
  #isAwaited = false;
  #held: { element: Element; top: number } | null = null;

  /** `onBelow` is told whether words have come below what is in sight. */
  constructor(log: HTMLElement, onBelow: (isBelow: boolean) => void) {
    this.#log = log;
    this.#onBelow = onBelow;
  }

  /** Answers how to stop it. */
  watch(): () => void {
    const log = this.#log;
    const scrolled = (): void => {
      this.#isAtEnd = this.#toEnd() < NEAR;
      if (this.#isAtEnd) this.#onBelow(false);
    };
    const sizes = new ResizeObserver(() => this.settle());
    log.addEventListener('scroll', scrolled, { passive: true });
    sizes.observe(log);
    return () => {
      log.removeEventListener('scroll', scrolled);
      sizes.disconnect();
    };
  }

  /**
   * After each change. `said` counts what this person has said: that is shown wherever the log was scrolled to. `content`
   * differs where words have come.
   */
  settle(said = this.#said, content = this.#content): void {
    this.#release();
    // what is on its way stands below all turns
    const newest =
      this.#log.querySelector('.pending:last-child') ??
      this.#log.querySelector('.chunk:last-child > .turn:last-child');
    this.#isAwaited ||= said !== this.#said;
    const isOwn = this.#isAwaited && newest !== this.#newest;
    const hasCome = content !== this.#content;
    this.#said = said;
    this.#content = content;
    this.#newest = newest;
    if (isOwn) this.#isAwaited = false;
    if (isOwn || this.#isAtEnd) this.#follow();
    this.#isAtEnd = this.#toEnd() < NEAR;
    if (this.#isAtEnd) this.#onBelow(false);
    else if (hasCome) this.#onBelow(true);
  }

  end(): void {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Before turns are put above: what is in sight now stays where it is. */
  hold(): void {
    const element = this.#log.querySelector('.turn');
    if (element) this.#held = { element, top: element.getBoundingClientRect().top };
  }

  #release(): void {
    if (!this.#held) return;
    const { element, top } = this.#held;
    const moved = element.getBoundingClientRect().top - top;
    if (moved === 0) return;
    this.#held = null;
    this.#log.scrollTop += moved;
  }

  #follow(): void {
    const log = this.#log;
    const end = log.scrollHeight - log.clientHeight;
    const start = this.#newest ? this.#startOf(this.#newest) : end;
    // who has gone on past its beginning reads at the end
    const target = log.scrollTop > start + 1 ? end : Math.min(end, start);
    if (target > log.scrollTop) log.scrollTop = target;
  }

  /** Its beginning; but the first words of a reply come to the middle at least, whatever stands above them. */
  #startOf(turn: Element): number {
    const top = this.#topOf(turn) - GAP;
    const reply = turn.querySelector('.reply:not(:empty)');
    return reply ? Math.max(top, this.#topOf(reply) - this.#log.clientHeight / 2) : top;
  }

  #topOf(element: Element): number {
    const { top } = this.#log.getBoundingClientRect();
    return element.getBoundingClientRect().top - top + this.#log.scrollTop;
  }

  #toEnd(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight;
  }
}
