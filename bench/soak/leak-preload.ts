// Loaded into a server before its own code: loses something with every follower, to see whether a run finds it.
import { openSync } from 'node:fs';
import { Watchers } from '../../src/store/watchers.ts';

const [kind = '', size = '0'] = (process.env['SOAK_LEAK'] ?? '').split(':');
const kept: unknown[] = [];

const leaks: Record<string, () => void> = {
  /** A timer that keeps no process alive, and that nobody stops. */
  timer: () => void setInterval(() => undefined, 1e9).unref(),
  file: () => void openSync('/dev/null', 'r'),
  /** `map:BYTES`: so much of the heap. */
  map: () => void kept.push('x'.repeat(Number(size)).split('').join('')),
  /** `buffer:BYTES`: so much beside the heap. */
  buffer: () => void kept.push(Buffer.alloc(Number(size))),
  /** Whoever watched a session is never taken off the list. */
  watcher: () => undefined,
};

const lose = leaks[kind];
if (!lose) throw new Error(`SOAK_LEAK is one of ${Object.keys(leaks).join(', ')}`);

type Watch = (this: Watchers, key: string, wake: () => void) => Disposable;
const list: { watch: Watch } = Watchers.prototype;
const { watch } = list;
list.watch = function (key, wake) {
  lose();
  const watching = Reflect.apply(watch, this, [key, wake]);
  return kind === 'watcher' ? { [Symbol.dispose]: () => undefined } : watching;
};
