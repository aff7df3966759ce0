import { describe, expect, test } from 'vitest';
import type { SafetyLevel } from '../../../src/contract/types.ts';
import {
  clientCareOf,
  cleared,
  follow,
  freshCare,
  inherit,
  readCare,
  writeCare,
} from '../../../src/safety/care.ts';
import type { Act, Care, Heard } from '../../../src/safety/care.ts';

const HOUR_MS = 3_600_000;
const calm = { mode: 'normal', level: 'none' } as const;
const begin = Date.UTC(2026, 0, 1);

/** What one input says to the rules. */
type Said = SafetyLevel | 'yes' | 'no' | 'goes on' | 'talks';

/** One session whose inputs come one after another, a minute apart. */
class Walk {
  care: Care;
  now = begin;
  act: Act = { kind: 'process', resumes: false };
  level: SafetyLevel = 'none';

  constructor(care = freshCare('ref')) {
    this.care = care;
  }

  say(...inputs: Said[]): this {
    for (const said of inputs) {
      this.now += 60_000;
      const isAnswer = said === 'yes' || said === 'no';
      const isLevel = !isAnswer && said !== 'goes on' && said !== 'talks';
      const heard: Heard = {
        level: isLevel ? said : 'none',
        codes: isLevel ? [`${said}.rule`] : [],
        answer: isAnswer ? said : undefined,
        goesOn: said === 'goes on',
        now: this.now,
      };
      // as it is stored and read again between two inputs
      const next = follow(readCare(writeCare(this.care), 'other', calm), heard);
      this.care = next.care;
      this.act = next.act;
      this.level = next.level;
    }
    return this;
  }

  wait(hours: number): this {
    this.now += hours * HOUR_MS;
    return this;
  }

  get mode() {
    return this.care.mode;
  }
}

const talk = (count: number): Said[] => Array.from({ length: count }, () => 'talks');

describe('a session without a sign', () => {
  test('goes on with the process', () => {
    const walk = new Walk().say('talks', 'yes', 'no', 'goes on');

    expect(walk.mode).toBe('normal');
    expect(walk.act).toEqual({ kind: 'process', resumes: false });
  });
});

describe.each([
  ['passive', 'support'],
  ['past_attempt', 'support'],
  ['active', 'crisis'],
  ['plan', 'crisis'],
  ['other_harm', 'crisis'],
  ['abuse', 'crisis'],
  ['acute', 'crisis'],
  ['medical', 'emergency'],
] as const)('a sign of %s', (level, mode) => {
  test(`leads to ${mode} and is answered by the fixed reply`, () => {
    const walk = new Walk().say('talks', level);

    expect(walk.mode).toBe(mode);
    expect(walk.act).toEqual({ kind: 'reply', isRepeat: false });
    expect(walk.care.codes).toEqual([`${level}.rule`]);
  });

  test('is answered in other words when it comes again at once', () => {
    expect(new Walk().say(level, level).act).toEqual({ kind: 'reply', isRepeat: true });
  });

  test('is answered whole when it comes again after a while', () => {
    expect(new Walk().say(level, ...talk(3), level).act).toEqual({ kind: 'reply', isRepeat: false });
  });

  test('rests the process whatever is said next', () => {
    for (const said of ['talks', 'yes', 'no', 'goes on'] as const) {
      expect(new Walk().say(level, said).act.kind).not.toBe('process');
    }
  });
});

describe('a crisis', () => {
  test.each(['active', 'plan', 'medical'] as const)(
    'after %s outlives denial, jokes, other topics and a thousand turns',
    (level) => {
      const walk = new Walk().say(level, 'no', 'goes on', ...talk(1_000), 'no', 'goes on');

      expect(walk.mode).toBe('crisis_hold');
      expect(walk.act.kind).not.toBe('process');
    },
  );

  test('becomes a hold with the first no', () => {
    const walk = new Walk().say('active', 'no');

    expect(walk.mode).toBe('crisis_hold');
    expect(walk.act.kind).toBe('noted');
  });

  test('becomes a hold after three inputs without a sign', () => {
    const walk = new Walk().say('active', ...talk(2));
    expect(walk.mode).toBe('crisis');

    expect(walk.say('talks').mode).toBe('crisis_hold');
  });

  test('after an emergency is a crisis', () => {
    expect(new Walk().say('medical', 'talks').mode).toBe('crisis');
  });

  test('comes back from hold with a new sign', () => {
    expect(new Walk().say('active', 'no', 'active').mode).toBe('crisis');
  });

  test('is not made less by a lower sign', () => {
    const walk = new Walk().say('plan', 'passive');

    expect(walk.mode).toBe('crisis');
    expect(walk.care).toMatchObject({ worst: 'plan', level: 'passive' });
  });

  test('counts a yes to the direct question as the same sign again', () => {
    const walk = new Walk().say('plan', 'yes');

    expect(walk.level).toBe('plan');
    expect(walk.act.kind).toBe('reply');
    expect(walk.care.codes).toEqual(['answer:yes']);
  });

  test('does not take a yes to anything else for a sign', () => {
    expect(new Walk().say('active', 'talks', 'yes').level).toBe('none');
  });

  test('takes a yes after a medical emergency for an answer to whether help was called', () => {
    expect(new Walk().say('medical', 'yes').level).toBe('none');
  });
});

test('a yes after a passive wish is active risk', () => {
  const walk = new Walk().say('passive', 'yes');

  expect(walk.level).toBe('active');
  expect(walk.mode).toBe('crisis');
});

