import { describe, expect, test } from 'vitest';
import content from '../../../src/therapy/content/perceive.en.json' with { type: 'json' };
import { mend } from '../../../src/therapy/hear/spelling.ts';
import { englishWords, nearWords } from '../../support/near-words.ts';

const { pairs, vocabulary } = content.spelling;

describe('correct words', () => {
  test('the committed list is what the dictionaries give', async () => {
    await expect(`${JSON.stringify({ english: nearWords() }, null, 2)}\n`).toMatchFileSnapshot(
      '../../../src/therapy/content/near-words.en.json',
    );
  });

  test('no word form of either dictionary is altered', () => {
    const words = englishWords();

    const altered = [];
    for (let i = 0; i < words.length; i += 5) {
      altered.push(...mend(`i feel ${words.slice(i, i + 5).join(' ')}`).corrections);
    }

    expect(words.length).toBeGreaterThan(250_000);
    expect(altered).toEqual([]);
  });

  test('every word that is corrected to is one, and no fixed slip is', () => {
    const words = new Set(englishWords());

    expect([...vocabulary, ...Object.values(pairs)].filter((word) => !words.has(word))).toEqual([]);
    expect(Object.keys(pairs).filter((word) => words.has(word))).toEqual([]);
  });

  test.each([
    'she feels it and needs and wants it, taking my own life back works',
    'i thought ahead, thinks of another right turn, the right shoulder, right there',
    'the light in the room is light, my head is light, a knot is not a harm and warm is not an arm',
    'made mad, everybody has a body, the background of the back, a number of numb slow low blows',
    'anxiously, stressfully, tightly, heavier, heaviest, sorer, stiffly, panicky, achier, tensed, numbing',
    "feelin' good, it's my heart's beat, we'll see, i'd rather, y'all",
    'grey colours, my favourite neighbour realised he was traumatised, centred, practising',
  ])('unchanged: %s', (text) => {
    expect(mend(text)).toEqual({ text, corrections: [] });
  });

  test.each(
    ['jess', 'mark', 'marc', 'shane', 'chester', 'angie', 'peggy', 'grace', 'hope', 'tess', 'belle'].concat([
      'brody',
      'knott',
      'heath',
      'hart',
      'payne',
      'bernie',
      'stella',
      'sadie',
      'tracey',
    ]),
  )('the name %s stays', (name) => {
    expect(mend(`${name} said that i feel it`).corrections).toEqual([]);
  });
});

describe('slips', () => {
  test.each([
    ['stresed', 'stressed'],
    ['realy', 'really'],
    ['anixous', 'anxious'],
    ['dificult', 'difficult'],
    ['anxios', 'anxious'],
    ['overwhelmd', 'overwhelmed'],
    ['overwelmed', 'overwhelmed'],
    ['angy', 'angry'],
    ['hevy', 'heavy'],
    ['sholders', 'shoulders'],
    ['stomch', 'stomach'],
    ['throath', 'throat'],
    ['frustraded', 'frustrated'],
    ['depresed', 'depressed'],
    ['calmm', 'calm'],
    ['hapiness', 'happiness'],
    ['relaxd', 'relaxed'],
    ['becuase', 'because'],
    ['didnt', "didn't"],
  ])('%s is %s', (slip, word) => {
    expect(mend(slip)).toEqual({ text: word, corrections: [[slip, word]] });
  });

  test.each(Object.entries(pairs))('the fixed pair %s is %s', (slip, word) => {
    expect(mend(`so ${slip} it is`).text).toBe(`so ${word} it is`);
  });

  test('a word between two of the vocabulary stays', () => {
    expect(mend('i feel streses').corrections).toEqual([]);
  });

  test('a pair carries the punctuation around its word', () => {
    expect(mend('no probem? "realy", (stresed) and tight,hevy!')).toEqual({
      text: 'no problem? "really", (stressed) and tight,heavy!',
      corrections: [
        ['probem?', 'problem?'],
        ['"realy",', '"really",'],
        ['(stresed)', '(stressed)'],
        ['tight,hevy!', 'tight,heavy!'],
      ],
    });
  });

  test('white space stays as it is', () => {
    expect(mend(' i  feel\n\tanxios \n').text).toBe(' i  feel\n\tanxious \n');
  });
});

describe('what is no English prose', () => {
  test.each([
    'write to anxios@stresed.example or see https://stresed.example/realy?hevy=anxios',
    'stresed.example, #anxios, @realy, anxios_1, str3sed, realy2, c:\\realy\\hevy',
    '$anxios and the {realy} <anxios> `hevy`',
  ])('unchanged: %s', (text) => {
    expect(mend(text)).toEqual({ text, corrections: [] });
  });

  test.each([
    'ich bin sehr nervos und habe panik, mein traum ist ruhe und kein stress',
    'es geht mir besser, aber die sorgen sind streng und der stoff hart',
    'panik im bauch',
    'estoy muy triste y tengo un nudo en el pecho, solo quiero calma',
    'tengo panico y muchos problemas con mi familia, es un conflicto emocional',
    'mucha calma',
    'je suis stresse et j ai une crampe dans la jambe, je voudrais etre plus calme',
    'il faut tirer la sorte de mariage, la soire sera confortable',
    'une grande depression, un conflit',
    'sono molto teso e ho il panico, vorrei un momento di calma e meno tensione',
    'ho la nausea e troppi problemi con la famiglia',
    'estou com panico e nervoso, quero ficar calmo e sem pressao',
    'ik voel me niet beter en heb stres en probleem op het werk',
    'veel beter',
    'jag mar daligt och har panik i brostet',
    'mam stres i boli mnie serce',
    'мне очень грустно и тревожно',
    '私はとても不安です',
    'أنا حزين جدا',
  ])('unchanged: %s', (text) => {
    expect(mend(text)).toEqual({ text, corrections: [] });
  });
});
