// At the end, when all is well again: every log is folded, and compared with every client and with what was acknowledged.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { verifyRedis } from '../../src/ops/audit-verify.ts';
import type { RequestRecord } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import type { FoldedTurn } from '../support/fold.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { pathOf } from '../support/rest.ts';
import type { Journal, Span } from './journal.ts';
import type { Oracle } from './oracle.ts';
import type { Talk } from './talk.ts';
import { RISK } from './words.ts';

/** The default of the servers. */
const REDIS_PREFIX = 'stillpoint';

const Export = z.object({
  session: z.looseObject({ epoch: z.string(), cursor: z.string() }),
  turns: z.array(
    z.looseObject({
      turn_id: z.string(),
      response: z.looseObject({ source: z.string() }).optional(),
    }),
  ),
  log: z.array(z.object({ seq: z.number(), event: z.string(), data: z.record(z.string(), z.unknown()) })),
});
type Export = z.output<typeof Export>;

const endEvents = ['therapist:done', 'therapist:error', 'turn:cancelled'];

/** The log of a session as a node tells it; undefined where there is none. */
export async function exportOf(nodes: Nodes, sessionId: string, index: number): Promise<Export | undefined> {
  const { status, body, text } = await nodes.rest(index, `GET ${pathOf(sessionId, '/export')}`);
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`${status} for the log of ${sessionId}: ${text.slice(0, 500)}`);
  return Export.parse(body);
}

/** Folds a log from its first entry on. @throws FoldError */
function fold(sessionId: string, { session, log }: Export): readonly FoldedTurn[] {
  const client = new Client(sessionId);
  client.acked(`${session.epoch}.0`);
  client.joined({ mode: 'tail', entries: log, cursor: session.cursor });
  return client.turns;
}

/** Compares one session on all nodes, with all its clients, and with what was acknowledged. */
export async function check(nodes: Nodes, talk: Talk, journal: Journal, oracle: Oracle): Promise<void> {
  const { sessionId } = talk;
  const logs = await Promise.all(nodes.all.map(async ({ index }) => await exportOf(nodes, sessionId, index)));
  const [first] = logs;
  for (const [index, log] of logs.entries()) {
    if (!isDeepStrictEqual(log?.log, first?.log))
      journal.broken('text', sessionId, `node ${index} tells another log than node 0`);
  }
  if (talk.isGone) return;
  if (!first) {
    if (talk.accepted.length > 0) journal.broken('input', sessionId, 'the session is not there any more');
    return;
  }
  try {
    checkTurns(fold(sessionId, first), talk, journal, oracle);
  } catch (error) {
    journal.caught(sessionId, error);
  }
  checkLog(first, talk, journal);
  checkSources(first, talk, journal);
}

/** Who risk was answered by, and that only. [P-12] */
function checkSources({ turns }: Export, { sessionId, accepted }: Talk, journal: Journal): void {
  for (const { turnId, said } of accepted.filter(({ said }) => said.includes(RISK))) {
    const source = turns.find(({ turn_id }) => turn_id === turnId)?.response?.source ?? 'safety';
    if (source !== 'safety') journal.broken('text', sessionId, `"${said}" was answered by ${source}`);
  }
}

const Alerts = z.object({ alerts: z.array(z.looseObject({ session_id: z.string() })) });

/** So many, the latest ones, can be had. */
const ALERTS = 200;

