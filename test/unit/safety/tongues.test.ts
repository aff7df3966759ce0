import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { levels } from '../../../src/safety/levels.ts';
import { detector } from '../../../src/safety/rules.ts';
import { screen, screenWith, stages } from '../../../src/safety/screen.ts';
import { createTongues, tongueFindings } from '../../../src/safety/tongues.ts';
import type { TongueContent } from '../../../src/safety/tongues.ts';
import { brokenTongues, tongueContents } from '../../../src/safety/tongues-content.ts';
import { findTongues } from '../../../src/safety/tongue-match.ts';
import { tokensOf, visible } from '../../../src/safety/tongue-words.ts';

const empty = {
  version: 'test-1',
  name: 'Test',
  marks: [],
  others: [],
  selves: [],
  classes: {},
  idioms: [],
  answers: { yes: [], no: [] },
  human: [],
  minor: [],
};

const spanish: TongueContent = {
  ...empty,
  language: 'es',
  writing: 'words',
  marks: ['que', 'me', 'no', 'la', 'de'],
  negators: ['no', 'nunca'],
  others: ['él', 'hermano', 'mi amigo'],
  selves: ['yo', 'me', 'mi'],
  classes: { die: ['morir', 'matarme', 'quitarme la vida'] },
  rules: [
    {
      id: 'es.active.die',
      level: 'active',
      say: ['quiero|quisiera .. @die', 'ganas de @die', 'suicid*', 'me quiero @die'],
    },
    { id: 'es.passive.live', level: 'passive', say: ['no quiero .. vivir', '^ ya? no sigo $'] },
    { id: 'es.past', level: 'past_attempt', far: 'none', say: ['intenté @die'] },
    { id: 'es.plan.pills', level: 'plan', say: ['# pastillas listas|$'] },
    { id: 'es.abuse', level: 'abuse', say: ['=él me pega'] },
  ],
  idioms: ['morir de risa|hambre'],
  past: ['hace años'],
};
const chinese: TongueContent = {
  ...empty,
  language: 'zh',
  writing: 'signs',
  negators: ['不', '没有'],
  others: ['朋友'],
  selves: ['我'],
  classes: { die: ['死', '自杀'] },
  rules: [
    { id: 'zh.active', level: 'active', say: ['想 .. @die'] },
    { id: 'zh.plan', level: 'plan', say: ['# 片 药'] },
  ],
  idioms: ['笑死'],
};
const korean: TongueContent = {
  ...empty,
  language: 'ko',
  writing: 'words',
  negators: ['안'],
  others: ['친구*'],
  selves: ['나'],
  rules: [{ id: 'ko.active', level: 'active', say: ['죽고 싶*', '살기 .. 싫*', '약 먹었어'] }],
  idioms: ['배고파 죽*'],
};
const tongues = createTongues([spanish, chinese, korean]);

function codes(...inputs: string[]): string[] {
  return [...new Set(tongueFindings(tongues, inputs).map(({ code }) => code))];
}

describe('a frame', () => {
  test.each([
    ['quiero morir', 'es.active.die'],
    ['QUIERO de verdad MORIR', 'es.active.die'],
    ['quiero quitarme la vida', 'es.active.die'],
    ['pienso en suicidarme', 'es.active.die'],
    ['no quiero ya vivir', 'es.passive.live'],
    ['ya no sigo', 'es.passive.live'],
    ['bueno. no sigo', 'es.passive.live'],
    ['20 pastillas', 'es.plan.pills'],
    ['20 pastillas listas hoy', 'es.plan.pills'],
    ['él me pega', 'es.abuse'],
    ['我想死', 'zh.active'],
    ['我真的好想去自杀', 'zh.active'],
    ['想 死', 'zh.active'],
    ['吃了３０片药', 'zh.plan'],
    ['三十片药', 'zh.plan'],
    ['죽고 싶어요', 'ko.active'],
    ['나는죽고싶어', 'ko.active'],
    ['살기 정말 싫어', 'ko.active'],
    ['약 먹었어', 'ko.active'],
  ])('fits %s', (text, code) => {
    expect(codes(text)).toEqual([code]);
  });

  test.each([
    ['quiero mucho a mi madre morir'],
    ['hoy quiero. luego morir'],
    ['ya no sigo tu consejo'],
    ['20 pastillas para la tos'],
    ['el me pega'],
    ['想喝水因为天气太热了死'],
    ['약먹었어요'],
    ['살기 안 싫어'],
  ])('does not fit %s', (text) => {
    expect(codes(text)).toEqual([]);
  });

  test.each([
    ['quiero (morir', '"(morir" holds a sign that has no meaning there'],
    ['.. morir', 'it does not begin with a word that must be there'],
    ['@never', 'there is no class @never'],
    ['morir|', '"morir|" has an empty alternative'],
    ['a*', '"a*" needs at least two letters before the star'],
    ['quiero $ morir', '$ belongs at its end of the frame only'],
    ['quiero a.b', '"a.b" holds an end of sentence'],
  ])('that cannot be read is named with its language and rule: %s', (line, why) => {
    const broken = { ...spanish, rules: [{ id: 'es.x', level: 'active', say: [line] }] };

    expect(() => createTongues([broken])).toThrow(`es.json, es.x, frame "${line}": ${why}`);
  });

  test('with an unknown level is refused', () => {
    const broken = { ...spanish, rules: [{ id: 'es.x', level: 'severe', say: ['morir'] }] };

    expect(() => createTongues([broken])).toThrow('No level severe');
  });
});

