// The first reply to a risk needs no model: not one request is made for it, in any language. [US-01] [P-12]
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { screen } from '../../src/safety/screen.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { Client } from '../support/fold.ts';
import { ScriptedModel } from '../support/scripted-model.ts';
import { connect } from '../support/socket-client.ts';
import type { SocketClient } from '../support/socket-client.ts';

const folder = new URL('../safety/sets/', import.meta.url);
const AT_ONCE = 50;
const LineSet = z.object({
  language: z.string(),
  risk: z.array(z.object({ text: z.string(), level: z.string(), recent: z.array(z.string()).optional() })),
});
const sets = readdirSync(folder)
  .filter((name) => name !== 'output.json' && name !== 'en-turns.json')
  .map((name) => ({
    name,
    isHard: name.includes('-tune-'),
    ...LineSet.parse(JSON.parse(readFileSync(new URL(name, folder), 'utf8'))),
  }));

const Response = z.looseObject({
  turn_id: z.string(),
  therapist_response: z.string(),
  source: z.string(),
  safety: z.looseObject({ level: z.string() }),
});
const Help = z.looseObject({ turn_id: z.string(), resources: z.array(z.looseObject({ name: z.string() })) });

const model = new ScriptedModel({ always: ['I am with you.'] });
let app: TestApp;
beforeAll(async () => {
  app = await startApp({
    speakers: { model, fallback: null },
    slots: new LocalSlots({ size: AT_ONCE, maxWaiting: AT_ONCE }),
  });
});
afterAll(() => app[Symbol.asyncDispose]());

async function inBatches<T>(
  items: readonly T[],
  step: (item: T, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map((item, at) => step(item, from + at)));
  }
}

/** One input; the answer, and what of help was seen with it. */
async function say(socket: SocketClient, id: string, words: string) {
  const client = socket.feed(new Client(id));
  const { turn_id: turnId } = await socket.must('session:input', { session_id: id, user_input: words });
  await client.ended(String(turnId));
  const ofTurn = (data: unknown): boolean => Object(data).turn_id === turnId;
  const response = Response.parse(socket.of('therapist:done').find(ofTurn));
  const help = socket.of('safety:resources').filter(ofTurn);
  await socket.must('session:leave', { session_id: id });
  return { response, help: help.map((data) => Help.parse(data)) };
}

test.each(sets)(
  'every risk that is found in $name gets help and costs no request',
  async ({ name, isHard, risk }) => {
    using socket = await connect(app.url);
    const serious = risk.filter(({ level }) => ['active', 'plan', 'medical'].includes(level));
    // how many are found is measured elsewhere (npm run eval:safety)
    const lines = serious.filter(
      ({ text, recent = [] }) => screen({ text, recent, mode: 'normal' }).level !== 'none',
    );
    const ids = lines.map((_, at) => `${name}-${at}`);
    await inBatches(lines, async ({ recent = [] }, at) => {
      for (const words of recent) await say(socket, ids[at] ?? '', words);
    });
    const asked = model.asked.length;
    const wrong: string[] = [];
    await inBatches(lines, async ({ text }, at) => {
      const { response, help } = await say(socket, ids[at] ?? '', text);
      const isHelped = help.length === 1 && (help[0]?.resources.length ?? 0) > 0;
      if (response.source !== 'safety' || !isHelped) wrong.push(text);
    });

    // hard sets hold lines that are known to be missed
    if (!isHard) expect(lines.length).toBeGreaterThan(serious.length * 0.9);
    expect(wrong).toEqual([]);
    expect(model.asked.length).toBe(asked);
  },
);
