// One REST request as a shot says, and what its answer must be.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import * as m from '../../src/contract/model.ts';
import type { Operation } from '../../src/contract/operation.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { deadline } from '../support/wait.ts';
import { Fault } from './fault.ts';
import type { Tell } from './fire.ts';
import { jsonOf, mustBeErrorBody, mustBeEvents, mustBeLetIn, mustFit } from './judge.ts';
import type { RestAnswer } from './judge.ts';
import { rows } from './shots.ts';
import type { RestShot } from './shots.ts';
import type { World } from './world.ts';

/** A line that is as long as this may be refused before it is read. */
const LONG_LINE = 100_000;
const Accepted = m.Admission.pick({ turn_id: true, n: true, cursor: true });

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
  /** As the server reads it. */
  sessionId: unknown;
}

/** What a request really asks for: another method may be another operation. */
interface Asked {
  name: OperationName;
  row: Operation;
  reply: Operation['rest'][number]['reply'];
}

export async function fireRest(world: World, shot: RestShot, tell: Tell): Promise<string> {
  const row = rowOf(shot.name);
  const route = row.rest[shot.route];
  if (!route) throw new Error(`${shot.name} has no such route`);
  const sent = dress(world, shot, route);
  const asked = askedOf(sent.method, route.path);
  let answer: RestAnswer;
  try {
    answer = await exchange(world.server.url, sent, asked);
  } catch (error) {
    if (sent.path.length > LONG_LINE && !String(error).includes('not within')) return 'closed';
    throw error;
  }
  const { status } = answer;
  if (status >= 500 && status !== 503)
    throw new Fault(`answered with ${status} ${answer.text.slice(0, 500)}`);
  if (status >= 400) return refused(sent, asked, answer, tell);
  accepted(shot, sent, asked, answer, tell);
  return String(status);
}

function rowOf(wanted: OperationName): Operation {
  const row = rows.find(([name]) => name === wanted)?.[1];
  if (!row) throw new Error(`no operation ${wanted}`);
  return row;
}

function askedOf(method: string, path: string): Asked | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  for (const [name, row] of rows) {
    const route = row.rest.find((one) => one.path === path && one.method === wanted);
    if (route) return { name, row, reply: route.reply };
  }
  return undefined;
}

const segmentOf = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'x');
  return encodeURIComponent(text.toWellFormed()).replace(/^\.{1,2}$/, (dots) => '%2E'.repeat(dots.length));
};

type Route = Operation['rest'][number];

function dress(world: World, shot: RestShot, route: Route): Sent {
  const filled = world.filled(shot.payload);
  const isObject = typeof filled === 'object' && filled !== null && !Array.isArray(filled);
  const fields = new Map(isObject ? Object.entries(filled) : []);
  const segments = new Map<string, string>();
  const bare = route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const text = shot.segment ?? segmentOf(fields.get(name));
    segments.set(name, text);
    fields.delete(name);
    return text;
  });
  const query = route.query.flatMap((name) => {
    const value = fields.get(name);
    fields.delete(name);
    return value === undefined ? [] : [`${name}=${segmentOf(value)}`];
  });
  query.push(...shot.query.map(([name, value]) => `${encodeURIComponent(name)}=${value}`));
  const path = query.length === 0 ? bare : `${bare}?${query.join('&')}`;
  const method = shot.method ?? route.method;
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'TRACE';
  const body = hasBody ? bodyOf(shot.text, isObject ? Object.fromEntries(fields) : filled) : undefined;
  const named = segments.get('session_id');
  // for some methods Node sends a body without a length, which is a second request
  const length = body && { 'Content-Length': String(body.length) };
  const headers = { ...world.headersOf(shot.who), ...shot.headers, ...length };
  return { method, path, headers, body, sessionId: named === undefined ? idIn(body) : decoded(named) };
}

