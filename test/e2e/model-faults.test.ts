import { describe, expect, test } from 'vitest';
import type { Fault } from '../support/fake-ollama.ts';
import { firstWords, openScene, responseOf, words } from '../support/scene.ts';
import { fromNowOn, sharedScene } from '../support/shared-scene.ts';

const reply = words(60);
const stall = { OLLAMA_STALL_MS: '300', OLLAMA_FIRST_TOKEN_MS: '300' };

const faults: { what: string; fault: Exclude<Fault, { kind: 'html' }> }[] = [
  { what: 'ends without done', fault: { kind: 'end', after: 50 } },
  { what: 'has an error line', fault: { kind: 'error', after: 50 } },
  { what: 'loses its connection', fault: { kind: 'reset', after: 50 } },
  { what: 'falls silent', fault: { kind: 'silence', after: 50 } },
  { what: 'brings a line that is no JSON', fault: { kind: 'line', after: 50, line: '<oops>\n' } },
];

const silent: { what: string; fault?: Fault; reply?: string }[] = [
  { what: 'answers nothing', reply: '' },
  { what: 'breaks off before its first word', fault: { kind: 'close' } },
  { what: 'says nothing for ever', fault: { kind: 'silence', headers: true } },
  { what: 'answers with a page of HTML', fault: { kind: 'html' } },
  { what: 'begins with endless blanks', fault: { kind: 'whitespace' } },
];

const openStalling = sharedScene({ env: stall });
const open = sharedScene({ fake: { behaviour: { reply } } });

describe('one server through all faults', () => {
  test.for(faults)(
    'a stream that $what after fifty words is continued without a seam (scenario 65)',
    async ({ what, fault }) => {
      const scene = await openStalling();
      scene.fake.always({ reply });
      scene.fake.next({ fault });
      const { client, socket, admission } = await scene.speak(what, 'hello');

      const turn = await client.ended(admission.turn_id);

      expect(turn).toMatchObject({ state: 'done', text: reply });
      expect(client.counts.resets).toBe(0);
      expect(responseOf(socket, admission.turn_id)).toMatchObject({ source: 'ollama', model: 'llama3.1' });
    },
  );

  test.for(silent)(
    'the guide answers for a model that $what (scenario 65)',
    async ({ what, ...behaviour }) => {
      const scene = await openStalling();
      scene.fake.always(behaviour);
      const { client, socket, admission } = await scene.speak(what, 'hello');

      const turn = await client.ended(admission.turn_id);

      expect(turn.state).toBe('done');
      expect(turn.text.trim()).not.toBe('');
      expect(responseOf(socket, admission.turn_id)).toMatchObject({ source: 'guide', model: 'built-in' });
    },
  );
});

test.for(faults.filter(({ fault }) => fault.kind === 'error' || fault.kind === 'silence'))(
  '[P-8] a stream that $what again and again ends with therapist:error and keeps its words (scenario 65)',
  async ({ what, fault }) => {
    const scene = await openStalling();
    scene.fake.next({ reply, fault: { ...fault, after: 8 } });
    scene.fake.always({ reply, fault: { ...fault, after: 0 } });
    const { client, socket, admission } = await scene.speak(`${what} again and again`, 'hello');

    const turn = await client.ended(admission.turn_id, 60_000);

    expect(turn).toMatchObject({ state: 'failed', text: firstWords(reply, 8) });
    expect(socket.of('therapist:error')).toMatchObject([
      { error: { code: 'MODEL_INTERRUPTED', retryable: true } },
    ]);
  },
);

test('endless blanks are cut off, and the reply is continued behind them (scenario 65)', async () => {
  const scene = await open();
  scene.fake.next({ fault: { kind: 'whitespace', after: 10 } });
  const { client, admission } = await scene.speak('blanks', 'hello');

  const turn = await client.ended(admission.turn_id);

  expect(turn.state).toBe('done');
  expect(turn.text.replaceAll(/\s+/g, ' ')).toBe(reply);
  await scene.fake.idle();
});

test('[P-8] with MODEL=ollama an empty answer ends with therapist:error once the budget is spent (scenario 65)', async () => {
  await using scene = await openScene({ env: { MODEL: 'ollama' }, fake: { behaviour: { reply: '' } } });
  const { client, admission } = await scene.speak('s', 'hello');

  const turn = await client.ended(admission.turn_id, 60_000);

  expect(turn).toMatchObject({ state: 'failed', text: '' });
  expect(scene.fake.of('chat')).toHaveLength(3);
});

test('an Ollama that is busy for some requests is asked again until it takes the turn (scenario 64)', async () => {
  const scene = await open();
  const asked = fromNowOn(scene.fake);
  scene.fake.next({ refuse: { status: 503, error: 'server busy' } }, 2);
  const { client, socket, admission } = await scene.speak('busy', 'hello');

  const turn = await client.ended(admission.turn_id);

  expect(turn).toMatchObject({ state: 'done', text: reply });
  expect(responseOf(socket, admission.turn_id).source).toBe('ollama');
  expect(asked('chat').map(({ ending }) => ending)).toEqual(['refused', 'refused', 'done']);
});

test('a turn whose Ollama goes away in mid-reply keeps its place and its words until it is back (scenario 64)', async () => {
  await using scene = await openScene({ env: { OLLAMA_SLOTS: '1' }, fake: { behaviour: { reply } } });
  const { fake } = scene;
  fake.hold('piece', 10);
  const first = await scene.speak('a', 'the first');
  await first.client.until(() => first.client.text() === firstWords(reply, 10), 'ten words');
  const second = await scene.speak('b', 'the second');
  const third = await scene.speak('c', 'the third');

  await fake.stop({ reset: true });
  const isRecovering = () =>
    first.socket.of('turn:status').some((status) => Object(status).phase === 'recovering');
  await first.socket.until(isRecovering, 'recovering');
  fake.release();
  const chats = fake.of('chat').length;
  await fake.start();
  const turns = await Promise.all(
    [first, second, third].map(({ client, admission }) => client.ended(admission.turn_id, 60_000)),
  );

  expect(turns.map(({ state, text }) => [state, text])).toEqual([0, 1, 2].map(() => ['done', reply]));
  expect([second, third].map(({ admission }) => admission.position)).toEqual([1, 2]);
  expect(first.client.counts.resets).toBe(0);
  const asked = fake
    .of('chat')
    .slice(chats)
    .map(({ body }) => JSON.stringify(body));
  expect(asked.map((body) => /the (first|second|third)/.exec(body)?.[1])).toEqual([
    'first',
    'second',
    'third',
  ]);
});
