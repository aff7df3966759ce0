// What Redis keeps for people, beside the suite of all stores: nodes that die between a step and its index, and nodes that
// do the same thing at the same time.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/store/audit-chain.ts';
import { alertChange } from '../../src/store/redis-alerts.ts';
import { clientArg } from '../../src/store/redis-clients.ts';
import { loadScript } from '../../src/store/redis-link.ts';
import { plain } from '../../src/store/vault.ts';
import { call, fact } from '../conformance/store-bench.ts';
import { idsOf } from '../conformance/store-alerts.ts';
import { openPeople, refsOf, sessionOf } from '../support/redis-people.ts';
import type { Node, PeopleBench } from '../support/redis-people.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';

const MINUTE_MS = 60_000;
const truth = loadScript('alert', 'time', 'people');

describe.each(['redis', 'cluster'])('on a %s', (kind) => {
  const resources = new AsyncDisposableStack();
  let urls: readonly string[];
  let keysOf: (pattern: string) => Promise<string[]>;

  beforeAll(async () => {
    if (kind === 'cluster') {
      const cluster = resources.use(await startRedisCluster());
      urls = cluster.urls;
      keysOf = async (pattern) => (await cluster.commandAll('KEYS', pattern)).flatMap(linesOf);
    } else {
      const redis = resources.use(await startRedis());
      urls = [redis.url];
      keysOf = async (pattern) => linesOf(await redis.command('KEYS', pattern));
    }
  });
  afterAll(() => resources.disposeAsync());

  const open = (): Promise<PeopleBench> => openPeople(urls, keysOf);

  describe('alerts', () => {
    it('of one step keep their order, whatever their ids', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;

      await node.call('s', [call('z'), call('a'), call('m')]);

      expect(idsOf(await other.alerts.alerts(null, 10))).toEqual(['m', 'a', 'z']);
      expect(idsOf(await other.alerts.dueAlerts(10))).toEqual(['z', 'a', 'm']);
      expect(idsOf(await other.alerts.waitingAlerts(10))).toEqual(['z', 'a', 'm']);
    });

    it('are there however long their step takes, and although somebody looked meanwhile', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      const expected = await node.alerts.before(sessionOf('s'), [call('slow')]);
      bench.advance(MINUTE_MS - 10_000);
      const early = [await other.alerts.alerts(null, 10), await other.alerts.dueAlerts(10)];

      await node.step('s', { alerts: expected.alerts });

      expect(early).toEqual([[], []]);
      expect(idsOf(await other.alerts.alerts('open', 10))).toEqual(['slow']);
      expect(idsOf(await other.alerts.dueAlerts(10))).toEqual(['slow']);
    });

    it('whose step was never taken leave nothing behind after a minute', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.alerts.before(sessionOf('s'), [call('never')]);
      await other.alerts.alerts(null, 10);
      const before = await bench.keys();
      bench.advance(MINUTE_MS);

      expect(await other.alerts.alerts(null, 10)).toEqual([]);

      expect(before).toContain('{alerts}:e:never');
      expect(await bench.keys()).toEqual(['{alerts}:n']);
    });

    it('of a refused step are forgotten at once, unless another step calls for the same', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      const first = await node.alerts.before(sessionOf('s'), [call('alone'), call('both')]);
      const second = await other.alerts.before(sessionOf('s'), [call('both')]);

      await node.alerts.refused(sessionOf('s'), first);
      await other.step('s', { alerts: second.alerts });

      expect((await bench.keys()).filter((key) => key.includes(':e:'))).toEqual(['{alerts}:e:both']);
      expect(idsOf(await node.alerts.dueAlerts(10))).toEqual(['both']);
    });

    it('keep their id to themselves as long as they are there', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.call('mine', [call('id', { body: 'mine' })]);

      const refused = await other.call('yours', [call('id', { body: 'yours' }), call('too')]);
      const before = await node.alerts.alert('id');
      await node.forget('mine');
      await other.call('yours', [call('id', { body: 'yours' })]);

      expect(refused.alerts.map(({ alertId }) => alertId)).toEqual(['too']);
      expect(before).toMatchObject({ body: 'mine', session: { ...sessionOf('mine'), epoch: 'epoch' } });
      expect(await node.alerts.alert('id')).toMatchObject({ body: 'yours', session: sessionOf('yours') });
      expect(idsOf(await node.alerts.dueAlerts(10))).toEqual(['too', 'id']);
    });

    it('are listed by what they are, although the node that changed them died before it said so', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.call('s', [call('a'), call('b')]);
      await node.alerts.beforeChange('a', 'acknowledged');
      await other.alerts.alerts('acknowledged', 10);
      await node.step('s', {
        change: alertChange({ alertId: 'a', status: 'acknowledged', actor: 'ada' }, plain),
      });
      await node.link.run(truth, node.base('s'), ['b', '6', 'sent']);

      const lists = async () => [
        idsOf(await other.alerts.alerts('acknowledged', 10)),
        idsOf(await other.alerts.alerts('open', 10)),
        idsOf(await other.alerts.waitingAlerts(10)),
        idsOf(await other.alerts.dueAlerts(10)),
      ];
      const first = await lists();
      bench.advance(MINUTE_MS);
      await lists();
      const key = `${node.link.prefix}:{alerts}`;

      expect(first).toEqual([['a'], ['b'], ['b'], ['a']]);
      expect(await lists()).toEqual(first);
      expect(await node.link.send(key, 'ZCARD', `${key}:d`)).toBe(1);
      expect(await node.link.send(key, 'ZCARD', `${key}:s:open`)).toBe(1);
      expect(await node.link.send(key, 'ZCARD', `${key}:w`)).toBe(1);
    });

    it('are due although the node that made them so died before it said so', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.call('s', [call('again')]);
      await node.alerts.settleAlert('again', { delivery: 'sent' });
      node.failAfter(3, false);

      const failed = node.alerts.settleAlert('again', { delivery: 'pending' });

      await expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(idsOf(await other.alerts.dueAlerts(10))).toEqual(['again']);
    });

    it('stay due although the index hears of two changes in the wrong order', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.call('s', [call('twice')]);
      const held = node.holdAfter(2);
      const sent = node.alerts.settleAlert('twice', { delivery: 'sent' });
      await held.reached;
      await other.alerts.settleAlert('twice', { delivery: 'pending' });

      held.release();
      await sent;

      expect(idsOf(await other.alerts.dueAlerts(10))).toEqual(['twice']);
    });

    it('are found behind many that are not there', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      const many = (name: string) => Array.from({ length: 70 }, (_, index) => call(`${name} ${index}`));
      await node.alerts.before(sessionOf('old'), many('never'));
      await node.call('s', many('there'));
      await node.alerts.before(sessionOf('new'), many('not yet'));

      const [latest, due, waiting] = await Promise.all([
        node.alerts.alerts('open', 40),
        node.alerts.dueAlerts(40),
        node.alerts.waitingAlerts(40),
      ]);

      const there = idsOf(await node.alerts.alerts(null, 200));
      expect(there).toHaveLength(70);
      expect(idsOf(latest)).toEqual(there.slice(0, 40));
      expect(idsOf(due)).toEqual(there.toReversed().slice(0, 40));
      expect(idsOf(waiting)).toEqual(idsOf(due));
    });

    it('are claimed by one of many callers on two nodes', async () => {
      await using bench = await open();
      await bench.nodes[0].call('s', [call('alert')]);

      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          bench.nodes[index % 2 ? 0 : 1].alerts.claimAlert('alert', 1000),
        ),
      );

      expect(claims.filter(Boolean)).toHaveLength(1);
    });
  });

  describe('facts', () => {
    it('are in the chain once, whoever moves them how often, in the order of their session', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      const ids = Array.from({ length: 30 }, (_, index) => `s${index}`);

      await Promise.all(
        ids.map(async (id, index) => {
          const mine = bench.nodes[index % 2 ? 0 : 1];
          const outbox = await mine.leave(id, [fact(id), fact(`${id} too`)]);
          await Promise.all([
            node.audit.flush(outbox),
            other.audit.flush(outbox),
            mine.audit.attest([fact('alone')]),
          ]);
        }),
      );

      const audit = await node.audit.audit(0, 1000);
      expect(verifyAudit([audit])).toMatchObject({ holds: true, count: 90 });
      const refs = refsOf(audit);
      for (const id of ids) expect(refs.slice(refs.indexOf(id)).slice(0, 2)).toEqual([id, `${id} too`]);
      expect([...node.faults, ...other.faults]).toEqual([]);
      expect((await bench.keys()).filter((key) => key.endsWith(':o') || key.endsWith(':x'))).toEqual([]);
      expect(await other.audit.auditCounts()).toMatchObject([
        { kind: 'decision', level: 'active', count: 90 },
      ]);
    });

    it('are in the chain once, although they are twice among those that wait', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      const outbox = await node.leave('s', [fact('one')]);
      const held = node.holdAfter(0);
      const before = node.audit.attest([fact('before')]);
      await held.reached;
      const moving = [node.audit.flush(outbox), node.audit.flush(outbox)];
      // answers come in order: both have read the outbox then
      for (let n = 0; n < 2; n += 1) await node.link.send(outbox.base, 'LLEN', `${outbox.base}:o`);

      held.release();
      await Promise.all([before, ...moving]);

      expect(refsOf(await node.audit.audit(0, 10))).toEqual(['before', 'one']);
    });

    it('that a dead node left are moved by another, although their session is gone', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.leave('s', [fact('left')]);
      await node.forget('s');
      await node.audit.before(node.base('never'), [fact('never')]);

      const early = await other.audit.sweep();
      const before = await other.audit.audit(0, 10);
      bench.advance(MINUTE_MS);
      const late = await other.audit.sweep();
      await other.audit.sweep();

      expect([early, before, late]).toEqual([0, [], 2]);
      expect(refsOf(await other.audit.audit(0, 10))).toEqual(['left']);
      expect((await bench.keys()).filter((key) => key.endsWith(':o') || key.endsWith(':x'))).toEqual([]);
    });

    it('have the time of their step', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      const outbox = await node.leave('s', [fact('one')]);
      const row = String(await node.link.send(outbox.base, 'LINDEX', `${outbox.base}:o`, '0'));
      bench.advance(MINUTE_MS);

      await node.audit.flush(outbox);

      const [one] = await node.audit.audit(0, 10);
      const { at } = JSON.parse(one?.body ?? '{}');
      expect(Date.parse(at)).toBe(Number(row.split(' ')[1]));
    });

    it('that nobody can read stop no others', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      const outbox = await node.audit.before(node.base('bad'), [fact('bad')]);
      await node.step('bad', { facts: [{ id: 'id', fact: '9 of another version' }] });
      await node.audit.flush(outbox);
      await node.leave('good', [fact('good')]);
      bench.advance(MINUTE_MS);

      const count = await node.audit.sweep();

      expect(count).toBe(1);
      expect(node.faults).toHaveLength(2);
      expect(refsOf(await node.audit.audit(0, 10))).toEqual(['good']);
    });
  });

  describe('the care of a client', () => {
    const client = 'client';
    const say = async (node: Node, sessionId: string, care: string, who = client) => {
      await node.clients.before(node.base(sessionId), 'tenant', who);
      await node.step(sessionId, { client: clientArg('tenant', { client: who, care }, plain) });
    };

    it('is what was said last, not what was announced last', async () => {
      await using bench = await open();
      const [node, other] = bench.nodes;
      await node.clients.before(node.base('slow'), 'tenant', client);
      await say(other, 'fast', 'first');
      await node.step('slow', { client: clientArg('tenant', { client, care: 'second' }, plain) });

      expect(await other.clients.care('tenant', client)).toBe('second');
    });

    it('is not told to who had the session before', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      await say(node, 's', 'of the first');
      await node.forget('s');
      await say(node, 's', 'of another', 'another');

      expect(await node.clients.care('tenant', client)).toBeNull();
      expect(await node.clients.care('tenant', 'another')).toBe('of another');
    });

    it('is found behind many sessions that say nothing, which are forgotten after a minute', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      await say(node, 's', 'said');
      bench.advance(10 * MINUTE_MS);
      for (let n = 0; n < 40; n += 1) await node.clients.before(node.base(`silent ${n}`), 'tenant', client);

      const early = await node.clients.care('tenant', client);
      const [index = ''] = await bench.keys().then((keys) => keys.filter((key) => key.startsWith('{c:')));
      const key = `${node.link.prefix}:${index}`;
      const before = await node.link.send(key, 'ZCARD', key);
      bench.advance(MINUTE_MS);
      const late = await node.clients.care('tenant', client);

      expect([early, late]).toEqual(['said', 'said']);
      expect(before).toBe(41);
      expect(await node.link.send(key, 'ZCARD', key)).toBe(1);
    });

    it('leaves no trace of a session that was taken away', async () => {
      await using bench = await open();
      const [node] = bench.nodes;
      await say(node, 's', 'said');
      const base = node.base('s');
      const stored = String(await node.link.send(base, 'HGET', `${base}:s`, 'client'));
      await node.forget('s');

      await node.clients.removed(base, stored, plain);

      expect(await bench.keys()).toEqual([]);
    });
  });
});

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