/** An alert for every session with risk, at most one for each input of it, and an audit without a hole. */
export async function checkPeople(
  nodes: Nodes,
  talks: readonly Talk[],
  redisUrls: readonly string[],
  operatorKey: string,
  journal: Journal,
): Promise<void> {
  const headers = { Authorization: `Bearer ${operatorKey}` };
  const { status, body, text } = await nodes.rest(0, `GET /api/v1/operator/alerts?limit=${ALERTS}`, {
    headers,
  });
  if (status !== 200)
    return journal.broken('server', 'node 0', `the alerts: ${status} ${text.slice(0, 500)}`);
  const { alerts } = Alerts.parse(body);
  for (const { sessionId, accepted } of talks) {
    const risks = accepted.filter(({ said }) => said.includes(RISK)).length;
    const own = alerts.filter((alert) => alert.session_id === sessionId).length;
    const isUnknown = alerts.length === ALERTS && own === 0;
    if (own > risks || (own === 0 && risks > 0 && !isUnknown))
      journal.broken('other', sessionId, `${own} alerts for ${risks} inputs with risk`);
  }
  const { isWell, text: verdict } = await verifyRedis({ urls: redisUrls, prefix: REDIS_PREFIX }, undefined);
  if (!isWell) journal.broken('other', 'the audit', verdict);
  journal.count('alerts', alerts.length);
}
function checkTurns(turns: readonly FoldedTurn[], talk: Talk, journal: Journal, oracle: Oracle): void {
  const { sessionId, accepted, clients } = talk;
  for (const { turnId, said, cancelled } of accepted) {
    const own = turns.filter(({ userInput }) => userInput === said);
    const [turn] = own;
    if (own.length !== 1 || turn?.turnId !== turnId)
      journal.broken('input', sessionId, `"${said}" has ${own.length} turns, and was told of ${turnId}`);
    if (cancelled !== undefined && turn?.state !== cancelled)
      journal.broken('cancel', sessionId, `${turnId} was told to be ${cancelled}, and is ${turn?.state}`);
  }
  for (const turn of turns) {
    if (turn.state === 'live') journal.broken('end', sessionId, `turn ${turn.turnId} has no end`);
    if (!accepted.some(({ turnId }) => turnId === turn.turnId))
      journal.broken('input', sessionId, `nobody was told of turn ${turn.turnId}, "${turn.userInput}"`);
    const seen = oracle.of(turn.turnId);
    if (!isDeepStrictEqual(seen, { ...seen, ...turn }))
      journal.broken('text', sessionId, `log ${JSON.stringify(turn)}, seen ${JSON.stringify(seen)}`);
  }
  for (const client of clients) {
    if (!isDeepStrictEqual(client.turns, turns))
      journal.broken('text', client.name, 'it has other turns than the log');
  }
}

/** Exactly one beginning and one end of every turn, and numbers without a hole. [P-2] [P-8] */
function checkLog({ session, log }: Export, { sessionId, accepted }: Talk, journal: Journal): void {
  const ofTurn = (turnId: string, events: readonly string[]) =>
    log.filter(({ event, data }) => events.includes(event) && data['turn_id'] === turnId).length;
  for (const { turnId, epoch } of accepted) {
    const [starts, ends] = [ofTurn(turnId, ['turn:started']), ofTurn(turnId, endEvents)];
    if (starts !== 1 || ends !== 1)
      journal.broken('end', sessionId, `turn ${turnId} begins ${starts} times and ends ${ends} times`);
    if (epoch !== session.epoch)
      journal.broken('other', sessionId, `its epoch was ${epoch} and is ${session.epoch}: entries were lost`);
  }
  const hole = log.findIndex(({ seq }, i) => seq !== i + 1);
  if (hole >= 0)
    journal.broken('gap', sessionId, `entry ${hole + 1} of the log has number ${log[hole]?.seq}`);
}

/** Two generations side by side for less than this are one that ends and one that begins. */
const OVERLAP_MS = 100;

interface Concurrency {
  /** Requests at once, those of owners that did not know that they were none any more included. */
  most: number;
  /** Without these. */
  mostOfOwners: number;
}

/** How many requests the fake had to work on at once. */
export function concurrencyOf(
  records: readonly RequestRecord[],
  nodes: Nodes,
  spans: readonly Span[],
): Concurrency {
  const toDate = (at: number) => performance.timeOrigin + at;
  const all = records.map((record) => ({
    from: toDate(record.arrivedAt),
    to: toDate(record.endedAt ?? performance.now()) - OVERLAP_MS,
    node: nodes.ownerOf(record).index,
  }));
  const strict = all.filter(
    ({ from, to, node }) =>
      !spans.some((span) => span.from <= to && span.to >= from && isBlinding(span, node)),
  );
  return { most: mostAtOnce(all), mostOfOwners: mostAtOnce(strict) };
}

/** While it lasts, a node may have lost its slots without knowing. */
function isBlinding({ kind, node }: Span, of: number): boolean {
  if (node === null) return kind.startsWith('Redis');
  return node === of && (kind.includes('frozen') || kind.includes('Redis'));
}

function mostAtOnce(spans: readonly { from: number; to: number }[]): number {
  const steps = spans.flatMap(({ from, to }) => (to > from ? [[from, 1] as const, [to, -1] as const] : []));
  let open = 0;
  let most = 0;
  for (const [, step] of steps.toSorted((a, b) => a[0] - b[0])) {
    open += step;
    most = Math.max(most, open);
  }
  return most;
}