function decoded(segment: string): unknown {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function idIn(body: Buffer | undefined): unknown {
  // as every reader of UTF-8 it skips a mark at the front
  const value = jsonOf(new TextDecoder().decode(body));
  return typeof value === 'object' && value !== null && 'session_id' in value ? value.session_id : undefined;
}

function bodyOf(text: RestShot['text'], value: unknown): Buffer | undefined {
  const plain = JSON.stringify(value) ?? '';
  const withFirst = (member: string) =>
    /^\{\s*"/.test(plain) ? `{${member},${plain.slice(1)}` : `{${member}}`;
  const texts = {
    plain,
    cut: plain.slice(0, plain.length / 2),
    twice: withFirst('"session_id":"first","user_input":"first"'),
    bom: `\ufeff${plain}`,
    'huge number': withFirst('"expires_in":1e400'),
    proto: withFirst('"__proto__":{"session_id":"inherited","user_input":"inherited"}'),
  };
  if (text === 'none') return undefined;
  if (text === 'bytes') return Buffer.from([0x22, 0xff, 0xfe, 0x22]);
  return text === 'utf-16' ? Buffer.from(plain, 'utf16le') : Buffer.from(texts[text]);
}

async function exchange(url: string, sent: Sent, asked: Asked | undefined): Promise<RestAnswer> {
  const { hostname, port } = new URL(url);
  const { method, path, headers, body } = sent;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request({ hostname, port, method, path, headers, agent: false }, resolve);
  outgoing.on('error', reject);
  outgoing.end(body);
  const label = `an answer to ${method} ${path.slice(0, 300)}`;
  const response = await deadline(promise, label, 20_000);
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') ?? false;
  const text = await deadline(
    read(response, isStream && asked?.reply === 'stream'),
    `all of ${label}`,
    20_000,
  );
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Of a stream that has no end only what comes first. */
async function read(response: IncomingMessage, isEndless: boolean): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (isEndless && text.endsWith('\n\n')) break;
  }
  return text;
}

/** Answers after which the input may be stored all the same. */
const late = ['TURN_CANCELLED', 'MODEL_INTERRUPTED', 'SESSION_NOT_FOUND', 'DRAINING', 'STORE_UNAVAILABLE'];

function refused(sent: Sent, asked: Asked | undefined, answer: RestAnswer, tell: Tell): string {
  // too much for HTTP itself
  if (answer.status === 431 || sent.method === 'HEAD') return String(answer.status);
  const code = mustBeErrorBody(asked?.row, answer);
  if (asked?.name === 'session:input' && late.includes(code)) tell('made', sent.sessionId);
  return code;
}

function accepted(
  shot: RestShot,
  sent: Sent,
  asked: Asked | undefined,
  answer: RestAnswer,
  tell: Tell,
): void {
  const { status, text, headers } = answer;
  if (sent.method === 'OPTIONS') {
    if (status !== 204) throw new Fault(`OPTIONS is answered with ${status}`);
    return;
  }
  if (!asked) throw new Fault(`${sent.method} ${sent.path.slice(0, 200)} is answered with ${status}`);
  const { name, row } = asked;
  // a ticket lets somebody in whatever the header says
  const hasTicket = name === 'session:events' && sent.path.includes('ticket=');
  if (!hasTicket) mustBeLetIn(shot.who, row, `${sent.method} ${sent.path.slice(0, 200)}`);
  if (sent.method === 'HEAD' || status === 304) return;
  if (headers['content-type']?.toString().startsWith('text/event-stream')) mustBeEvents(text);
  else if (status === 202) mustFit(Accepted, jsonOf(text));
  else if (status !== 204)
    mustFit(row.body ?? row.output, jsonOf(text), row.needs === 'operator' ? 'all' : 'own');
  tellRest(name, sent, text, tell);
}

const Named = z.object({ session_id: z.string() });

function tellRest(name: OperationName, sent: Sent, text: string, tell: Tell): void {
  if (name === 'session:create') tell('kept', Named.safeParse(jsonOf(text)).data?.session_id);
  if (name === 'session:input') tell('kept', sent.sessionId);
  if (name === 'session:delete') tell('deleted', sent.sessionId);
}
