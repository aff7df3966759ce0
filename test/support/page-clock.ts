// A page whose clock a test turns, and that sleeps as a browser lets it: hidden, frozen, awake again.
import type { CDPSession, Page } from 'playwright-core';

/** Runs in the page before its own scripts. Animation frames stay real: a page that is seen is drawn. */
const clock = `(() => {
  const real = {
    set: setTimeout.bind(globalThis),
    clear: clearTimeout.bind(globalThis),
    now: performance.now.bind(performance),
    Date,
  };
  const timers = new Map();
  let last = 0;
  let added = 0;
  let stoppedAt = null;
  let sleepMs = 0;
  const now = () => stoppedAt ?? real.now() + added;
  const fire = (id) => {
    const timer = timers.get(id);
    timers.delete(id);
    timer?.act();
  };
  const arm = (id, timer) => {
    real.clear(timer.handle);
    if (stoppedAt === null || timer.due <= stoppedAt) timer.handle = real.set(fire, timer.due - now(), id);
  };
  const armAll = () => [...timers].sort(([, a], [, b]) => a.due - b.due).forEach(([id, timer]) => arm(id, timer));
  globalThis.setTimeout = (act, ms = 0, ...rest) => {
    const timer = { due: now() + (ms > 0 ? ms : 0), act: () => act(...rest) };
    timers.set((last += 1), timer);
    arm(last, timer);
    return last;
  };
  globalThis.clearTimeout = (id) => {
    real.clear(timers.get(id)?.handle);
    timers.delete(id);
  };
  performance.now = now;
  globalThis.Date = class extends real.Date {
    constructor(...rest) {
      if (rest.length > 0) super(...rest);
      else super(Date.now());
    }
    static now = () => real.Date.now() - real.now() + now();
  };
  globalThis.testClock = {
    sleep: (ms) => (sleepMs = ms),
    stop: () => ((stoppedAt = now()), armAll()),
    pass: (ms) => ((stoppedAt += ms), armAll()),
  };
  document.addEventListener('resume', () => {
    if (stoppedAt === null) added += sleepMs;
    else stoppedAt += sleepMs;
    armAll();
  }, true);
})()`;

/** Only in a browser where nothing else keeps the page visible. */
export class SleepyPage {
  readonly #page: Page;
  readonly #devtools: CDPSession;

  private constructor(page: Page, devtools: CDPSession) {
    this.#page = page;
    this.#devtools = devtools;
  }

  /** Before the page is loaded. */
  static async of(page: Page): Promise<SleepyPage> {
    await page.addInitScript(clock);
    return new SleepyPage(page, await page.context().newCDPSession(page));
  }

  /** From now on no timer of the page fires but those that are due at once, or by `pass`. */
  async stopClock(): Promise<void> {
    await this.#page.evaluate('void testClock.stop()');
  }

  /** Turns a clock that is stopped. */
  async pass(ms: number): Promise<void> {
    await this.#page.evaluate(`void testClock.pass(${ms})`);
  }

  /** Somebody looks at something else; the page still runs. */
  async hide(): Promise<void> {
    await this.freeze(0);
    await this.#devtools.send('Page.setWebLifecycleState', { state: 'active' });
  }

  /** Hides it and stops all of it. When it goes on, that time has passed for it. */
  async freeze(ms: number): Promise<void> {
    await this.#page.evaluate(`void testClock.sleep(${ms})`);
    await this.#devtools.send('Emulation.setFocusEmulationEnabled', { enabled: false });
    await this.#devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  /** Somebody looks at it again. */
  async wake(): Promise<void> {
    await this.#devtools.send('Emulation.setFocusEmulationEnabled', { enabled: true });
  }
}
