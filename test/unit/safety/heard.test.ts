import { describe, expect, test } from 'vitest';
import { answerOf, asksWhetherHuman, saysMinor, wantsToGoOn } from '../../../src/safety/heard.ts';

describe('a whole short answer', () => {
  test.each([
    ['no'],
    ['No.'],
    ['nope'],
    ['noooo'],
    ["no I'm not"],
    ["No, I'm not."],
    ['not right now'],
    ['no i am safe'],
    ['no thanks'],
    ['no, just tired'],
    ["no I'm okay, thank you"],
    ["no i'm not thinking about it"],
    ["I'm not going to hurt myself"],
    ['no, no estoy en peligro'],
    ['nein'],
    ['нет'],
    ['没有'],
    ['いいえ'],
    ['아니요'],
    ['hayır'],
  ])('is a no: %s', (text) => {
    expect(answerOf(text)).toBe('no');
  });

  test.each([
    ['yes'],
    ['yeah'],
    ['Yes, I am'],
    ['i am'],
    ['a bit'],
    ['maybe'],
    ['i think so'],
    ['yes i do'],
    ['sí, un poco'],
    ['ja'],
    ['да'],
    ['हाँ'],
    ['はい'],
    ['네'],
    ['evet'],
  ])('is a yes: %s', (text) => {
    expect(answerOf(text)).toBe('yes');
  });

  test.each([
    ['no but i lied'],
    ['no i want to die'],
    ['yes and no'],
    ['not really'],
    ["I'm fine"],
    ['I am sad'],
    ['no school today'],
    ['no one loves me'],
    ['yes my mother called me'],
    ["I don't know"],
    [''],
  ])('is not made of %j', (text) => {
    expect(answerOf(text)).toBeUndefined();
  });

  test('of a word that differs between languages is that of the language of the talk', () => {
    expect(answerOf('no', 'es')).toBe('no');
    expect(answerOf('no', 'pl')).not.toBe('no');
  });
});

describe('a question about what one talks with', () => {
  test.each([
    ['are you human'],
    ['are you a real person?'],
    ['r u a bot'],
    ['am i talking to a bot'],
    ['is this an ai'],
    ['are you a real therapist?'],
    ['are you real?'],
    ["you're a robot right?"],
    ['Is this a real person or a bot?'],
    ['who am I talking to?'],
    ['can i talk to a real person'],
    ['¿eres un robot?'],
    ['bist du ein mensch'],
    ['ты человек?'],
    ['你是人吗'],
  ])('is heard in %s', (text) => {
    expect(asksWhetherHuman(text)).toBe(true);
  });

  test.each([
    ['are you there'],
    ['are you ok'],
    ['a robot vacuum'],
    ['is it a robot vacuum'],
    ['is my friend a real person'],
    ['are you a morning person'],
    ['are you someone I can trust'],
    ['I feel like a robot'],
    ['I am only human'],
    ['is this human nature'],
  ])('is not heard in %s', (text) => {
    expect(asksWhetherHuman(text)).toBe(false);
  });
});

describe('an age under eighteen', () => {
  test.each([
    ['im 13'],
    ['i am 15 years old'],
    ["i'm in 7th grade"],
    ["I'm a minor"],
    ["I'm 13, my mom hates me"],
    ['I am 14 and my dad hits me'],
    ["i'm only 12"],
    ['13f'],
    ['as a 14 year old'],
    ["i'm a 15 year old girl"],
    ["I'm under 18"],
    ['i turn 16 next week'],
    ["I'm in high school"],
    ["I'm sixteen."],
    ['tengo 13 años'],
    ["j'ai 16 ans"],
    ['мне 14 лет'],
    ['ich bin 15 jahre alt'],
    ['我今年十三岁'],
  ])('is heard in %s', (text) => {
    expect(saysMinor(text)).toBe(true);
  });

  test.each([
    ['i have a 13 year old'],
    ['when i was 13'],
    ["I'm 13 weeks pregnant"],
    ['im 15 minutes late'],
    ["I'm 17 weeks in"],
    ['im 10 years sober'],
    ["I'm 12 days clean"],
    ["I'm 25"],
    ["I feel like I'm 13 again"],
    ['i am 15 years into my career'],
    ["i'm 10 years older than him"],
    ["i'm a mom of a 15 year old"],
    ["I'm a teacher in 7th grade"],
    ['my son is 12'],
    ['tengo 33 años'],
    ['我三十岁'],
  ])('is not heard in %s', (text) => {
    expect(saysMinor(text)).toBe(false);
  });
});

describe('the wish to go on', () => {
  test.each([
    ["let's continue"],
    ["ok let's go on"],
    ['can we continue?'],
    ['yes please continue'],
    ["I'm ready to go on"],
    ['I want to continue with the exercise'],
    ['sigamos'],
    ['weiter'],
    ['давай продолжим'],
    ['继续'],
    ['続けて'],
    ['계속해요'],
  ])('is heard in %s', (text) => {
    expect(wantsToGoOn(text)).toBe(true);
  });

  test.each([
    ["i can't go on"],
    ["i don't want to continue"],
    ['i want to go on living'],
    ["I can't keep going"],
    ['how do i go on'],
    ['i cannot continue like this'],
    ['yes'],
  ])('is not heard in %s', (text) => {
    expect(wantsToGoOn(text)).toBe(false);
  });
});
