// What the rules of the process make of a person's words: a table for each fact (DOMAIN.md 3.3, 3.7).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fold } from '../../../src/safety/fold.ts';
import { hear } from '../../../src/therapy/hear/hear.ts';
import type { Heard } from '../../../src/therapy/hear/hear.ts';
import { perceive } from '../../../src/therapy/perceive.ts';

const selfHarm = { detected: false, phrases: [] };

function listen(original: string): Heard {
  const { preprocessing, text } = perceive({ original, plain: fold(original), selfHarm });
  return hear({ original, text, preprocessing });
}

/** What is named; what is not there is left out. */
const names = ['location', 'sensation', 'emotion', 'stressor', 'goal'] as const;
type Told = Partial<Record<(typeof names)[number], string>>;

function toldIn(text: string): Told {
  const heard = listen(text);
  return Object.fromEntries(
    names.flatMap((name) => (heard[name] === null ? [] : [[name, heard[name]] as const])),
  );
}

describe('what is told', () => {
  const table: readonly (readonly [text: string, told: Told])[] = [
    ["I'm feeling really stressed and overwhelmed", { emotion: 'stressed' }],
    ['I want to feel calm and peaceful', { goal: 'calm and peaceful' }],
    ['I feel it in my chest', { location: 'chest' }],
    ["It's tight and heavy", { sensation: 'tightness' }],
    ['My shoulders are tense', { location: 'shoulders', sensation: 'tension' }],
    ['my arms are numb', { location: 'arms', sensation: 'numbness' }],
    ["It's like a stone in my stomach", { location: 'stomach', sensation: 'stone' }],
    ["they're tense", { sensation: 'tension' }],
    ['my right shoulder feels right', { location: 'shoulders' }],
    ['Not in my chest but in my belly', { location: 'belly' }],
    ['everywhere', { location: 'whole body' }],
    ['all over', { location: 'whole body' }],
    ['head to toe', { location: 'whole body' }],
    ['my mother is angry with me', { stressor: 'your mother' }],
    ["I'm mad at my mother", { emotion: 'angry', stressor: 'your mother' }],
    ["I'm not anxious, just tired", { emotion: 'tired' }],
    ["I can't stop worrying", { emotion: 'worried' }],
    ['I feel lost', { emotion: 'lost' }],
    ['I feel low', { emotion: 'low' }],
    ["I've been feeling down", { emotion: 'down' }],
    ['My boss gives me too much work', { stressor: 'your boss' }],
    ['I want to feel safe at work', { goal: 'safe', stressor: 'work' }],
    ["I'd like some peace", { goal: 'at peace' }],
    ['I wish I could relax', { goal: 'relaxed' }],
    ['i wanna be free', { goal: 'free' }],
    ['Actually I want to feel confident instead', { goal: 'confident' }],
    ['Id like to feel calm', { goal: 'calm' }],
    ['I’m sad', { emotion: 'sad' }],
    ['I feel anixous', { emotion: 'anxious' }],
    ['I am stresed', { emotion: 'stressed' }],
  ];

  test.each(table)('%s', (text, told) => {
    expect(toldIn(text)).toEqual(told);
  });
});

describe('what only looks like it', () => {
  const insideWords = [
    'We made it, I made mad progress, he made tea',
    'A slow blow, slowly, below, flow, yellow, follow',
    'Everybody and somebody, an antibody, a bodyguard',
    'background, backwards, setback, payback, backpack',
    'It does no harm, warm, swarm, charm, an army, armed',
    'a number of things, the numbers',
    'an intense film, intensely',
    'I went ahead, he is headed home, heading, headline',
    'heartless, footage, legal, legend, elegant, handle, throughout',
    'the light in the room, headlight, delight',
    'a framework, workout, networking, jobless, moneyed',
  ];
  const turnsOfSpeech = [
    'Let me go back to that',
    "I'm back",
    'back then it was so',
    'on the other hand',
    'hand in the report',
    "let's head out",
    'My head of department',
    'I have to face it',
    'that is the heart of the matter',
    'a pain in the neck',
    'The traffic was heavy',
    'my phone has a low battery',
    'low battery',
    'sit down',
    'I lost my keys',
    'I hurt my friend',
  ];
  const ofOthers = [
    'She is tense',
    'his neck is stiff',
    'her shoulders are tight',
    'He is so sad',
    'They are angry',
    'You are tense',
  ];
  const denied = [
    'not sad',
    "I don't feel calm",
    "it's not tight",
    'no pain',
    'not in my chest',
    "I'm not worried",
  ];
  const neither = [
    '',
    '...',
    'ok',
    'banana',
    'the sofa is blue',
    'I know',
    'snow',
    'constructor',
    '__proto__',
  ];

  test.each([...insideWords, ...turnsOfSpeech, ...ofOthers, ...denied, ...neither])('%s', (text) => {
    const { location, sensation, emotion, goal } = toldIn(text);

    expect({ location, sensation, emotion, goal }).toEqual({});
  });

  test.each([
    ['my partner has a stiff neck', 'your partner'],
    ['my brother is sad', 'your brother'],
    ['my boss is tense', 'your boss'],
  ])('%s: only who it is about', (text, stressor) => {
    expect(toldIn(text)).toEqual({ stressor });
  });
});

