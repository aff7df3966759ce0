// A token with something changed in it: nobody is let in by it.
import { rest } from '../support/rest.ts';
import { Fault } from './fault.ts';
import { mustBeErrorBody } from './judge.ts';
import { openSocket } from './open-socket.ts';
import type { TokenShot } from './shots.ts';
import type { World } from './world.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Another character at a place where it counts: bits of the last one of a part may be left over. */
function flip(token: string, place: number, by: number): string {
  const places = Array.from(token, (_, i) => i).filter((i) => (token[i + 1] ?? '.') !== '.');
  const at = places[place % places.length] ?? 0;
  const now = alphabet.indexOf(token[at] ?? '');
  const next = now < 0 ? 'A' : (alphabet[(now + by) % 64] ?? 'A');
  return token.slice(0, at) + next + token.slice(at + 1);
}

function changed(token: string, { change }: TokenShot): string {
  if (change.kind === 'flip') return flip(token, change.place, change.by);
  if (change.kind === 'wrap') return change.before + token + change.after;
  const [, payload = token, signature = ''] = token.split('.');
  const header = Buffer.from(JSON.stringify(change.header)).toString('base64url');
  return `${header}.${payload}.${change.keepsSignature ? signature : ''}`;
}

/** @throws Fault */
export async function fireToken(world: World, shot: TokenShot): Promise<string> {
  const token = changed(world.tokenOf(shot.of) ?? '', shot);
  const { Authorization: _, ...headers } = world.headersOf('mal');
  const what = `${shot.of}: ${JSON.stringify(shot.change)}`;
  if (/^[\x21-\x7e]+$/.test(token)) {
    const answer = await rest(world.server.url, 'GET /api/v1/sessions', {
      headers: { ...headers, Authorization: `Bearer ${token}` },
    });
    if (answer.status !== 401 && answer.status !== 429)
      throw new Fault(`${what} is answered with ${answer.status}`);
    mustBeErrorBody(undefined, answer);
  }
  try {
    (await openSocket(world.server.url, { token }, headers)).close();
  } catch (error) {
    if (String(error).includes('not within')) throw new Fault(`${what} gets no answer`);
    return 'refused';
  }
  throw new Fault(`${what} lets somebody in`);
}