describe('the direct question', () => {
  test('is asked at most every third turn while it is not answered', () => {
    const walk = new Walk().say('active');
    const asked = talk(12).map((said) => walk.say(said).act.kind === 'ask');

    expect(asked.flatMap((isAsked, at) => (isAsked ? [at + 1] : []))).toEqual([3, 6, 9, 12]);
  });

  test('is not asked again once it was answered', () => {
    const walk = new Walk().say('active', 'no');
    const acts = talk(10).map((said) => walk.say(said).act.kind);

    expect(acts).not.toContain('ask');
  });

  test('is asked at once in a session that began in hold', () => {
    const known = clientCareOf(new Walk().say('active').care);

    expect(new Walk(inherit(freshCare('new'), known)).say('talks').act.kind).toBe('ask');
  });
});

/** Calm, with one no, and after the given time a second one. */
function leave(level: SafetyLevel, hours: number): Walk {
  const walk = new Walk().say(
    level,
    ...(level === 'medical' ? (['talks', 'no'] as const) : (['no'] as const)),
    ...talk(5),
  );
  return walk.wait(hours);
}

describe('the hold ends', () => {
  test.each([
    ['active', 24],
    ['abuse', 24],
    ['plan', 72],
    ['medical', 72],
  ] as const)('after %s when %d hours have gone, with a second no', (level, hours) => {
    const early = leave(level, hours - 1).say('talks', 'no');
    expect(early.mode).toBe('crisis_hold');

    const late = leave(level, hours).say('talks');
    expect(late.act.kind).toBe('ask');
    late.say('no');
    expect(late.mode).toBe('support');
    expect(late.act.kind).toBe('checkin');
  });

  test('not with two noes alone, nor with time alone', () => {
    expect(new Walk().say('active', 'no', 'active', 'no').mode).toBe('crisis_hold');
    expect(
      new Walk()
        .say('active', 'no', ...talk(5))
        .wait(100)
        .say('talks', 'talks', 'talks').mode,
    ).toBe('crisis_hold');
  });

  test('not within five turns of a new sign', () => {
    const walk = leave('active', 25).say('passive', 'no', 'talks', 'talks');

    expect(walk.mode).toBe('crisis_hold');
  });

  test('when a person clears it: a check-in, and the process by consent', () => {
    const walk = new Walk(cleared(new Walk().say('plan').care));
    expect(walk.mode).toBe('support');

    expect(walk.say('talks').act.kind).toBe('checkin');
    expect(walk.say('yes').act).toEqual({ kind: 'process', resumes: true });
    expect(walk.mode).toBe('normal');
  });
});

describe('support', () => {
  test('offers to go on after a no, and goes on with a yes', () => {
    const walk = new Walk().say('passive', 'no');
    expect(walk.act.kind).toBe('offer');

    walk.say('yes');
    expect(walk.act).toEqual({ kind: 'process', resumes: true });
    expect(walk.mode).toBe('normal');
  });

  test('asks before it goes on', () => {
    expect(new Walk().say('passive', 'goes on').act.kind).toBe('ask');
  });

  test('talks on when the offer is turned down, and offers again later', () => {
    const walk = new Walk().say('passive', 'no', 'no');
    expect(walk.act.kind).toBe('declined');

    const acts = talk(5).map((said) => walk.say(said).act.kind);
    expect(acts).toContain('offer');
    expect(walk.mode).toBe('support');
  });

  test('ends only by consent', () => {
    expect(new Walk().say('passive', ...talk(50)).mode).toBe('support');
  });
});

describe('another session of the client', () => {
  const known = clientCareOf(new Walk().say('plan').care);

  test('begins in hold', () => {
    const walk = new Walk(inherit(freshCare('new'), known));

    expect(walk.mode).toBe('crisis_hold');
    expect(walk.care).toMatchObject({ worst: 'plan', ref: 'new' });
  });

  test('that is under way is held too', () => {
    expect(inherit(new Walk().say('talks', 'talks').care, known).mode).toBe('crisis_hold');
  });

  test('goes on when nothing is known of the client', () => {
    expect(inherit(freshCare('new'), null).mode).toBe('normal');
  });

  test('goes on when the risk is over', () => {
    const over = clientCareOf(freshCare('old'));

    expect(inherit(freshCare('new'), over).mode).toBe('normal');
  });

  test('knows that the person is under 18', () => {
    const minor = clientCareOf({ ...freshCare('old'), isMinor: true });

    expect(inherit(freshCare('new'), minor).isMinor).toBe(true);
  });

  test('that knows of the risk itself goes on from there', () => {
    const care = leave('plan', 1).care;

    expect(inherit(care, clientCareOf(care))).toEqual(care);
  });
});

describe('what is stored', () => {
  test('holds no words', () => {
    expect(Object.values(JSON.parse(writeCare(new Walk().say('active').care)))).not.toContain('words');
  });

  test.each(['', 'garbage', '[]', 'null', '{"mode":'])('and cannot be read ("%s") is fresh', (text) => {
    expect(readCare(text, 'ref', calm)).toEqual(freshCare('ref'));
  });

  test('and is missing keeps the mode the session shows', () => {
    const care = readCare(null, 'ref', { mode: 'crisis', level: 'plan' });

    expect(care).toMatchObject({ mode: 'crisis', level: 'plan', worst: 'plan' });
  });

  test('by an older version gets what it lacks', () => {
    expect(readCare('{"mode":"crisis","worst":"plan"}', 'ref', calm)).toEqual({
      ...freshCare('ref'),
      mode: 'crisis',
      worst: 'plan',
    });
  });
});
