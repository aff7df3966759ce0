import { describe, expect, test } from 'vitest';
import content from '../../../src/therapy/content/guide.en.json' with { type: 'json' };

type Group = readonly [name: string, variants: readonly string[]];

const lines: readonly Group[] = Object.entries(content.lines);
const acks: readonly Group[] = Object.entries(content.acks);
const all: readonly Group[] = [...lines, ...acks, ['spare', content.spare]];

const leastLines: Readonly<Record<string, number>> = {
  goal_ask: 10,
  goal_again: 8,
  goal_kinds: 8,
  goal_menu: 8,
  goal_redirect: 10,
  vision: 8,
  vision_bright: 8,
  vision_check: 6,
  vision_again: 6,
  vision_explain: 4,
  education_brief: 4,
  education_concise: 4,
  education_full: 4,
  education_clarify: 6,
  problem_ask: 8,
  problem_again: 6,
  seek_body_1: 8,
  seek_body_2: 8,
  seek_body_3: 8,
  location_ask: 6,
  location_options: 6,
  sensation_ask: 10,
  sensation_options: 6,
  present_ask: 10,
  present_guide: 6,
  pattern_ask: 8,
  pattern_again: 5,
  readiness_ask: 8,
  readiness_again: 5,
  alpha_offer: 8,
  alpha_reassure: 6,
  alpha_again: 5,
  alpha_declined: 6,
  alpha_stopped: 6,
  alpha_jaw: 6,
  alpha_tongue: 6,
  alpha_breath: 6,
  alpha_jaw_tense: 5,
  alpha_jaw_neutral: 5,
  alpha_jaw_unclear: 5,
  alpha_tongue_tense: 5,
  alpha_tongue_neutral: 5,
  alpha_tongue_unclear: 5,
  alpha_breath_tense: 5,
  alpha_breath_neutral: 5,
  alpha_breath_unclear: 5,
  noticed: 8,
  link: 8,
  compare: 8,
  close: 8,
  rest: 16,
  rest_open: 14,
  bye: 12,
  rest_hard: 12,
  rest_again: 8,
  rest_here: 8,
  emotion: 10,
  cry: 8,
  silent_1: 6,
  silent_2: 6,
  silent_3: 6,
  past: 10,
  think: 10,
  resistance: 10,
  valid: 8,
  relation: 8,
  rambling: 8,
  off: 10,
};

const leastAcks: Readonly<Record<string, number>> = {
  goal: 8,
  goal_taken: 5,
  goal_changed: 5,
  emotion: 10,
  trouble: 8,
  place: 10,
  sensation: 10,
  present: 8,
  pattern: 6,
  affirm: 10,
  yes: 12,
  no: 8,
  enough: 10,
  unsure: 12,
  question: 6,
  long: 6,
  short: 10,
  thanks: 5,
  back: 6,
  more: 6,
  calm: 8,
  move_on: 5,
  hurt: 8,
  plain: 16,
  who: 5,
};

/** How many sentences a line may have, where it is not one or two. */
const lengths: Readonly<Record<string, readonly [least: number, most: number]>> = {
  vision: [4, 5],
  vision_bright: [4, 5],
  rest_hard: [2, 2],
  education_brief: [3, 4],
  education_concise: [6, 9],
  education_full: [10, 15],
  education_clarify: [2, 3],
  alpha_offer: [2, 3],
  alpha_reassure: [2, 3],
};

const slots: ReadonlySet<string> = new Set(['goal', 'trouble', 'emotion', 'place', 'sensation']);
const animalSlots: ReadonlySet<string> = new Set(['prey', 'predator', 'wild']);
const mute: ReadonlySet<string> = new Set([
  'alpha_declined',
  'alpha_stopped',
  'close',
  'rest',
  'rest_open',
  'bye',
  'rest_hard',
  'rest_again',
  'rest_here',
]);
/** The acts that paint a day of the goal. */
const visions: ReadonlySet<string> = new Set(['vision', 'vision_bright']);
const free =
  /^(?:emotion|cry|silent_\d|past|think|resistance|valid|relation|rambling|off|alpha_declined|alpha_stopped|close|bye|rest(?:_\w+)?)$/;
const banned =
  /\b(?:therap\w*|sessions?|exercis\w*|protocols?|trauma\w*|symptom\w*|disorders?|diagnos\w*|treatments?|patients?|techniques?|methods?|why|relax)\b/i;
const minimising =
  /\b(?:don't worry|calm down|cheer up|just relax|it's all in your|everything will be|look on the bright)\b/i;

