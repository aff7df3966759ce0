// node bench/access.ts [--tries N]: whether a clock tells a session of somebody else from one that is not there. Both are
// asked for in turn, by a person who may see neither, over REST and over a socket, on files that are plain and encrypted.
// Across tenants there must be no difference; inside of one, where `session:create` tells it anyway, opening what is found
// may cost something. Two runs of what is not there show how much is noise.
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startGuide } from '../test/support/guide-server.ts';
import type { GuideServer } from '../test/support/guide-server.ts';
import { rest } from '../test/support/rest.ts';
import { tempDir } from '../test/support/server-process.ts';
import { connect } from '../test/support/socket-client.ts';
import { bearer, openJwtDesk } from '../test/support/tokens.ts';

const { tries } = parseArgs({ options: { tries: { type: 'string', default: '1000' } } }).values;
const TRIES = Number(tries);
const WARM_UP = 200;
const SESSIONS = 50;
const TURNS = 3;

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

type Ask = (sessionId: string) => Promise<void>;
interface Way extends Disposable {
  name: string;
  ask: Ask;
}

/** Sessions of somebody else, with something in each. */
async function fill({ url }: GuideServer, token: string): Promise<string[]> {
  const ids = Array.from({ length: SESSIONS }, () => randomUUID());
  for (const session_id of ids) {
    for (let n = 0; n < TURNS; n++) {
      const body = { session_id, user_input: `Something to remember, number ${n}` };
      await rest(url, 'POST /api/v1/input', { headers: bearer(token), body });
    }
  }
  return ids;
}

function overRest({ url }: GuideServer, token: string): Way {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  const ask: Ask = (id) =>
    new Promise((resolve, reject) => {
      const path = `/api/v1/session/${id}/status`;
      const outgoing = request({ hostname, port, path, agent, headers: bearer(token) }, (answer) => {
        answer.resume();
        answer.once('end', resolve);
        if (answer.statusCode !== 404) reject(new Error(`it answers ${answer.statusCode}`));
      });
      outgoing.once('error', reject);
      outgoing.end();
    });
  return { name: 'REST', ask, [Symbol.dispose]: () => agent.destroy() };
}

async function overSocket({ url }: GuideServer, token: string): Promise<Way> {
  const socket = await connect(url, { auth: { token } });
  const ask: Ask = async (session_id) => void (await socket.refused('session:status', { session_id }));
  return { name: 'socket', ask, [Symbol.dispose]: () => socket.close() };
}

async function timeOf(ask: Ask, id: string): Promise<number> {
  const from = performance.now();
  await ask(id);
  return (performance.now() - from) * 1_000;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

/** What came first takes turns, so that neither has an advantage. */
async function measure({ ask }: Way, foreign: readonly string[]): Promise<[number[], number[]]> {
  const times: [foreign: number[], unknown: number[]] = [[], []];
  for (let n = -WARM_UP; n < TRIES; n++) {
    const ids = [foreign[Math.abs(n) % foreign.length] ?? '', randomUUID()];
    const order = n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    for (const which of order) {
      const us = await timeOf(ask, ids[which] ?? '');
      if (n >= 0) times[which].push(us);
    }
  }
  return times;
}

function show(name: string, [some, none]: [number[], number[]]): void {
  const differences = some.map((us, n) => us - (none[n] ?? 0));
  const cells = [some, none, differences].flatMap((values) => [
    quantile(values, 0.5),
    quantile(values, 0.95),
  ]);
  const medians = quantile(some, 0.5) - quantile(none, 0.5);
  print(`  ${name.padEnd(48)}${[...cells, medians].map((us) => us.toFixed(0).padStart(7)).join('')}`);
}

const head = ['p50', 'p95', 'p50', 'p95', 'p50', 'p95', 'p50'];
const noneAtAll = Array.from({ length: SESSIONS }, () => randomUUID());

async function compare(kind: string, env: Record<string, string>): Promise<void> {
  await using desk = await openJwtDesk();
  await using server = await startGuide({ ...desk.env, ...env });
  const foreign = await fill(server, await desk.token({ tenant: 'acme', name: 'ada' }));
  const askers = [
    ['of another tenant', 'beta', foreign],
    ['of somebody else of the tenant', 'acme', foreign],
    ['not there either', 'beta', noneAtAll],
  ] as const;
  for (const open of [overRest, overSocket]) {
    for (const [what, tenant, ids] of askers) {
      using way = await open(server, await desk.token({ tenant, name: 'bob' }));
      show(`${way.name}, ${kind}, ${what}`, await measure(way, ids));
    }
  }
}

await using folder = await tempDir();
const keyFile = join(folder.path, 'master-keys');
await writeFile(keyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
print(`session:status by somebody who may not see it; ${TRIES} tries of each, in turn; µs`);
print(`${' '.repeat(50)}      it is     it is not there    pair by pair  medians`);
print(`${' '.repeat(50)}${head.map((cell) => cell.padStart(7)).join('')}`);
await compare('plain', {});
await compare('encrypted', { ENCRYPTION_KEY_FILE: keyFile });
