import { expect, it } from 'vitest';
import { Watchers } from '../../../src/store/watchers.ts';

it('wakes those who watch the key, and nobody else', () => {
  const woken: string[] = [];
  const watchers = new Watchers(() => {});
  watchers.watch('a', () => woken.push('a'));
  watchers.watch('b', () => woken.push('b'));

  watchers.wake('a');

  expect(woken).toEqual(['a']);
});

it('wakes the others when one throws, and tells what it threw', () => {
  const faults: unknown[] = [];
  let woken = 0;
  const watchers = new Watchers((error) => faults.push(error));
  const fault = new Error('bad watcher');
  watchers.watch('a', () => {
    throw fault;
  });
  watchers.watch('a', () => (woken += 1));

  watchers.wake('a');

  expect(woken).toBe(1);
  expect(faults).toEqual([fault]);
});

it('leaves out one that is removed by another while waking', () => {
  let woken = 0;
  const watchers = new Watchers(() => {});
  const second: Disposable[] = [];
  watchers.watch('a', () => second[0]?.[Symbol.dispose]());
  second.push(watchers.watch('a', () => (woken += 1)));

  watchers.wake('a');

  expect(woken).toBe(0);
});

it('lets one that is added while waking wait for the next change', () => {
  let woken = 0;
  const watchers = new Watchers(() => {});
  using first = watchers.watch('a', () => watchers.watch('a', () => (woken += 1)));

  watchers.wake('a');
  expect(woken).toBe(0);

  first[Symbol.dispose]();
  watchers.wake('a');
  expect(woken).toBe(1);
});

it('calls a function that watches twice twice, and once when one is removed', () => {
  let woken = 0;
  const wake = () => (woken += 1);
  const watchers = new Watchers(() => {});
  const first = watchers.watch('a', wake);
  watchers.watch('a', wake);

  watchers.wake('a');
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  watchers.wake('a');

  expect(woken).toBe(3);
});
