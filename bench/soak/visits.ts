// Who comes by beside those who talk: each does one thing that people, programs and bad networks do, in a session of their own.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { RISK } from '../../test/chaos/words.ts';
import { Device } from '../../test/support/devices.ts';
import { Client, FoldError } from '../../test/support/fold.ts';
import type { Random } from '../../test/support/random.ts';
import { openSocketIo } from '../../test/support/raw-websocket.ts';
import { pathOf, rest } from '../../test/support/rest.ts';
import type { Answer } from '../../test/support/rest.ts';
import { connect } from '../../test/support/socket-client.ts';
import { openEvents } from '../../test/support/sse.ts';
import { startTcpProxy } from '../../test/support/tcp-proxy.ts';
import { OPERATOR_KEY } from './stage.ts';
import type { Stage } from './stage.ts';

/** A visitor waits for no answer longer than that: somebody may be cut off, or their node frozen. */
const PATIENCE_MS = 8_000;
const SLOW_BYTES_PER_S = 8_000;

interface Visit {
  stage: Stage;
  random: Random;
  id: string;
  /** Of a node that runs, by way of its proxy. */
  url: string;
}

const Alerts = z.object({ alerts: z.array(z.looseObject({ alert_id: z.string(), session_id: z.string() })) });
const Admission = z.looseObject({ turn_id: z.string() });
const Text = z.looseObject({ text: z.string() });
const asOperator = { Authorization: `Bearer ${OPERATOR_KEY}` };
const SAID = 'I want to feel calm';

function ask({ url }: Visit, line: string, body?: unknown, headers = {}): Promise<Answer> {
  return rest(url, line, { ...(body !== undefined && { body }), headers, ms: PATIENCE_MS });
}

const say = (visit: Visit, text: string, headers = {}): Promise<Answer> =>
  ask(visit, `POST ${pathOf(visit.id, '/input')}`, { user_input: text }, headers);

/** The turn, which goes on. */
async function begin(visit: Visit): Promise<string> {
  const answer = await say(visit, SAID, { Prefer: 'respond-async' });
  return Admission.parse(answer.body).turn_id;
}

/** Somebody at risk, and somebody of the operator who takes the session over and gives it back. */
async function risk(visit: Visit): Promise<void> {
  const { status } = await say(visit, RISK);
  const lines = 'GET /api/v1/operator/alerts?limit=50';
  const { alerts } = Alerts.parse((await ask(visit, lines, undefined, asOperator)).body);
  const alert = alerts.find(({ session_id }) => session_id === visit.id);
  if (!alert) {
    if (status === 200) visit.stage.journal.broken('other', visit.id, 'risk was answered, and made no alert');
    return;
  }
  const path = `/api/v1/operator/alerts/${alert.alert_id}`;
  await ask(visit, `GET ${path}/log?wait=0`, undefined, asOperator);
  for (const verb of ['acknowledge', 'take_over', 'message', 'release', 'clear']) {
    await ask(visit, `POST ${path}/${verb}`, { actor: 'ada', text: 'I am here.' }, asOperator);
  }
}

async function pages(visit: Visit): Promise<void> {
  for (const text of ['hello', 'yes']) await say(visit, text);
  for (const query of ['?limit=1', '?limit=1&before=2', '?limit=100'])
    await ask(visit, `GET ${pathOf(visit.id, `/history${query}`)}`);
  await ask(visit, `GET ${pathOf(visit.id, '/export')}`);
  await ask(visit, 'GET /api/v1/sessions?limit=2');
  await ask(visit, 'GET /health');
}

/** Each is refused. */
async function wrong(visit: Visit): Promise<void> {
  const lines: [string, unknown][] = [
    [`POST ${pathOf(visit.id, '/input')}`, { user_input: 7 }],
    [`POST ${pathOf(visit.id, '/input')}`, '{"user_input":'],
    [`POST ${pathOf('nobody', '/turns/none/retry')}`, {}],
    [`GET ${pathOf(visit.id, '/log?after=rubbish')}`, undefined],
    ['GET /api/v1/nowhere', undefined],
  ];
  for (const [line, body] of lines) {
    const { status } = await ask(visit, line, body);
    if (status < 400) visit.stage.journal.broken('other', visit.id, `${line} was answered with ${status}`);
  }
  using socket = await connect(visit.url);
  await socket.refused('session:input', { session_id: visit.id, user_input: 'x'.repeat(100_000) });
}

