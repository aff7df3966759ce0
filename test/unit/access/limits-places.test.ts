import { array, assert, boolean, constantFrom, nat, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLimits } from '../../../src/access/limit-rules.ts';
import { nobody } from '../../../src/access/limits.ts';
import type { Place, Who } from '../../../src/access/limits.ts';
import { createLimits } from '../../../src/access/open-limits.ts';
import { Places } from '../../../src/access/place-limits.ts';
import { only, somebody } from '../../conformance/limits.ts';

function takeAll(places: Places, kind: Place, who: Who): Disposable[] {
  const taken: Disposable[] = [];
  for (let place = places.take(kind, who); place; place = places.take(kind, who)) taken.push(place);
  return taken;
}

describe('places', () => {
  it('are as many as there are, and one more for each that is given back', () => {
    const places = new Places(only('turns_subject=3').places);
    const taken = takeAll(places, 'turn', somebody);

    taken[1]?.[Symbol.dispose]();
    const again = takeAll(places, 'turn', somebody);

    expect([taken.length, again.length]).toEqual([3, 1]);
  });

  it('are given back once, however often they are disposed of', () => {
    const places = new Places(only('turns_subject=2').places);
    const [first] = takeAll(places, 'turn', somebody);

    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    const again = takeAll(places, 'turn', somebody);

    expect(again).toHaveLength(1);
  });

  it('hold nothing of others where one level has none left', () => {
    const places = new Places(only('turns_subject=1,turns_tenant=3').places);
    takeAll(places, 'turn', somebody);
    for (let n = 0; n < 10; n += 1) places.take('turn', somebody);

    const others = ['user:2', 'user:3', 'user:4'].map((subject) =>
      places.take('turn', { ...somebody, subject }),
    );

    expect(others.map((place) => place !== undefined)).toEqual([true, true, false]);
  });

  it('are counted for the whole server, also of those who are nobody', () => {
    const places = new Places(only('connections_all=2').places);

    const taken = [nobody, somebody, nobody].map((who) => places.take('connection', who));

    expect(taken.map((place) => place !== undefined)).toEqual([true, true, false]);
  });

  it('count an IPv6 network as one address', () => {
    const places = new Places(only('connections_address=1').places);

    const taken = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8:0:2::1'].map((address) =>
      places.take('connection', { ...nobody, address }),
    );

    expect(taken.map((place) => place !== undefined)).toEqual([true, false, true]);
  });

  it('leave nothing behind, in whatever order they are taken and given back', () => {
    const rules = parseLimits(
      'connections_address=2,connections_subject=2,connections_all=4,turns_subject=1,turns_tenant=2,followers_session=2,followers_subject=3',
    ).places;
    const step = record({
      isTake: boolean(),
      which: nat(20),
      kind: constantFrom<Place[]>('connection', 'turn', 'follow'),
      address: constantFrom(null, '192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1'),
      tenant: constantFrom(null, 'north', 'south'),
      subject: constantFrom(null, 'user:1', 'user:2'),
      session: constantFrom(null, 'session-1', 'session-2'),
    });

    const walk = property(array(step, { maxLength: 60 }), (steps) => {
      const places = new Places(rules);
      const all: Disposable[] = [];
      const isLive = new Set<Disposable>();
      for (const { isTake, which, kind, ...who } of steps) {
        const place = isTake ? places.take(kind, who) : all[which % Math.max(1, all.length)];
        if (!place) continue;
        if (isTake) {
          all.push(place);
          isLive.add(place);
        } else {
          place[Symbol.dispose]();
          isLive.delete(place);
        }
        expect(places.size).toBeLessThanOrEqual(isLive.size * rules.length);
      }
      for (const place of all) place[Symbol.dispose]();
      expect(places.size).toBe(0);
      expect(takeAll(places, 'connection', nobody)).toHaveLength(4);
    });

    assert(walk, { numRuns: 300 });
  });

  it('come from the limits', async () => {
    await using limits = createLimits({ rules: only('followers_session=1') });

    const taken = [limits.place('follow', somebody), limits.place('follow', somebody)];

    expect(taken.map((place) => place !== undefined)).toEqual([true, false]);
  });
});
