// A window and a document to which a test says what happens to the page: enough for who listens, and no more.

export interface FakeWindow extends Disposable {
  /** As a browser tells it: `visible` and `hidden` of the document, the others of the window. */
  tell(event: 'visible' | 'hidden' | 'pageshow' | 'online' | 'offline' | 'focus'): void;
  /** How many listeners there are. */
  readonly listeners: number;
}

class CountedTarget extends EventTarget {
  readonly #listeners = new Map<string, Set<unknown>>();

  get size(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  override addEventListener(...[type, listener, options]: Parameters<EventTarget['addEventListener']>): void {
    super.addEventListener(type, listener, options);
    const known = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, known.add(listener));
    const signal = typeof options === 'object' ? options.signal : undefined;
    signal?.addEventListener('abort', () => known.delete(listener));
  }

  override removeEventListener(
    ...[type, listener, options]: Parameters<EventTarget['removeEventListener']>
  ): void {
    super.removeEventListener(type, listener, options);
    this.#listeners.get(type)?.delete(listener);
  }
}

/** There from now on as `window` and `document`, until it is disposed. */
export function openFakeWindow(): FakeWindow {
  const page = Object.assign(new CountedTarget(), { visibilityState: 'visible', hidden: false });
  const device = Object.assign(new CountedTarget(), { onLine: true });
  const window = Object.assign(new CountedTarget(), { document: page, navigator: device });
  const before = ['window', 'document', 'navigator'].map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
  );
  for (const [name, value] of Object.entries({ window, document: page, navigator: device }))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return {
    get listeners() {
      return window.size + page.size;
    },
    tell(event) {
      if (event === 'visible' || event === 'hidden') {
        page.visibilityState = event;
        page.hidden = event === 'hidden';
        page.dispatchEvent(new Event('visibilitychange'));
        return;
      }
      if (event === 'online' || event === 'offline') device.onLine = event === 'online';
      const told = Object.assign(new Event(event), { persisted: event === 'pageshow' });
      window.dispatchEvent(told);
    },
    [Symbol.dispose]() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else Reflect.deleteProperty(globalThis, name);
      }
    },
  };
}