const sentencesOf = (text: string): string[] => text.split(/(?<=[.?!])\s+/);
const slotsOf = (text: string): string[] => [...text.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? '');
const questionsIn = (text: string): number => text.split('?').length - 1;
const openingOf = (text: string): string => text.toLowerCase().match(/^[a-z'{}]+/)?.[0] ?? '';
const whereFrom = (groups: readonly Group[], isFaulty: (text: string, name: string) => boolean): string[] =>
  groups.flatMap(([name, variants]) =>
    variants.filter((text) => isFaulty(text, name)).map((text) => `${name}: ${text}`),
  );
const tooFew = (groups: readonly Group[], least: Readonly<Record<string, number>>): string[] =>
  Object.keys(least).filter(
    (name) => (groups.find(([group]) => group === name)?.[1].length ?? 0) < (least[name] ?? 0),
  );

describe('the amount', () => {
  test('is at least as asked for every act', () => {
    expect(tooFew(lines, leastLines)).toEqual([]);
  });

  test('is at least as asked for every acknowledgement', () => {
    expect(tooFew(acks, leastAcks)).toEqual([]);
  });

  test('has twelve spare lines and four animals', () => {
    expect(content.spare.length).toBeGreaterThanOrEqual(12);
    expect(content.animals.length).toBeGreaterThanOrEqual(4);
  });

  test('has no act or acknowledgement without a number asked', () => {
    expect(lines.map(([name]) => name).filter((name) => !(name in leastLines))).toEqual([]);
    expect(acks.map(([name]) => name).filter((name) => !(name in leastAcks))).toEqual([]);
  });
});

describe('every sentence', () => {
  test('stands only once in the whole file', () => {
    const sentences = all
      .flatMap(([, variants]) => variants.flatMap(sentencesOf))
      .map((s) => s.toLowerCase());

    expect(sentences.filter((sentence, at) => sentences.indexOf(sentence) !== at)).toEqual([]);
  });

  test('starts with a capital and ends with a full stop or a question mark', () => {
    const isRagged = (text: string): boolean => sentencesOf(text).some((s) => !/^[A-Z][^]*[.?]$/.test(s));

    expect(whereFrom(all, isRagged)).toEqual([]);
  });
});

describe('every line', () => {
  test('has at most one question, at its end', () => {
    expect(whereFrom(all, (text) => questionsIn(text) > 1)).toEqual([]);
    expect(whereFrom(all, (text) => text.includes('?') && !text.endsWith('?'))).toEqual([]);
  });

  test('asks, unless its act may leave the word to the person', () => {
    const asking = lines.filter(([name]) => !free.test(name));

    expect(whereFrom(asking, (text) => !text.endsWith('?'))).toEqual([]);
  });

  test('asks nothing in the acts that ask nothing', () => {
    const silent = lines.filter(([name]) => mute.has(name));

    expect(whereFrom(silent, (text) => text.includes('?'))).toEqual([]);
  });

  test('has one or two sentences, or as many as its act needs', () => {
    const isOff = (text: string, name: string): boolean => {
      const [least, most] = lengths[name] ?? [1, 2];
      return sentencesOf(text).length < least || sentencesOf(text).length > most;
    };

    expect(whereFrom(lines, isOff)).toEqual([]);
  });

  test('has no exclamation mark, quotation mark, emoji or list', () => {
    const isLoud = (text: string): boolean =>
      /[!"“”«»‘’*_#\p{Extended_Pictographic}]/u.test(text) || /(?<![A-Za-z])'|'(?![A-Za-z])/.test(text);

    expect(whereFrom(all, isLoud)).toEqual([]);
  });

  test('has no word of the trade, no order to relax and no comfort that belittles', () => {
    expect(whereFrom(all, (text) => banned.test(text))).toEqual([]);
    expect(whereFrom(all, (text) => minimising.test(text))).toEqual([]);
  });

  test('has paragraphs only in the longer explanations, three or five', () => {
    const paragraphs: Readonly<Record<string, number>> = { education_concise: 3, education_full: 5 };
    const isOff = (text: string, name: string): boolean =>
      text.split('\n\n').length !== (paragraphs[name] ?? 1);

    expect(whereFrom(all, isOff)).toEqual([]);
    expect(whereFrom(all, (text) => /(?<!\n)\n(?!\n)|\n{3}| {2}|^\s|\s$/.test(text))).toEqual([]);
  });
});

describe('acknowledgements and spare lines', () => {
  test('are one sentence that asks nothing', () => {
    const short: readonly Group[] = [...acks, ['spare', content.spare]];

    expect(whereFrom(short, (text) => sentencesOf(text).length !== 1 || text.includes('?'))).toEqual([]);
  });

  test('spare lines have no slot', () => {
    expect(content.spare.filter((text) => slotsOf(text).length > 0)).toEqual([]);
  });
});

describe('slots', () => {
  test('are only the known ones, the animals only in the explanation of the alarm', () => {
    const isUnknown = (text: string, name: string): boolean =>
      slotsOf(text).some(
        (slot) => !slots.has(slot) && !(name.startsWith('education_') && animalSlots.has(slot)),
      );

    expect(whereFrom(all, isUnknown)).toEqual([]);
  });

  test('are missing from at least half of the variants, save the goal in the vision', () => {
    const bare = (text: string): boolean => slotsOf(text).every((slot) => animalSlots.has(slot));
    const short = all.filter(
      ([name, variants]) => !visions.has(name) && variants.filter(bare).length * 2 < variants.length,
    );

    expect(short.map(([name]) => name)).toEqual([]);
    expect(whereFrom(lines, (text, name) => visions.has(name) && !text.includes('{goal}'))).toEqual([]);
  });

  test('never open a sentence', () => {
    expect(whereFrom(all, (text) => sentencesOf(text).some((s) => s.startsWith('{')))).toEqual([]);
  });

  test('name a trouble only where one or many, a person or a doing fits', () => {
    const isTight = (text: string): boolean =>
      text.includes('{trouble}') && !/\b(?:about|do with|had) \{trouble\}/.test(text);

    expect(whereFrom(all, isTight)).toEqual([]);
  });
});

describe('the three steps', () => {
  test('name their own step in every line, and no other', () => {
    const words: Readonly<Record<string, RegExp>> = {
      jaw: /\bjaws?\b/i,
      tongue: /\btongues?\b/i,
      breath: /\bbreath(?:s|e|ing)?\b/i,
    };
    const steps = lines.filter(([name]) => /^alpha_(?:jaw|tongue|breath)/.test(name));
    const isLost = (text: string, name: string): boolean => {
      const own = name.split('_')[1] ?? '';
      const others = ['jaw', 'tongue'].filter((step) => step !== own);
      return words[own]?.test(text) !== true || others.some((step) => words[step]?.test(text));
    };

    expect(steps).toHaveLength(12);
    expect(whereFrom(steps, isLost)).toEqual([]);
  });

  test('ask for tense and calm in every question', () => {
    const steps = lines.filter(([name]) => /^alpha_(?:jaw|tongue|breath)/.test(name));
    const isVague = (text: string): boolean => {
      const question = sentencesOf(text).at(-1) ?? '';
      return !/\btens(?:e|er|ion)\b/i.test(question) || !/\bcalm/i.test(question);
    };

    expect(whereFrom(steps, isVague)).toEqual([]);
  });

  test('are all named, with a way out, where they are offered', () => {
    const isPoor = (text: string): boolean =>
      !/jaw/i.test(text) || !/tongue/i.test(text) || !/breath/i.test(text);

    expect(content.lines.alpha_offer.filter(isPoor)).toEqual([]);
  });
});

describe('after the end', () => {
  test('somebody who is not well is pointed to a person, a doctor and a helpline', () => {
    const isPoor = (text: string): boolean =>
      !/\btrust\b/.test(text) || !/\bdoctors?\b/.test(text) || !/\bhelplines?\b/.test(text);

    expect(content.lines.rest_hard.filter(isPoor)).toEqual([]);
  });

  test('somebody who is not well gets no cheer', () => {
    const isCheerful = (text: string): boolean =>
      /\b(?:great|wonderful|nice|well done|proud|at least|soon be)\b/i.test(text);

    expect(content.lines.rest_hard.filter(isCheerful)).toEqual([]);
  });

  test('the three steps are all named where somebody wants them again', () => {
    const isPoor = (text: string): boolean =>
      !/\bjaw\b/i.test(text) || !/\btongue\b/i.test(text) || !/\bbreath\b/i.test(text);

    expect(content.lines.rest_again.filter(isPoor)).toEqual([]);
  });

  test('the guide says that it is here', () => {
    expect(content.lines.rest_here.filter((text) => !/\b(?:here|I am)\b/i.test(text))).toEqual([]);
  });
});

describe('what is said before a line', () => {
  test('speaks of saying no at most twice, and never where nothing is to be added', () => {
    const saysNo = (text: string): boolean => /\bno\b/i.test(text);

    expect(content.acks.no.filter(saysNo).length).toBeLessThanOrEqual(2);
    expect(content.acks.enough.filter(saysNo)).toEqual([]);
  });

  test('neither praises nor claims to understand where nothing was made out', () => {
    const isTooMuch = (text: string): boolean =>
      /\b(?:understand|understood|follow|know|good|well|great|helps?|brave|honest)\b/i.test(text);

    expect(content.acks.plain.filter(isTooMuch)).toEqual([]);
  });

  test('promises no answer to a question', () => {
    expect(content.acks.question.filter((text) => /\b(?:I'll|I will|let me)\b/i.test(text))).toEqual([]);
  });

  test('fits the whole body as well as a spot', () => {
    expect(content.acks.place.filter((text) => /\b(?:spot|point|there)\b/i.test(text))).toEqual([]);
  });

  test('puts no size on a calm', () => {
    expect(content.acks.calm.filter((text) => /\b(?:bit|little|much calmer|very)\b/i.test(text))).toEqual([]);
  });
});

describe('variety', () => {
  test('no more than two variants of an act open with the same word', () => {
    const crowded = all.flatMap(([name, variants]) => {
      const openings = variants.map(openingOf);
      return openings
        .filter((word) => openings.filter((other) => other === word).length > 2)
        .map((word) => `${name}: ${word}`);
    });

    expect([...new Set(crowded)]).toEqual([]);
  });
});