/** Who is gone as soon as there is a word. */
async function vanishFromStream(visit: Visit): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const path = pathOf(visit.id, '/input');
  using stream = await openEvents(visit.url, path, { method: 'POST', headers, body: { user_input: SAID } });
  await stream.until(() => stream.of('therapist:token').length > 0, 'a word', PATIENCE_MS);
}

/** The same without a word of farewell: neither Socket.IO nor WebSocket are told. */
async function vanishFromSocket(visit: Visit): Promise<void> {
  using socket = await openSocketIo(Number(new URL(visit.url).port));
  socket.send(`420${JSON.stringify(['session:input', { session_id: visit.id, user_input: SAID }])}`);
  await socket.message('42["therapist:token"');
}

async function comeAndGo(visit: Visit): Promise<void> {
  const of = { session_id: visit.id };
  using first = await connect(visit.url);
  using second = await connect(visit.url, { transports: ['polling'] });
  await first.must('session:create', of);
  const client = await second.follow(visit.id);
  const { turn_id: turnId } = await first.must('session:input', { ...of, user_input: SAID });
  await first.must('session:leave', of);
  await client.ended(String(turnId), PATIENCE_MS);
  await second.must('session:leave', of);
  await second.must('session:delete', of);
}

async function again(visit: Visit): Promise<void> {
  const turnId = await begin(visit);
  await ask(visit, `POST ${pathOf(visit.id, `/turns/${turnId}/cancel`)}`);
  await ask(visit, `POST ${pathOf(visit.id, `/turns/${turnId}/retry`)}`, {}, { Prefer: 'respond-async' });
}

async function doors(visit: Visit): Promise<void> {
  const message = { role: 'user', content: SAID };
  for (const stream of [false, true]) {
    const body = { model: 'gpt', messages: [message], stream, metadata: { session_id: visit.id } };
    await ask(visit, 'POST /v1/chat/completions', body, { 'Content-Type': 'application/json' });
  }
  const said = { id: 'of calm', role: 'user', parts: [{ type: 'text', text: SAID }] };
  await ask(visit, 'POST /api/v1/ui/chat', { id: `${visit.id} ui`, messages: [said] });
}

/** Whose network is slow: what they have in the end is what everybody has. */
async function slow(visit: Visit): Promise<void> {
  await using proxy = await startTcpProxy({ target: Number(new URL(visit.url).port) });
  proxy.throttle(SLOW_BYTES_PER_S, 'down');
  const turnId = await begin(visit);
  const client = new Client(visit.id);
  await using _device = new Device(visit.random.chance(0.5) ? 'websocket' : 'sse', proxy.url, client);
  const turn = await client.ended(turnId, 2 * PATIENCE_MS);
  const stored = Text.safeParse((await ask(visit, `GET ${pathOf(visit.id, `/turns/${turnId}`)}`)).body);
  if (stored.success && stored.data.text !== turn.text)
    visit.stage.journal.broken('text', visit.id, `${turn.text} where ${stored.data.text} is stored`);
}

const visits = {
  'risk and an operator': risk,
  'pages of history': pages,
  'wrong input': wrong,
  'gone in mid-stream': vanishFromStream,
  'gone in mid-word': vanishFromSocket,
  'come and gone': comeAndGo,
  'cancelled and retried': again,
  'other doors': doors,
  'slow reader': slow,
} as const;

type Kind = keyof typeof visits;
const kinds = Object.keys(visits).filter((name): name is Kind => name in visits);

/** Who comes by: every kind before any comes again. */
export class Visitors {
  readonly #stage: Stage;
  #left: Kind[] = [];
  #come = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** So many, so long after one another; a fault may cut each short. */
  async come(count: number, everyMs: number, random: Random): Promise<void> {
    const { doors, journal } = this.#stage;
    for (let n = 0; n < count && !journal.failed.aborted; n += 1) {
      await sleep(random.between(0, 2 * everyMs));
      if (this.#left.length === 0) this.#left = [...kinds];
      const [kind] = this.#left.splice(random.between(0, this.#left.length - 1), 1);
      const open = doors.filter(({ isOpen }) => isOpen);
      const door = open[random.between(0, open.length - 1)];
      if (kind && door) await this.#one(kind, door.url, random);
    }
  }

  async #one(kind: Kind, url: string, random: Random): Promise<void> {
    const { journal } = this.#stage;
    this.#come += 1;
    const id = `visitor ${this.#come} ${kind}`;
    journal.count(`visit: ${kind}`);
    try {
      await visits[kind]({ stage: this.#stage, random, id, url });
    } catch (error) {
      if (error instanceof FoldError) journal.caught(id, error);
      else journal.count(`cut short: ${kind}`);
    }
  }
}
