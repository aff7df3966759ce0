import { expect, it } from 'vitest';
import type { LiveTurn } from '../../../src/store/live-turns.ts';
import { sessionKey } from '../../../src/store/envelope.ts';
import { LiveTurns, NO_LEASE } from '../../../src/store/live-turns.ts';
import { plain } from '../../../src/store/vault.ts';
import { plan } from '../../conformance/store-bench.ts';

const life = { tenant: 'tenant', sessionId: 'session', epoch: 'epoch' };

function newLive(changes: Partial<LiveTurn> = {}): LiveTurn {
  const turn = {
    turnId: 'turn',
    n: 1,
    state: 'queued',
    generation: 1,
    inputId: null,
    userInput: 'hello',
    plan,
    firstSeq: 1,
    lastSeq: 1,
    length: 0,
    startedAt: 0,
    endedAt: null,
    phase: 'queued',
    phaseAt: 0,
    position: null,
    source: null,
    model: null,
    beganAt: null,
    firstTextAt: null,
    attempts: 0,
    idleAttempts: 0,
  } as const;
  return {
    session: 1,
    key: sessionKey(life),
    epoch: life.epoch,
    sealer: plain,
    turn,
    text: '',
    head: 1,
    tail: [],
    journalFrom: null,
    lastCall: [],
    leaseUntil: NO_LEASE,
    ...changes,
  };
}

/** A step whose transaction can be rolled back. */
function newStep() {
  const undos: (() => void)[] = [];
  const touched = new Set<object>();
  return {
    step: {
      undo: (restore: () => void) => undos.push(restore),
      first: (thing: object) => touched.size < touched.add(thing).size,
      changed: () => {},
    },
    rollBack: () => undos.toReversed().forEach((restore) => restore()),
  };
}

it('does not know a turn whose admission was rolled back', () => {
  const lives = new LiveTurns();
  const { step, rollBack } = newStep();
  lives.add(step, newLive());

  rollBack();

  expect(lives.ofLife(life)).toBeUndefined();
  expect(lives.leaseless(0, 10)).toEqual([]);
});

it('has a turn live again when its end was rolled back', () => {
  const lives = new LiveTurns();
  const live = newLive();
  lives.restore(live);
  const { step, rollBack } = newStep();
  lives.change(step, live, { text: 'words', head: 2 });
  lives.change(step, live, { text: 'words more', head: 3 });
  lives.remove(step, live);

  rollBack();

  expect(lives.ofLife(life)).toEqual(newLive());
});

it('has the interrupted turn, not the one that interrupted it, after a rollback', () => {
  const lives = new LiveTurns();
  const live = newLive();
  lives.restore(live);
  const { step, rollBack } = newStep();
  lives.remove(step, live);
  lives.add(step, newLive({ head: 9 }));

  rollBack();

  expect(lives.ofLife(life)).toBe(live);
});

it('knows no live turn of another life', () => {
  const lives = new LiveTurns();
  lives.restore(newLive());

  expect(lives.ofLife({ ...life, epoch: 'other' })).toBeUndefined();
});