describe('a hit', () => {
  test.each([
    ['no quiero morir'],
    ['no me quiero morir'],
    ['no siento nunca ganas de morir'],
    ['我不想死'],
    ['안 죽고 싶어'],
  ])('that is denied counts nothing: %s', (text) => {
    expect(codes(text)).toEqual([]);
  });

  test.each([
    ['no, quiero morir'],
    ['No. Quiero morir.'],
    ['no aguanto quiero morir'],
    ['no se quiero morir'],
  ])('after the denial of something else counts: %s', (text) => {
    expect(codes(text)).toEqual(['es.active.die']);
  });

  test.each([['mi amigo tiene ganas de morir'], ['mi hermano dice suicidarse'], ['친구가 죽고 싶대']])(
    'of somebody else counts nothing: %s',
    (text) => {
      expect(codes(text)).toEqual([]);
    },
  );

  test.each([
    ['mi hermano murió, ganas de morir'],
    ['mi hermano no sabe que yo tengo ganas de morir'],
    ['para el trabajo quiero morir'],
  ])('of the speaker counts, whoever else is named: %s', (text) => {
    expect(codes(text)).toEqual(['es.active.die']);
  });

  test.each([['quiero morir de risa'], ['想笑死'], ['배고파 죽고 싶어']])(
    'that overlaps an idiom counts nothing: %s',
    (text) => {
      expect(codes(text)).toEqual([]);
    },
  );

  test('that lies long back has its other level', () => {
    expect(codes('intenté matarme')).toEqual(['es.past']);
    expect(codes('hace años intenté matarme')).toEqual([]);
    expect(codes('eso fue hace años. intenté matarme')).toEqual(['es.past']);
  });

  test('names its words and language', () => {
    expect(tongueFindings(tongues, ['Hoy quiero MORIR.'])).toEqual([
      { level: 'active', phrase: 'quiero morir', code: 'es.active.die', language: 'es' },
    ]);
  });
});

describe('a disguise does not hide a word', () => {
  test.each([
    ['qui\u200bero mo\u0301rir'],
    ['quіero mоrir'],
    ['quierooo morirrr'],
    ['qu1ero m0rir'],
    ['q u i e r o m o r i r'],
    ['quieromorir'],
    ['#QuieroMorir'],
    ['Quiero. Morir.'],
    ['ｑｕｉｅｒｏ ｍｏｒｉｒ'],
  ])('%s', (text) => {
    expect(codes(text)).toEqual(['es.active.die']);
  });

  test('in any covered language: an unseen character lowers no level', () => {
    const lines = [
      'quiero morir',
      'ich will sterben',
      '我想死',
      '死にたい',
      '죽고 싶어',
      'मैं मरना चाहता हूँ',
      'أريد أن أموت',
      'хочу умереть',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.nat(20), (line, at) => {
        const hidden = `${line.slice(0, at)}\u200b${line.slice(at)}`;
        const level = (text: string) => levels[screen({ text, recent: [], mode: 'normal' }).level].rank;
        expect(level(hidden)).toBeGreaterThanOrEqual(level(line));
      }),
    );
  });
});

