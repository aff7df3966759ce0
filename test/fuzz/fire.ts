// Sends a shot and judges what comes back. @throws Fault
import { Failure } from '../../src/contract/model.ts';
import { openRaw } from '../support/raw-socket.ts';
import { RawWebSocket, textFrame, upgradeHead } from '../support/raw-websocket.ts';
import { rest } from '../support/rest.ts';
import type { Answer, SocketClient } from '../support/socket-client.ts';
import { Fault } from './fault.ts';
import { fireRest } from './fire-rest.ts';
import { fireToken } from './fire-token.ts';
import { jsonOf, mustBeFailure, mustBeHarmless, mustBeLetIn, mustFit, mustKeepSecrets } from './judge.ts';
import { openSocket } from './open-socket.ts';
import { rows } from './shots.ts';
import type { EventShot, HandshakeShot, RawShot, Shot } from './shots.ts';
import type { World } from './world.ts';

/** What became of it, in a word, for the count. */
export type Outcome = string;

/** What an accepted shot did to the sessions of whoever sent it. */
export type Tell = (deed: 'made' | 'kept' | 'deleted', sessionId: unknown) => void;

export async function fire(world: World, shot: Shot, tell: Tell): Promise<Outcome> {
  if (shot.door === 'event') return await fireEvent(world, shot, tell);
  if (shot.door === 'rest') return await fireRest(world, shot, tell);
  if (shot.door === 'handshake') return await fireHandshake(world, shot);
  if (shot.door === 'token') return await fireToken(world, shot);
  return await fireRaw(world, shot);
}

/** Why a connection was not made: a failure of the contract, or none where the connection itself was refused. */
function refusalOf(error: unknown): string {
  if (!(error instanceof Error)) throw new Fault(`not an error: ${String(error)}`);
  const isDue = /not within/.test(error.message);
  if (isDue) throw new Fault(error.message);
  if (!('data' in error) || error.data === undefined) return 'closed';
  mustBeFailure('any', error.data);
  return Failure.parse(error.data).code;
}

async function fireEvent(world: World, { who, event, args }: EventShot, tell: Tell): Promise<Outcome> {
  let socket: SocketClient;
  try {
    socket = await world.socketOf(who);
  } catch (error) {
    const code = refusalOf(error);
    if (code === 'closed' && !world.isCounted) throw new Fault(`${who} gets no answer: ${String(error)}`);
    return `no socket for ${who}: ${code}`;
  }
  const row = rows.find(([name]) => name === event)?.[1];
  const sent = args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : world.filled(arg)));
  const left = Promise.withResolvers<'closed'>();
  const leave = () => left.resolve('closed');
  socket.socket.once('disconnect', leave);
  const answer = await Promise.race([socket.call(event, ...sent), left.promise]);
  socket.socket.off('disconnect', leave);
  if (answer === 'closed') {
    // a capability may be taken back meanwhile
    if (who !== 'lent') throw new Fault(`${event.slice(0, 100)} closed the connection`);
    return 'closed';
  }
  const { ok, error, ...value } = answer;
  if (!ok) {
    mustBeFailure(row, error);
    return error?.code ?? '';
  }
  if (!row) throw new Fault(`${event.slice(0, 100)} is served`);
  mustBeLetIn(who, row, event);
  mustFit(row.output, value);
  tellEvent(event, sent[0], value, tell);
  return 'ok';
}

function tellEvent(event: string, payload: unknown, value: Omit<Answer, 'ok' | 'error'>, tell: Tell): void {
  if (event === 'session:create') return tell('kept', value['session_id']);
  const named =
    typeof payload === 'object' && payload !== null && 'session_id' in payload && payload.session_id;
  if (event === 'session:input') tell('kept', named);
  if (event === 'session:delete') tell('deleted', named);
}

async function fireHandshake(world: World, { who, auth, header }: HandshakeShot): Promise<Outcome> {
  const { Authorization: own, ...others } = world.headersOf(who);
  const Authorization = header ?? (auth === null ? own : undefined);
  const extraHeaders = { ...others, ...(Authorization !== undefined && { Authorization }) };
  try {
    const socket = await openSocket(world.server.url, auth ?? {}, extraHeaders);
    socket.close();
  } catch (error) {
    return `no socket: ${refusalOf(error)}`;
  }
  throw new Fault('a connection was let in');
}