describe('a wish', () => {
  test.each([
    'I want to feel better',
    'I want to sleep through the night',
    'just to feel good again',
    'I need a break',
  ])('is vague: %s', (text) => {
    expect(listen(text)).toMatchObject({ goal: null, isVagueWish: true });
  });

  test.each([
    "I don't want to feel anxious any more",
    'I want to stop worrying',
    'less stress',
    'I want to be less angry',
    'I want to not be angry',
    "i don't want to be sad",
  ])('for something to go away is a problem: %s', (text) => {
    expect(listen(text)).toMatchObject({ goal: null, isVagueWish: false, tellsProblem: true });
  });

  test.each([
    ['calm', 'calm'],
    ['peaceful maybe', 'peaceful'],
    ['Confidence', 'confident'],
  ])('can be a bare word, for whoever asked: %s', (text, bareGoal) => {
    expect(listen(text)).toMatchObject({ goal: null, bareGoal });
  });

  test.each([
    'ok',
    'yes',
    'fine',
    'hello',
    'not calm',
    'No, not calm',
    'I never feel calm',
    "I can't calm down",
  ])('is not in: %s', (text) => {
    expect(listen(text)).toMatchObject({ goal: null, bareGoal: null, isVagueWish: false });
  });

  test.each([
    'I want him to be happy',
    'I want my mother to be happy',
    'I just want to make them happy',
    'I want my children to be safe',
    'I wish my boss was calmer',
  ])('for others is no goal of one’s own: %s', (text) => {
    expect(listen(text).goal).toBeNull();
  });

  test('"whole body" is a place and no goal', () => {
    expect(listen('my whole body')).toMatchObject({ location: 'whole body', bareGoal: null });
  });
});

describe('a short answer', () => {
  test.each([
    'yes',
    'Yes, that makes sense',
    'ok',
    'right',
    "that's right",
    'sounds good',
    'sure',
    'exactly',
    'go ahead',
  ])('accepts: %s', (text) => {
    expect(listen(text)).toMatchObject({ accepts: true, rejects: false, refuses: false });
  });

  test.each([
    'right now',
    'my right side',
    'not good',
    'not really',
    "that isn't right",
    'I know',
    'brightly',
    'yesterday',
  ])('accepts nothing: %s', (text) => {
    expect(listen(text).accepts).toBe(false);
  });

  test.each(['yes but it is not me', 'not really', 'no', "that doesn't fit", 'but I cannot imagine it'])(
    'rejects: %s',
    (text) => {
      expect(listen(text).rejects).toBe(true);
    },
  );

  test.each(['no', 'nope', "I don't want to", 'not today', 'no thanks', "I'd rather not"])(
    'refuses: %s',
    (text) => {
      expect(listen(text).refuses).toBe(true);
    },
  );

  test.each([
    'yes',
    'I know',
    'now',
    'nothing',
    "I don't mind",
    "no problem, let's go",
    "I don't want to feel anxious any more, so yes",
  ])('refuses nothing: %s', (text) => {
    expect(listen(text).refuses).toBe(false);
  });

  test.each([
    "that's it",
    'that’s all',
    'nothing more from my side',
    'no',
    'nothing else',
    "I'm good",
    'all good',
  ])('says that this is all: %s', (text) => {
    expect(listen(text).nothingMore).toBe(true);
  });

  test.each([
    'I have no energy left',
    'There is no time for me',
    'I have no one to talk to',
    'I had no sleep',
    'I never say no to people',
    'I have no background in this',
    'something else happened',
    'yes',
    'I know',
  ])('leaves more to be said: %s', (text) => {
    expect(listen(text).nothingMore).toBe(false);
  });

  test('a feeling behind a "no" is told', () => {
    expect(toldIn("No, I'm sad")).toEqual({ emotion: 'sad' });
    expect(toldIn('no, my chest is tight')).toEqual({ location: 'chest', sensation: 'tightness' });
  });

  test.each(["I don't know", 'idk', 'not sure', 'no idea', 'hard to say', 'I dont know what i want'])(
    'does not know: %s',
    (text) => {
      expect(listen(text).isUnsure).toBe(true);
    },
  );
});