describe('several inputs', () => {
  test('are read as one where a sentence is split', () => {
    expect(codes('quiero', 'morir')).toEqual(['es.active.die']);
    expect(codes('我想', '死')).toEqual(['zh.active']);
  });

  test('have no gap across them', () => {
    expect(codes('quiero', 'comer y no morir')).toEqual([]);
  });

  test('do not make count again what an earlier one said', () => {
    expect(codes('quiero morir', 'hoy fue un día largo')).toEqual([]);
  });
});

describe('the screening', () => {
  test('takes the worst of all languages', () => {
    expect(screen({ text: 'I feel down, ich will sterben', recent: [], mode: 'normal' })).toMatchObject({
      level: 'active',
      mode: 'crisis',
    });
  });

  test('names the language of the input and hands on its plain spelling', () => {
    expect(screen({ text: 'Ich will nicht mehr LEBEN', recent: [], mode: 'normal' })).toMatchObject({
      language: 'de',
      plain: 'ich will nicht mehr leben',
    });
  });

  test('says when no lexicon covers the language', () => {
    const { level, language, reasonCodes } = screen({ text: 'θέλω να πεθάνω', recent: [], mode: 'normal' });

    expect({ level, language, reasonCodes }).toEqual({
      level: 'none',
      language: undefined,
      reasonCodes: ['language:unknown'],
    });
  });

  test('judges English words in an English text by the English rules alone', () => {
    const other = { level: 'active', phrase: 'self harm', code: 'hi.x', language: 'hi' } as const;
    const given = { ...stages, otherTongues: () => [other] };

    expect(
      screenWith(given, {
        text: 'the form asks about self harm, that is a no from me',
        recent: [],
        mode: 'normal',
      }).level,
    ).toBe('none');
  });

  test('keeps what English finds when the other languages fail, and says so', () => {
    const otherTongues = (): never => {
      throw new Error('out of order');
    };
    const found = screenWith(
      { ...stages, otherTongues },
      { text: 'I want to die', recent: [], mode: 'normal' },
    );

    expect(found.level).toBe('active');
    expect(found.reasonCodes).toEqual(expect.arrayContaining(['detector:degraded', 'active.want_die']));
  });
});

describe('the content', () => {
  test('has a file for each language that is claimed', () => {
    expect(tongueContents.map(({ language }) => language).sort()).toEqual(
      'ar de es fr hi hi-Latn id it ja ko nl pl pt ru sv tr uk vi zh'.split(' '),
    );
  });

  test('is covered by the hash of the detector', () => {
    expect(detector.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(tongueContents.every(({ version, language }) => version.startsWith(language))).toBe(true);
  });
});

describe('the cost', () => {
  const all = createTongues(tongueContents);

  /** How often the matcher looks at a token. */
  function looks(text: string): number {
    let count = 0;
    const counted = new Proxy(tokensOf(visible(text)), {
      get(row, key, receiver): unknown {
        if (typeof key === 'string' && /^\d+$/.test(key)) count += 1;
        return Reflect.get(row, key, receiver);
      },
    });
    findTongues(counted, all.frames);
    return count;
  }

  test.each([
    'quiero morir ',
    'no quiero que ',
    'ich will nicht ',
    'je veux pas ',
    'я не хочу ',
    'انا لا اريد ',
    'मैं नहीं ',
    '我想死',
    '我不想',
    '죽고 싶어 ',
    '죽고',
    '20 ',
    'I walked through the park and felt lighter. ',
  ])(
    'of twice the text is at most twice the work, and a word is looked at a bounded number of times: %s',
    (piece) => {
      const words = tokensOf(visible(piece)).length;
      const single = looks(piece.repeat(200));
      const double = looks(piece.repeat(400));

      expect(double).toBeLessThanOrEqual(single * 2.1 + 100);
      expect(single).toBeLessThanOrEqual(words * 200 * 1_500);
    },
  );

  test('a text of marks is cut before it is sorted', () => {
    expect(visible(`a${'\u0301\u0316'.repeat(4_000)}`).length).toBeLessThan(8);
  });
});

test('every lexicon can be read', () => {
  expect(brokenTongues).toEqual([]);
  expect(tongueContents).toHaveLength(19);
});