async function fireRaw(world: World, shot: RawShot): Promise<Outcome> {
  if (shot.door === 'http') return await fireBytes(world, Buffer.from(shot.parts.join('')));
  const parts = shot.parts.map((part) => (typeof part === 'string' ? String(world.filled(part)) : part));
  if (shot.door === 'polling') return await firePolling(world, parts.join('\x1e'));
  const frames = parts.map((part) => (typeof part === 'string' ? textFrame(part) : Buffer.from(part)));
  return await fireFrames(world, frames);
}

/** Whatever comes of it, the connection ends. */
async function fireBytes({ server }: World, bytes: Buffer): Promise<Outcome> {
  using raw = await openRaw(server.port);
  raw.write(bytes);
  raw.end();
  await raw.closed();
  const statuses = [...raw.text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
  const bad = statuses.find((status) => status >= 500);
  if (bad !== undefined) throw new Fault(`answered with ${raw.text.slice(0, 500)}`);
  mustBeHarmless(raw.text);
  return `http ${statuses[0] ?? 'closed'}`;
}

async function fireFrames(world: World, frames: Buffer[]): Promise<Outcome> {
  const { 'X-Forwarded-For': address } = world.headersOf('mal');
  const raw = await openRaw(world.server.port);
  raw.write(upgradeHead(address === undefined ? {} : { 'X-Forwarded-For': address }));
  await raw.until(() => raw.isClosed || raw.text.includes('\r\n\r\n'), 'the answer to the upgrade');
  using socket = new RawWebSocket(raw);
  if (!raw.text.startsWith('HTTP/1.1 101')) return `upgrade ${raw.text.slice(9, 12)}`;
  raw.take(raw.received.indexOf('\r\n\r\n') + 4);
  socket.send(`40${JSON.stringify({ token: world.tokens.of.mal })}`);
  const isIn = () => socket.messages.some((text) => text.startsWith('40') || text.startsWith('44'));
  await socket.until(() => raw.isClosed || isIn(), 'the answer to CONNECT');
  socket.write(...frames);
  // half a frame may be among it, so that nothing more is ever answered
  raw.end();
  await socket.closed();
  for (const message of socket.messages) judgeMessage(message);
  return `frames ${socket.closeCode ?? 'closed'}`;
}

function judgeMessage(message: string): void {
  mustKeepSecrets(message);
  const [answer] = [jsonOf(/^43\d*(\[.*)$/s.exec(message)?.[1] ?? '')].flat();
  if (typeof answer !== 'object' || answer === null || !('ok' in answer) || answer.ok === true) return;
  mustBeFailure('any', 'error' in answer ? answer.error : undefined);
}

async function firePolling(world: World, body: string): Promise<Outcome> {
  const { 'X-Forwarded-For': address } = world.headersOf('mal');
  const headers = address === undefined ? {} : { 'X-Forwarded-For': address };
  const path = '/socket.io/?EIO=4&transport=polling';
  const send = async (line: string, body?: string) =>
    await rest(world.server.url, line, { headers, ...(body !== undefined && { body }) });
  const opened = await send(`GET ${path}`);
  const sid = /"sid":"([^"]+)"/.exec(opened.text)?.[1];
  if (sid === undefined) return `polling ${opened.status}`;
  const line = `${path}&sid=${sid}`;
  await send(`POST ${line}`, `40${JSON.stringify({ token: world.tokens.of.mal })}`);
  await send(`GET ${line}`);
  try {
    const { status, text } = await send(`POST ${line}`, body);
    if (![200, 400, 413].includes(status)) throw new Fault(`polling is answered with ${status} ${text}`);
    mustBeHarmless(text);
    await send(`POST ${line}`, '1');
    return `polling ${status}`;
  } catch (error) {
    if (error instanceof Fault || String(error).includes('not within')) throw error;
    return 'polling closed';
  }
}