describe('now', () => {
  test.each(['Right now', 'I feel it now', 'still there', 'at the moment, yes', 'I can feel it'])(
    'is said in: %s',
    (text) => {
      expect(listen(text)).toMatchObject({ isPresent: true, isAbsent: false });
    },
  );

  test.each(['not right now', "it's gone", 'no longer', 'not any more', 'not now'])(
    'is denied in: %s',
    (text) => {
      expect(listen(text)).toMatchObject({ isPresent: false, isAbsent: true, affirmsPresent: false });
    },
  );

  test.each(['I know', 'snow', 'I knew it', 'nowhere', 'yesterday', 'before'])('is not in: %s', (text) => {
    expect(listen(text)).toMatchObject({ isPresent: false, isAbsent: false });
  });
});

type Flag = { [K in keyof Heard]: Heard[K] extends boolean ? K : never }[keyof Heard];

describe('asides', () => {
  const table: readonly (readonly [flag: Flag, there: readonly string[], missing: readonly string[]])[] = [
    ['isSilent', ['', ' ', '...', '?', 'um', 'hmm...', 'uh, um'], ['ok', '🙂', 'a', 'no', 'umbrella', '我']],
    [
      'isPast',
      ['years ago I was in the navy', 'when I was small we moved', 'back then it was fine', 'I used to run'],
      ['I used a hammer', 'before', 'I was there before', 'when I was small, and right now I feel it', 'now'],
    ],
    [
      'isThinking',
      ['I think it is because they said so', 'I believe it was my fault', 'in my opinion it is late'],
      ['I think my chest is tight', 'because I feel sad', 'I feel anxious because of work', 'unthinkable'],
    ],
    [
      'cries',
      ["I'm crying", 'I can’t stop crying', 'I am in tears', 'tears run down'],
      [
        'my baby is crying',
        'tears of joy',
        "I'm not crying",
        'a far cry',
        'she was crying',
        'I stopped crying',
      ],
    ],
    [
      'resists',
      ['this is stupid', "this won't help", 'what a waste of time', 'pointless'],
      ['I feel stupid', 'I am useless', 'the point is clear', 'I helped'],
    ],
    [
      'asksNormal',
      ['is this normal?', 'am I crazy', "what's wrong with me"],
      ['I feel normal', 'normally not', 'it is a crazy day'],
    ],
    [
      'pleasesOthers',
      ['I never say no to people', 'I have to please everyone', 'I just want to make them happy'],
      ['I feel like me', 'people like me', 'please', 'yes please'],
    ],
    [
      'isOffTopic',
      ['who won the match?', 'tell me a joke', 'how is the weather'],
      ['I won', 'I feel under the weatherman', 'my code of honour'],
    ],
    [
      'shouts',
      ['I CANNOT STAND THIS ANY MORE', 'WHY DOES NOBODY HELP'],
      ['I', 'OK', 'the USA', 'I am OK in the UK'],
    ],
    [
      'isConfused',
      ["I don't understand", 'what do you mean?', 'huh?'],
      ["That's what I want", 'whatever', 'I understand'],
    ],
    ['isQuestion', ['why?', 'what is this', 'is it safe?'], ['That’s what I want', 'no', 'howl']],
    ['asksWho', ['are you human?', 'who are you', 'are you a bot'], ['who won?', 'you are human']],
    ['thanks', ['thanks', 'thank you so much'], ['thankless', 'tanks']],
    [
      'isGreeting',
      ['hello', 'hi there', 'Good morning', "I'm back"],
      ['this', 'good', 'they said hi to me and left again'],
    ],
  ];

  describe.each(table)('%s', (flag, there, missing) => {
    test.each(there)('in: %s', (text) => {
      expect(listen(text)[flag]).toBe(true);
    });

    test.each(missing)('not in: %s', (text) => {
      expect(listen(text)[flag]).toBe(false);
    });
  });

  test('exclamation marks are counted, the wide ones too', () => {
    expect(listen('I am so angry!! ！').exclaims).toBe(3);
  });
});

test('any text is heard, and the same text always the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      expect(listen(text)).toEqual(listen(text));
    }),
  );
});
