// Phrases that occur nowhere else in everything that people, tokens, models and receivers can say, and where they lie
// afterwards: in the answers to who owns them, and nowhere else; after erasure nowhere at all.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foundIn, phrase, phrasesIn } from '../support/canary.ts';
import { Cast } from '../support/canary-cast.ts';
import { freeFields } from '../support/canary-fields.ts';
import { Stage } from '../support/canary-stage.ts';
import {
  askedOf,
  erase,
  heldBack,
  names,
  playAll,
  publicPages,
  shownReply,
  speak,
} from '../support/canary-story.ts';
import { preload } from '../support/node-cluster.ts';
import { dumpOf } from '../support/redis-dump.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis } from '../support/redis-server.ts';

/** Made by the server: what a client makes up for them is refused, and is said as well. */
const MADE = /\.(turn_id|alert_id|capability_id|ticket|token|after)$/;
/** docs/safety.md: the audit keeps the names that people behind the server use. */
const ACTOR = /^zqkanari-operator(-\d)?-operator-[a-z-]+-actor$/;
/** What a model is for. */
const WORDS = /-(input|flood-\d+|reply|user-input)$/;
/** With `LOG_LEVEL=debug` what Ollama itself says of its faults is logged, under this `msg`. */
const MODEL_SAYS = 'Ollama reported an error';
/** What nobody is told, not even who it belongs to. */
const ALWAYS_HIDDEN = /^zqkanari-(sub|tenant|kid|strange|escalation|ollama|receiver)\b|-claim-(?!age|locale)/;
/** Notices go to all nodes; alerts and sessions of capabilities are looked up by what the server once made up for them. */
const LOOKED_UP = /-announc|-alert-id$|-liar-capability/;
const MONTH_MS = 40 * 86_400_000;

/** What a Redis keeps to be searched: nothing compressed, and a note of every command. */
const searchable = ['rdbcompression no', 'slowlog-log-slower-than 0', 'slowlog-max-len 1000000'];
const openRedis = () => startRedis({ persistent: true, config: searchable });
const withExamples = { RETRIEVAL: 'on', EMBED_MODEL: 'embedder' };

