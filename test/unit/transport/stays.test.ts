// Who stays, and until when: on clocks that the test moves.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Authenticator, Identity } from '../../../src/access/authenticator.ts';
import { nobody } from '../../../src/chat/access.ts';
import { Stays } from '../../../src/transport/stays.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);
const ada: Identity = { ...nobody, subject: 'user:ada', credential: 'jwt.ada', expiresAt: START + MINUTE };
const fresh: Identity = { ...ada, credential: 'jwt.fresh', expiresAt: START + 10 * MINUTE };

function bench() {
  const authenticator: Authenticator = {
    authenticate: () => Promise.reject(new Error('nobody is asked')),
    stillCounts: () => Promise.resolve(true),
    onRevoked: () => ({ [Symbol.dispose]: () => {} }),
    [Symbol.dispose]: () => {},
  };
  const guest = { expiring: vi.fn(), end: vi.fn() };
  return { stays: new Stays(authenticator, () => Date.now()), guest };
}

beforeEach(() => void vi.useFakeTimers({ now: START }));
afterEach(() => void vi.useRealTimers());

test('one who stays is told once, and ended once', () => {
  const { stays, guest } = bench();
  using _stays = stays;
  using _held = stays.hold(ada, guest);

  vi.advanceTimersByTime(3 * MINUTE);
  stays.revoke(ada.credential);

  expect(guest.expiring.mock.calls).toEqual([[ada.expiresAt]]);
  expect(guest.end).toHaveBeenCalledTimes(1);
});

test('one who goes on with a fresh credential stays by that one', () => {
  const { stays, guest } = bench();
  using _stays = stays;
  using held = stays.hold(ada, guest);

  held.renew(fresh);
  stays.revoke(ada.credential);
  vi.advanceTimersByTime(3 * MINUTE);

  expect(guest.end).not.toHaveBeenCalled();
  stays.revoke(fresh.credential);
  expect(guest.end).toHaveBeenCalledTimes(1);
});

test('one who has left is kept by nothing, not by a credential that comes later either', () => {
  const { stays, guest } = bench();
  using _stays = stays;
  const held = stays.hold(ada, guest);

  held[Symbol.dispose]();
  held.renew(fresh);
  for (const { credential } of [ada, fresh]) stays.revoke(credential);
  vi.advanceTimersByTime(20 * MINUTE);

  expect(guest.expiring).not.toHaveBeenCalled();
  expect(guest.end).not.toHaveBeenCalled();
});
