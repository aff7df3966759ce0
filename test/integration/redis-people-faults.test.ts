// What Redis keeps for people, when any of the commands it takes fails, carried out or not, and those behind it as well.
import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { verifyAudit } from '../../src/store/audit-chain.ts';
import type { AlertRecord, NewAlert } from '../../src/store/escalation.ts';
import { alertChange } from '../../src/store/redis-alerts.ts';
import { plain } from '../../src/store/vault.ts';
import { call, fact } from '../conformance/store-bench.ts';
import { openPeople, refsOf, sessionOf } from '../support/redis-people.ts';
import type { Node, PeopleBench } from '../support/redis-people.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';

const MINUTE_MS = 60_000;

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const open = (): Promise<PeopleBench> => openPeople([redis.url], async () => []);

describe('whatever command fails', () => {
  const fault = record({ after: nat({ max: 9 }), isHeard: constantFrom(true, false) });

  it('the lists of alerts tell the truth', async () => {
    const act = record({
      what: constantFrom('call', 'refuse', 'acknowledge', 'sent', 'later', 'alarm', 'remove', 'wait'),
      session: constantFrom('a', 'b'),
      id: constantFrom('1', '2', '3'),
      fault,
    });
    await assert(
      asyncProperty(array(act, { minLength: 5, maxLength: 30 }), async (acts) => {
        await using bench = await open();
        const [node, other] = bench.nodes;
        for (const { what, session, id, fault } of acts) {
          node.failAfter(fault.after, fault.isHeard);
          if (what === 'wait') bench.advance(MINUTE_MS);
          await actOn(node, what, session, id).catch(onlyUnavailable);
          await expectTruth(other);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('every fact is in the chain once', async () => {
    const act = record({ session: constantFrom('a', 'b'), sweeps: constantFrom(true, false), fault });
    await assert(
      asyncProperty(array(act, { minLength: 3, maxLength: 20 }), async (acts) => {
        await using bench = await open();
        const [node, other] = bench.nodes;
        const left: string[] = [];
        for (const [index, { session, sweeps, fault }] of acts.entries()) {
          const ref = `${session}${index}`;
          const outbox = await other.leave(session, [fact(ref)]);
          left.push(ref);
          if (sweeps) bench.advance(MINUTE_MS);
          node.failAfter(fault.after, fault.isHeard);
          const moving = sweeps ? node.audit.sweep().catch(onlyUnavailable) : node.audit.flush(outbox);
          await Promise.all([moving, other.audit.flush({ base: other.base('a'), ticket: 'none' })]);
        }
        bench.advance(MINUTE_MS);
        await other.audit.sweep();

        const audit = await other.audit.audit(0, 1000);
        const refs = refsOf(audit);
        expect(verifyAudit([audit])).toMatchObject({ holds: true, count: acts.length });
        for (const session of ['a', 'b']) {
          const isIts = (ref: string) => ref.startsWith(session);
          expect(refs.filter(isIts)).toEqual(left.filter(isIts));
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** What a node does with an alert, in the way of the store. */
async function actOn(node: Node, what: string, session: string, id: string): Promise<unknown> {
  const ref = sessionOf(session);
  if (what === 'call') return node.call(session, [call(id)]);
  if (what === 'refuse') return node.alerts.refused(ref, await node.alerts.before(ref, [call(id)]));
  if (what === 'sent') return node.alerts.settleAlert(id, { delivery: 'sent', tries: 1 });
  if (what === 'later') return node.alerts.settleAlert(id, { delivery: 'pending', nextAt: 0 });
  if (what === 'alarm') return node.alerts.settleAlert(id, { alarmedAt: 7 });
  if (what === 'acknowledge') {
    await node.alerts.beforeChange(id, 'acknowledged');
    await node.step(session, {
      change: alertChange({ alertId: id, status: 'acknowledged', actor: 'ada' }, plain),
    });
    return node.alerts.changed(id);
  }
  if (what !== 'remove') return undefined;
  await node.forget(session);
  return node.alerts.removed(ref, ['1', '2', '3']);
}

/** The lists are what the sessions say. */
async function expectTruth(node: Node): Promise<void> {
  const found = await Promise.all(
    ['a', 'b'].map(async (session) => {
      const base = node.base(session);
      const rows = await node.link.send(base, 'HVALS', `${base}:a`);
      return (rows as string[]).map((row): string[] => JSON.parse(row));
    }),
  );
  const all = found.flat().map(([said = '', , status, , , delivery, , , alarmedAt]) => {
    const { alertId }: NewAlert = JSON.parse(said.slice(1));
    return { alertId, status, delivery, alarmedAt };
  });
  const ids = (alerts: readonly { alertId: string }[]) => alerts.map(({ alertId }) => alertId).sort();
  const { alerts } = node;
  const read = async (list: Promise<AlertRecord[]>) => ids(await list);

  expect(await read(alerts.alerts(null, 50))).toEqual(ids(all));
  for (const status of ['open', 'acknowledged'] as const) {
    expect(await read(alerts.alerts(status, 50))).toEqual(ids(all.filter((one) => one.status === status)));
  }
  const isPending = all.filter(({ delivery }) => delivery === 'pending');
  expect(await read(alerts.dueAlerts(50))).toEqual(ids(isPending));
  const isWaiting = all.filter(({ status, alarmedAt }) => status === 'open' && alarmedAt === '');
  expect(await read(alerts.waitingAlerts(50))).toEqual(ids(isWaiting));
}

function onlyUnavailable(error: unknown): void {
  if (!(error instanceof AppError)) throw error;
}