/** How often somebody asked for a new append-only file. */
async function rewritesOf(redis: RedisProcess): Promise<number> {
  const stats = await redis.command('INFO', 'commandstats');
  return Number(/cmdstat_bgrewriteaof:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** As if it was ten minutes since a node asked for one. */
const letAsk = (redis: RedisProcess) => redis.command('DEL', 'stillpoint:{rewrite}:at');

/** Resolves when a node has asked for one, and it is written; then there is a snapshot as well. */
async function rewritten(redis: RedisProcess, before: number): Promise<void> {
  const isOver = async () => {
    const info = await redis.command('INFO', 'persistence');
    const isIdle = info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0');
    return isIdle && (await rewritesOf(redis)) > before;
  };
  await expect.poll(isOver, { timeout: 60_000 }).toBe(true);
  await redis.command('SAVE');
}

test('a phrase is found however it is written', () => {
  const one = phrase('one');
  const spellings = [
    JSON.stringify(`"${one}`),
    encodeURIComponent(`/${one}`),
    one.toUpperCase(),
    ...['', 'a', 'ab'].map((before) => Buffer.from(before + one).toString('base64url')),
    Buffer.from(one).toString('hex'),
    Buffer.from(one, 'utf16le'),
  ];

  expect(spellings.filter((spelling) => foundIn(spelling).length === 0)).toEqual([]);
  expect(foundIn(Buffer.from('a text without any of them'))).toEqual([]);
});

describe.each([
  ['one server with its files', false],
  ['two nodes on Redis', true],
])('%s', (_, isOnRedis) => {
  let stage: Stage;
  let cast: Cast;

  beforeAll(async () => {
    stage = await Stage.open(isOnRedis ? { redis: await openRedis() } : { env: withExamples });
    if (!isOnRedis) await stage.servers[0]?.logged('examples are ready', 60_000);
    cast = new Cast(stage.urls);
    await playAll(cast, stage);
  });

  afterAll(async () => {
    cast?.[Symbol.dispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  test('who owns a session gets back what was said in it', () => {
    const told = phrasesIn(cast.told.get('owner') ?? '');

    const said = [
      'session',
      'first-input',
      'second-input',
      'session-create-metadata-value',
      'session-grant-label',
    ];
    expect(told).toEqual(expect.arrayContaining(said.map((name) => phrase('owner', name))));
    expect(told).toContain(shownReply);
    expect(told).not.toContain(heldBack);
  });

  test('nothing of it is in the log, at its most talkative, and nobody writes a line into it', () => {
    const lines = stage.lines.filter((line) => !line.includes(`"msg":"${MODEL_SAYS}"`));

    expect(stage.written).toContain('words of the model were not let through');
    expect(lines.length).toBeGreaterThan(500);
    expect(foundIn(lines.join('\n'))).toEqual([]);
    const broken = stage.lines.filter((line) => !/^\{.*\}$/.test(line) || /[\p{Cc}\u2028\u2029]/u.test(line));
    expect(broken).toEqual([]);
    expect(stage.lines.filter((line) => JSON.parse(line).msg === 'forged')).toEqual([]);
    expect(stage.past.map(({ stderr }) => stderr).join('')).toBe('');
  });

  test('nothing of it lies in the store but who of the operators did what', async () => {
    const { redis } = stage;
    const found = [foundIn(await stage.files())];
    if (redis) {
      await redis.command('SAVE');
      found.push(foundIn(await dumpOf(redis, '*')), foundIn(await redis.files()), foundIn(redis.log));
    }

    expect(found.flat().filter((one) => !ACTOR.test(one))).toEqual([]);
    expect(found.flat().length).toBeGreaterThan(0);
  });

  if (isOnRedis)
    test('no word and no name of a person goes through Redis, but notices to everybody', async () => {
      const told: string[] = [];
      for (const line of ['SLOWLOG GET -1', 'PUBSUB CHANNELS', 'PUBSUB SHARDCHANNELS', 'CLIENT LIST']) {
        told.push((await stage.redis?.command(...line.split(' '))) ?? '');
      }

      expect(told[0]).toContain('EVALSHA');
      const found = told.flatMap(foundIn);
      expect(found.filter((one) => !LOOKED_UP.test(one))).toEqual([]);
    });

  test('nothing of it is on a page for everybody, nor in what a receiver of alerts gets', async () => {
    const pages = await publicPages(cast);
    const calls = stage.receiver.calls.map((call) => call.replaceAll(phrase('receiver', 'path'), ''));

    expect(foundIn(pages)).toEqual([]);
    expect(foundIn(calls.join('\n'))).toEqual([]);
    expect(pages).toContain('"counts":[{');
    expect(pages).toContain('stillpoint_gaps_total 0');
  });

  test('traces tell of turns, and nothing that was said in them or by whom', async () => {
    await stage.traces.received(1);
    const calls = stage.traces.calls.map((call) => call.replaceAll(phrase('receiver', 'path'), ''));

    expect(calls.join('\n')).toContain('stillpoint.turn_id');
    expect(foundIn(calls.join('\n'))).toEqual([]);
  });

  test('who is told of sessions gets their names, and nothing that anybody said in them', () => {
    const calls = stage.hooks.calls.map((call) => call.replaceAll(phrase('receiver', 'path'), ''));
    const named = calls.flatMap((call) => call.match(/"(session_id|tenant)":"[^"]*"/g) ?? []);
    const rest = calls.map((call) => call.replaceAll(/"(session_id|tenant)":"[^"]*"/g, ''));

    expect(phrasesIn(named.join('\n'))).toContain(phrase('owner', 'session'));
    expect(foundIn(rest.join('\n'))).toEqual([]);
  });

  test('the model gets words and no names', () => {
    const asked = askedOf(stage);

    expect(asked.filter((one) => !WORDS.test(one))).toEqual([]);
    expect(asked).toContain(phrase('owner', 'first', 'input'));
  });

  test('nobody else is told any of it', () => {
    const others = cast.everybody.filter((who) => !['owner', 'holder', 'operator'].includes(who));
    const found = others.flatMap((who) => cast.unexpected(who).map((one) => `${who}: ${one}`));

    // a stream may end in the middle of what a model says
    expect(found.filter((one) => !one.endsWith(phrase('model')) && !one.endsWith(shownReply))).toEqual([]);
    expect(others.length).toBeGreaterThan(5);
    expect(cast.unexpected('operator')).not.toContain(phrase('owner', 'first', 'input'));
    const everything = phrasesIn([...cast.told.values()].join(''));
    expect(everything.filter((one) => ALWAYS_HIDDEN.test(one))).toEqual([]);
    expect([...cast.statuses]).toEqual(
      expect.arrayContaining([200, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429]),
    );
  });

  test('[S-6] what its owner deletes takes its key along, also where it is live', async () => {
    const id = phrase('leaver', 'session');
    await cast.must('leaver', 'session:create', { session_id: id });
    let [before, lay, rewrites]: [string[], Buffer, number] = [[], Buffer.alloc(0), 0];

    await erase(cast, stage, { who: 'leaver', id }, async () => {
      [before, lay] = [await stage.wrappedKeys(), await stage.files()];
      if (!stage.redis) return;
      rewrites = await rewritesOf(stage.redis);
      await letAsk(stage.redis);
    });

    const after = await stage.wrappedKeys();
    const [gone = '', ...others] = before.filter((key) => !after.includes(key));
    expect(others).toEqual([]);
    expect(gone.length).toBeGreaterThan(60);
    expect(lay.includes(gone)).toBe(true);
    if (stage.redis) {
      await rewritten(stage.redis, rewrites);
      expect(await dumpOf(stage.redis, '*')).not.toContain(gone);
    }
    const secret = gone.slice(-60);
    expect((await stage.files()).includes(secret)).toBe(false);
    await stage.crash();
    expect((await stage.files()).includes(secret)).toBe(false);
    expect(stage.written).not.toContain(secret);
  });

  test('every field of every operation that takes words had a phrase', () => {
    const fields = names.flatMap((name) => freeFields(name).map((field) => `${name}.${field}`));

    expect(fields.filter((field) => !cast.sung.has(field) && !MADE.test(field))).toEqual([]);
  });

  if (isOnRedis)
    test('nothing of it is in the log when Redis is gone', async () => {
      const before = stage.lines.length;
      cast.statuses.clear();

      await Promise.all(['owner', 'operator', 'liar 3'].map((who) => cast.tryAll(who, names)));

      const lines = stage.lines.slice(before);
      expect(cast.statuses).toContain(503);
      expect(lines.length).toBeGreaterThan(100);
      expect(foundIn(lines.join('\n')).filter((one) => !ACTOR.test(one))).toEqual([]);
    });

  if (!isOnRedis)
    test('what nobody uses any more goes by itself, with all keys', async () => {
      const before = await stage.wrappedKeys();

      await stage.start({ ...preload, TEST_CLOCK_AHEAD_MS: String(MONTH_MS) });
      await stage.servers[0]?.logged('sessions that nobody used any more were deleted');

      expect(before.length).toBeGreaterThan(10);
      for (const look of [() => Promise.resolve(), () => stage.crash()]) {
        await look();
        const bytes = await stage.files();
        expect(before.filter((key) => bytes.includes(key.slice(-60)))).toEqual([]);
        expect(foundIn(bytes).filter((one) => !ACTOR.test(one))).toEqual([]);
      }
      expect(await stage.wrappedKeys()).toEqual([]);
    });
});

test('what was stored without a key lies there as it is, and after its deletion nowhere', async () => {
  // what tells of a deletion lies there until somebody takes it: see docs/webhooks.md
  await using stage = await Stage.open({ isEncrypted: false, env: { WEBHOOKS_FILE: '' } });
  using cast = new Cast(stage.urls);
  const id = await speak(cast, stage);
  let before: string[] = [];

  await erase(cast, stage, { who: 'owner', id }, async () => {
    before = foundIn(await stage.files());
  });

  const said = ['session', 'first-input', 'session-create-metadata-value'].map((name) =>
    phrase('owner', name),
  );
  expect(before).toEqual(expect.arrayContaining([...said, shownReply]));
  expect(foundIn(await stage.files())).toEqual([]);
  await stage.crash();
  expect(foundIn(await stage.files())).toEqual([]);
});
