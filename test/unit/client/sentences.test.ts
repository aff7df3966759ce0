import { describe, expect, test } from 'vitest';
import { createCut, cutByStops, finishedLength, Narrator } from '../../../client/web/sentences.ts';

const none = { turns: [], live: null, remarks: [], isStopping: false };
const turn = (text: string, state = 'running', n = 1) => ({ turn_id: `turn-${n}`, n, text, state });
const words = (text: string) => ({ kind: 'words', text });

/** What is read of a reply that comes in these steps, and then ends. */
function read(...steps: string[]): unknown[] {
  const narrator = new Narrator('en');
  const lines = [narrator.next(none), ...steps.map((text) => narrator.next({ ...none, live: turn(text) }))];
  return [...lines, narrator.next({ ...none, turns: [turn(steps.at(-1) ?? '', 'done')] })].flat();
}

describe('a reply', () => {
  test('is read sentence by sentence, each once', () => {
    const lines = read('That', 'That is a lot', 'That is a lot. How', 'That is a lot. How is it now?');

    expect(lines).toEqual([words('That is a lot.'), words('How is it now?')]);
  });

  test('is read in its order, with no word lost, however it is cut', () => {
    const text = 'One. Two is 2.5 of it! Three?\n\nFour … and the rest of it';
    const steps = Array.from(text, (_, at) => text.slice(0, at + 1));

    const read_ = read(...steps).map((line) =>
      typeof line === 'object' && line && 'text' in line ? line.text : '',
    );

    expect(read_.join(' ')).toBe(text.replace('\n\n', ' '));
  });

  test('is read in parts where a sentence does not end', () => {
    const text = 'word '.repeat(200);

    const lines = read(text, `${text}end`);

    expect(lines).toEqual([words(text.trim()), words('end')]);
  });

  test('goes on where it was taken back', () => {
    const narrator = new Narrator('en');
    narrator.next(none);
    narrator.next({ ...none, live: turn('First one. Second one. Third') });

    narrator.next({ ...none, live: turn('First one. ') });
    const lines = narrator.next({ ...none, live: turn('First one. Another end. And') });

    expect(lines).toEqual([words('Another end.')]);
  });

  test('that was there before is not read', () => {
    const narrator = new Narrator('en');

    expect(narrator.next({ ...none, turns: [turn('Old words.', 'done')] })).toEqual([]);
  });

  test('that still grows when the page opens is read from its beginning', () => {
    const narrator = new Narrator('en');

    expect(narrator.next({ ...none, live: turn('First one. Sec') })).toEqual([words('First one.')]);
  });

  test('that came while nobody was connected is read whole', () => {
    const narrator = new Narrator('en');
    narrator.next({ ...none, turns: [turn('Old.', 'done')] });

    const turns = [turn('Old.', 'done'), turn('New one.', 'done', 2), turn('Newer', 'done', 3)];

    expect(narrator.next({ ...none, turns })).toEqual([words('New one.'), words('Newer')]);
  });

  test('is not read again when earlier turns are loaded', () => {
    const narrator = new Narrator('en');
    narrator.next({ ...none, turns: [turn('Third.', 'done', 3)] });

    const turns = [turn('Second.', 'done', 2), turn('Third.', 'done', 3)];

    expect(narrator.next({ ...none, turns })).toEqual([]);
  });
});

describe('besides a reply', () => {
  test('it is said how it ended', () => {
    const narrator = new Narrator('en');
    narrator.next(none);

    const lines = narrator.next({ ...none, turns: [turn('It was', 'cancelled')] });

    expect(lines).toEqual([words('It was'), { kind: 'ending', state: 'cancelled' }]);
  });

  test('it is said once that it is being stopped', () => {
    const narrator = new Narrator('en');
    narrator.next(none);
    const scene = { ...none, live: turn(''), isStopping: true };

    expect([...narrator.next(scene), ...narrator.next(scene)]).toEqual([{ kind: 'stopping' }]);
  });

  test('a remark is read once', () => {
    const narrator = new Narrator('en');
    const before = { kind: 'disclosure', seq: 1, text: 'This is an AI.' } as const;
    const remarks = [before, { kind: 'human', seq: 5, text: 'I am here.' } as const];
    narrator.next({ ...none, remarks: [before] });

    expect([...narrator.next({ ...none, remarks }), ...narrator.next({ ...none, remarks })]).toEqual([
      words('I am here.'),
    ]);
  });
});

describe('a sentence', () => {
  test.for([
    ['en', 'No end yet', ''],
    ['en', 'One is done. Two', 'One is done. '],
    ['en', 'Is it? “Yes.” And', 'Is it? “Yes.” '],
    ['de', 'Gut so.\nUnd', 'Gut so.\n'],
    ['ar', 'هل أنت بخير؟ نعم', 'هل أنت بخير؟ '],
  ] as const)('in %s, of %j, is finished: %j', ([language, text, finished]) => {
    expect(text.slice(0, createCut(language)(text))).toBe(finished);
    expect(text.slice(0, cutByStops(text))).toBe(finished);
  });

  test('that does not end is cut behind a word', () => {
    const text = 'abcd '.repeat(100) + 'ab';

    expect(finishedLength(text, cutByStops)).toBe(500);
  });
});
