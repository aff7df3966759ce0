import { describe, expect, test } from 'vitest';
import { languageOf } from '../../../src/safety/language.ts';

describe('a covered language is recognised', () => {
  test.each([
    ['en', 'I had a rough week at work and I cannot sleep'],
    ['en', 'cant slep agian thniking abt evrything all nigth'],
    ['es', 'hoy me siento muy cansada y no sé qué hacer'],
    ['es', 'hoy me siento muy cansada y no se que hacer'],
    ['fr', "je n'arrive plus à dormir depuis trois semaines"],
    ['de', 'ich kann seit Wochen nicht mehr schlafen'],
    ['pt', 'não consigo dormir direito faz três semanas'],
    ['it', 'non riesco a dormire da tre settimane'],
    ['nl', 'ik kan al weken niet goed slapen'],
    ['pl', 'nie mogę spać od trzech tygodni'],
    ['sv', 'jag kan inte sova och det är jobbigt'],
    ['tr', 'üç haftadır uyuyamıyorum ve çok yorgunum'],
    ['id', 'saya tidak bisa tidur sudah tiga minggu'],
    ['vi', 'tôi không ngủ được đã ba tuần rồi'],
    ['hi-Latn', 'mujhe teen hafte se neend nahi aa rahi hai'],
    ['hi', 'मुझे तीन हफ़्ते से नींद नहीं आ रही है'],
    ['ar', 'لا أستطيع النوم منذ ثلاثة أسابيع'],
    ['ru', 'я не могу спать уже три недели'],
    ['uk', 'я не можу спати вже три тижні'],
    ['zh', '我已经三个星期睡不着了'],
    ['ja', 'もう三週間眠れません'],
    ['ko', '삼 주째 잠을 못 자고 있어요'],
  ])('%s: %s', (code, text) => {
    expect(languageOf(text)).toEqual({ code, covered: true });
  });
});

describe('a language without a lexicon is told from those that have one', () => {
  test.each([
    ['Thai', 'ฉันเหนื่อยกับชีวิต'],
    ['Hebrew', 'אני עייף מאוד'],
    ['Greek', 'δεν αντέχω άλλο'],
    ['Bengali', 'আমি খুব ক্লান্ত'],
    ['Persian', 'خیلی خسته هستم و نمی‌توانم بخوابم'],
    ['Urdu', 'میں بہت تھک گیا ہوں'],
    ['Swahili', 'nimechoka sana na maisha yangu'],
    ['Hungarian', 'nagyon szomorú vagyok ma este'],
    ['Finnish', 'olen todella surullinen tänään'],
    ['Tagalog', 'ang bigat ng pakiramdam ko ngayon'],
    ['Romanian', 'sunt foarte trist astăzi și nu pot dormi'],
    ['Czech', 'jsem dneska hodně smutná a nechci mluvit'],
    ['Danish', 'jeg er så træt af det hele'],
    ['Bulgarian', 'много съм тъжен и не мога да спя'],
    ['Belarusian', 'я вельмі стаміўся і не магу спаць'],
    ['Marathi', 'मला झोप येत नाही आणि मी थकलो आहे'],
  ])('%s', (_name, text) => {
    expect(languageOf(text)?.covered).toBe(false);
  });
});

test.each([
  ['ok'],
  ['8'],
  ['12 34 56'],
  ['😭😭😭'],
  ['ಠ_ಠ'],
  ['¯\\_(ツ)_/¯'],
  ['asdfgh'],
  ['xD haha'],
  ['Maria Fernandez Lopez Garcia'],
  ['Lorazepam Sertraline Quetiapine Mirtazapine'],
  ['https://example.com/pagina/otra'],
  ['work deadlines boss screaming'],
  ['tight shoulders clenched jaw'],
  ['wrk iz sooo strsful 2day nt slpng'],
  ['insomnia migraines palpitations dizziness'],
  ['i wnat to kіll mysеlf'],
  ['Ι wαnt tο kill mуsеlf'],
])('no unknown language is made of %s', (text) => {
  expect(languageOf(text)?.covered).not.toBe(false);
});

test.each([[''], ['   '], ['8'], ['😭'], ['???']])('nothing is said of %j', (text) => {
  expect(languageOf(text)).toBeUndefined();
});
