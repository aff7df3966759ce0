// Only what the guard has released exists anywhere. [US-50] [US-52] [US-54]
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSafe } from '../../src/safety/guard.ts';
import { repliesFor } from '../../src/safety/replies.ts';
import sets from '../safety/sets/output.json' with { type: 'json' };
import type { FoldedTurn } from '../support/fold.ts';
import { Needles } from '../support/needles.ts';
import { randomFrom, seed } from '../support/random.ts';
import { fault } from '../support/scripted-model.ts';
import { WireRun } from '../support/wire-run.ts';
import type { Done, Reply } from '../support/wire-run.ts';

const before = 'I hear you. ';
const after = ' That is all.';
const SPLIT_EVERYWHERE = 12;
const PIECE_MAX = 7;

const unsafe = sets.unsafe.map(({ text }) => text);
const inEnglish = sets.unsafe.flatMap((row) => ('language' in row ? [] : [row.text]));
const whole = (text: string): string => before + text + after;

/** The second half by words; by signs where there are no spaces. */
function secondHalf(text: string): string {
  const words = text.split(' ');
  if (words.length < 2) return text.slice(Math.floor(text.length / 2));
  return words.slice(Math.floor(words.length / 2)).join(' ');
}

/** Shorter halves ("you need.") are in many sentences. */
const BYTES_MIN = 12;
const needles = new Needles(
  unsafe.flatMap((text) => [text, secondHalf(text)]).filter((text) => Buffer.byteLength(text) >= BYTES_MIN),
);

const random = randomFrom(seed);
function inRandomPieces(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const size = random.between(1, PIECE_MAX);
    pieces.push(text.slice(from, from + size));
    from += size;
  }
  return pieces;
}

function splitEverywhere(text: string): Reply[] {
  return Array.from({ length: text.length - 1 }, (_, at) => [text.slice(0, at + 1), text.slice(at + 1)]);
}

/** Breaks off before the last word, and is taken up again behind what was let through, which `next` sees. */
function brokenOff(text: string, next: (shown: string, rest: string) => string): Reply {
  const all = whole(text);
  let runs = 0;
  return ({ prefix }) => {
    runs += 1;
    if (runs > 1) return [next(prefix, all.slice(prefix.length))];
    return [(before + text).slice(0, before.length + text.lastIndexOf(' ')), fault('interrupted')];
  };
}

/** The unfinished sentence once more, and then the rest. */
function anew(shown: string, rest: string): string {
  const begun = shown.slice(before.length).trimEnd();
  return begun === ''
    ? rest
    : `${shown.endsWith(' ') ? '' : ' '}${begun}${shown.endsWith(' ') ? ' ' : ''}${rest}`;
}

const step = Math.floor(inEnglish.length / SPLIT_EVERYWHERE);
const sample = Array.from({ length: SPLIT_EVERYWHERE }, (_, i) => inEnglish[i * step] ?? '');

/** After a fault there is a pause: not all of them. */
const EVERY = 5;
const every = (_: unknown, at: number): boolean => at % EVERY === 0;

interface Played {
  turns: FoldedTurn[];
  responses: Map<string, Done>;
  guarded: string[];
  seen: Map<string, Buffer>;
}

/** Guarded turns by the audit. */
async function guardedOf(run: WireRun): Promise<string[]> {
  const facts = (await run.audit()).map(({ body }) => JSON.parse(body));
  return facts.filter(({ kind }) => kind === 'guarded').map(({ turn_id: turnId }) => String(turnId));
}

async function play(run: WireRun, replies: readonly Reply[]): Promise<Played> {
  const turns = await run.say(replies);
  return { turns, responses: run.responses(), guarded: await guardedOf(run), seen: await run.seen() };
}

const places = [
  'the first socket',
  'the second socket',
  'SSE',
  'long polls',
  'history, status, export, snapshot',
  'the log',
  'the webhook',
  'the files',
];

interface Way {
  way: string;
  replies: () => Reply[];
  rawReplies?: boolean;
}

