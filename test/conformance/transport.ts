import { describe, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import type { Answer, Driver } from '../support/drivers.ts';

const refusal = (code: string, status: number, fields: string[] = []): Answer => ({
  ok: false,
  code,
  status,
  fields,
});

async function mustValue(driver: Driver, name: string, input: Record<string, unknown>) {
  const answer = await driver.call(name, input);
  if (!answer.ok) throw new Error(`${name}: ${answer.code}`);
  return answer.value;
}

/** Says something and answers the turn once it has ended. */
async function say(driver: Driver, sessionId: string, userInput: string, inputId?: string) {
  const input = {
    session_id: sessionId,
    user_input: userInput,
    ...(inputId !== undefined && { input_id: inputId }),
  };
  const admission = await mustValue(driver, 'session:input', input);
  for (;;) {
    const { turns } = await mustValue(driver, 'session:history', { session_id: sessionId, limit: 1 });
    const turn: Record<string, unknown> = Array.isArray(turns) ? turns.at(-1) : {};
    if (turn['turn_id'] === admission['turn_id'] && turn['ended_at'] !== null) return turn;
  }
}

/** The same cases through every transport; each must give the answers that stand here. */
export function transportConformance(name: string, open: (url: string) => Promise<Driver>): void {
  const each = (title: string, run: (driver: Driver) => Promise<void>) => {
    test(title, async () => {
      await using app = await startApp();
      await using driver = await open(app.url);
      await run(driver);
    });
  };

  describe(`transport: ${name}`, () => {
    each('[S-1] opens a session under the id it was given', async (driver) => {
      const session = await mustValue(driver, 'session:create', { session_id: 'crm_user/42 #é' });

      expect(session).toMatchObject({
        session_id: 'crm_user/42 #é',
        created: true,
        status: 'active',
        turn_count: 0,
      });
      expect(session['cursor']).toBe(`${String(session['epoch'])}.0`);
    });

    each('[S-2] makes an id where none is given', async (driver) => {
      const ids = await Promise.all(
        [{}, { session_id: null }, { session_id: '' }].map(
          async (input) => (await mustValue(driver, 'session:create', input))['session_id'],
        ),
      );

      for (const id of ids) expect(id).toMatch(/^session_\d{8}_\d{6}_[0-9a-f]{8}$/);
    });

    each('[S-4] refuses a taken id', async (driver) => {
      await mustValue(driver, 'session:create', { session_id: 'taken' });

      expect(await driver.call('session:create', { session_id: 'taken' })).toEqual(
        refusal('SESSION_CONFLICT', 409),
      );
    });

    each('[S-5] answers a repeat with the same create key by the session it made', async (driver) => {
      const first = await mustValue(driver, 'session:create', { create_key: 'key-1' });

      const again = await mustValue(driver, 'session:create', { create_key: 'key-1' });

      expect(again).toMatchObject({ session_id: first['session_id'], epoch: first['epoch'], created: false });
    });

    each('[S-3] names every field that is not valid', async (driver) => {
      const input = { session_id: 5, client_id: ['x'], metadata: 'no' };

      expect(await driver.call('session:create', input)).toEqual(
        refusal('VALIDATION_FAILED', 422, ['session_id', 'client_id', 'metadata']),
      );
    });

    each('says the same of an unknown session in every operation', async (driver) => {
      const unknown = { session_id: 'nobody', turn_id: 'none' };
      const names = ['session:status', 'session:history', 'session:delete', 'turn:cancel', 'turn:retry'];

      const answers = await Promise.all(names.map((operation) => driver.call(operation, unknown)));

      for (const answer of answers) expect(answer).toEqual(refusal('SESSION_NOT_FOUND', 404));
    });

    each('[P-3] streams what the history then holds', async (driver) => {
      const turn = await say(driver, 'talk', 'I want to feel calm');

      expect(turn).toMatchObject({ n: 1, state: 'done', user_input: 'I want to feel calm' });
      expect(turn['response']).toMatchObject({ therapist_response: turn['text'], source: 'guide' });
      expect(String(turn['text']).length).toBeGreaterThan(10);
    });

    each('[P-6] has one effect per input id', async (driver) => {
      const first = await say(driver, 'twice', 'hello', 'input-1');

      const again = await driver.call('session:input', {
        session_id: 'twice',
        user_input: 'hello',
        input_id: 'input-1',
      });
      const other = await driver.call('session:input', {
        session_id: 'twice',
        user_input: 'other',
        input_id: 'input-1',
      });

      expect(again).toMatchObject({ ok: true, value: { turn_id: first['turn_id'], n: 1 } });
      expect(other).toEqual(refusal('IDEMPOTENCY_CONFLICT', 409));
    });

    each(
      'tells the state of an ended turn to who cancels it, and does not retry one that is done',
      async (driver) => {
        const turn = await say(driver, 'over', 'hello');
        const ids = { session_id: 'over', turn_id: turn['turn_id'] };

        expect(await driver.call('turn:cancel', ids)).toEqual({
          ok: true,
          value: { turn_id: turn['turn_id'], state: 'done' },
        });
        expect(await driver.call('turn:retry', ids)).toEqual(refusal('TURN_NOT_FOUND', 404));
      },
    );

    each('counts turns and pages through them', async (driver) => {
      for (const words of ['one', 'two', 'three']) await say(driver, 'pages', words);

      const last = await mustValue(driver, 'session:history', { session_id: 'pages', limit: 2 });
      const rest = await mustValue(driver, 'session:history', {
        session_id: 'pages',
        before: last['next_before'],
      });

      expect(last).toMatchObject({ turns: [{ n: 2 }, { n: 3 }], next_before: 2 });
      expect(rest).toMatchObject({ turns: [{ n: 1, user_input: 'one' }], next_before: null });
      expect(await mustValue(driver, 'session:status', { session_id: 'pages' })).toMatchObject({
        turn_count: 3,
      });
    });

    each('refuses numbers outside their bounds', async (driver) => {
      await mustValue(driver, 'session:create', { session_id: 'bounds' });

      for (const limit of [0, 201, 1.5, -1]) {
        expect(await driver.call('session:history', { session_id: 'bounds', limit })).toEqual(
          refusal('VALIDATION_FAILED', 422, ['limit']),
        );
      }
    });

    each('[S-6] frees the id with everything under it', async (driver) => {
      const before = await mustValue(driver, 'session:create', { session_id: 'again' });
      await say(driver, 'again', 'a secret');

      await mustValue(driver, 'session:delete', { session_id: 'again' });

      expect(await driver.call('session:status', { session_id: 'again' })).toEqual(
        refusal('SESSION_NOT_FOUND', 404),
      );
      expect(await driver.call('session:delete', { session_id: 'again' })).toEqual(
        refusal('SESSION_NOT_FOUND', 404),
      );
      const after = await mustValue(driver, 'session:create', { session_id: 'again' });
      expect(after['epoch']).not.toBe(before['epoch']);
      expect(await mustValue(driver, 'session:history', { session_id: 'again' })).toMatchObject({
        turns: [],
      });
    });

    each('ignores keys it does not know', async (driver) => {
      const session = await mustValue(driver, 'session:create', {
        session_id: 'extra',
        role: 'system',
        level: 'plan',
      });

      expect(session).toMatchObject({ session_id: 'extra', safety: { level: 'none', mode: 'normal' } });
    });

    each('[P-12] answers a risk with the fixed reply and says so in the session', async (driver) => {
      const turn = await say(driver, 'risk', 'I want to kill myself');

      expect(turn['response']).toMatchObject({ source: 'safety', therapist_response: turn['text'] });
      expect(await mustValue(driver, 'session:status', { session_id: 'risk' })).toMatchObject({
        safety: { level: 'active', mode: 'crisis' },
      });
    });
  });
}