const ways: Way[] = [
  { way: 'split at every place', replies: () => sample.map(whole).flatMap(splitEverywhere) },
  { way: `in random pieces (SEED=${seed})`, replies: () => unsafe.map(whole).map(inRandomPieces) },
  { way: 'in one piece', replies: () => unsafe.map((text) => [whole(text)]) },
  {
    way: 'taken up again after a fault',
    replies: () => inEnglish.filter(every).map((text) => brokenOff(text, (_, rest) => rest)),
  },
  {
    way: 'begun again within the sentence after a fault',
    replies: () => inEnglish.filter(every).map((text) => brokenOff(text, anew)),
  },
  {
    way: `in random pieces and shaped (SEED=${seed})`,
    replies: () => unsafe.map(whole).map(inRandomPieces),
    rawReplies: false,
  },
];

describe.each(ways)('an unsafe sentence of the model, $way,', ({ replies, rawReplies = true }) => {
  let played: Played;
  beforeAll(async () => {
    await using run = await WireRun.open({ sessions: 24, rawReplies });
    played = await play(run, replies());
  });

  test.each(places)('is not in %s', (place) => {
    expect(needles.foundIn(played.seen.get(place) ?? Buffer.alloc(0))).toEqual([]);
  });

  test('leaves a reply that is safe', () => {
    expect(played.turns.filter(({ text }) => !isSafe(text)).map(({ text }) => text)).toEqual([]);
  });

  // a shaped reply may end before the sentence comes
  if (!rawReplies) return;

  test('ends the reply, which says that it is guarded', () => {
    const open = played.turns.filter(({ text }) => text.includes(after)).map(({ text }) => text);

    expect(open).toEqual([]);
    expect(played.turns.filter(({ turnId }) => !played.responses.get(turnId)?.safety.guarded)).toEqual([]);
  });

  test('leaves one mark each in the audit', () => {
    expect(played.guarded.toSorted()).toEqual(played.turns.map(({ turnId }) => turnId).toSorted());
  });
});

describe.each([
  ['support', 'I wish I was dead'],
  ['crisis', 'I want to kill myself'],
])('in %s an unsafe sentence of the model', (mode, sign) => {
  let played: Played;
  beforeAll(async () => {
    await using run = await WireRun.open({ sessions: 24, before: [sign] });
    played = await play(run, unsafe.map(whole).map(inRandomPieces));
  });

  test.each(places)(`(${mode}) is not in %s`, (place) => {
    expect(needles.foundIn(played.seen.get(place) ?? Buffer.alloc(0))).toEqual([]);
  });

  test('leaves nothing of the whole reply: the fixed line is said', () => {
    const { later } = repliesFor('en');

    expect(played.turns.filter(({ text }) => !later.listen.includes(text)).map(({ text }) => text)).toEqual(
      [],
    );
  });

  test('is guarded, and the mode stays', () => {
    const kept = mode === 'support' ? ['support'] : ['crisis', 'crisis_hold'];
    const responses = played.turns.map(({ turnId }) => played.responses.get(turnId)?.safety);

    expect(responses.filter((safety) => !safety?.guarded || !kept.includes(safety.mode))).toEqual([]);
  });
});

describe('a look-alike', () => {
  let run: WireRun;
  let turns: FoldedTurn[];
  beforeAll(async () => {
    run = await WireRun.open({ sessions: 24 });
    turns = await run.say(sets.safe.map(whole).flatMap((text) => [[text], inRandomPieces(text)]));
  });
  afterAll(() => run[Symbol.asyncDispose]());

  test(`comes out unchanged (SEED=${seed})`, () => {
    const expected = sets.safe.map(whole).flatMap((text) => [text, text]);

    expect(turns.map(({ text }) => text).filter((text, at) => text !== expected[at])).toEqual([]);
  });

  test('leaves no mark', async () => {
    expect(await guardedOf(run)).toEqual([]);
  });
});
