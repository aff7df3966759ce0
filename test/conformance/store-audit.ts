import { expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import { verifyAudit } from '../../src/store/audit-chain.ts';
import { admit, ending, fact, input, newSession, spoken, wholeAudit } from './store-bench.ts';

const YEAR_MS = 366 * 24 * 3_600_000;

/** The facts as they were written down. */
async function facts(store: Store): Promise<unknown[]> {
  return (await wholeAudit(store)).map(({ body }): unknown => JSON.parse(body));
}

export function auditCases(open: OpenStore): void {
  it('is empty at first', async () => {
    await using bench = await open();

    expect(await bench.store.audit(0, 10)).toEqual([]);
    expect(await bench.store.auditCounts()).toEqual([]);
  });

  it('numbers facts from 1 in the order they come, with their time and what they say', async () => {
    await using bench = await open();
    const { store } = bench;
    const data = { turn_id: 'turn', model_called: false, tries: 2, template: null, codes: ['a', 'ü\u2028'] };

    await store.attest([fact('one', { data }), fact('two', { kind: 'guard', level: 'none', data: {} })]);
    await bench.advance(1000);
    await store.attest([fact('three', { data: {} })]);

    const [one, two, three] = await facts(store);
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(one).toEqual({ n: 1, at, kind: 'decision', ref: 'one', level: 'active', ...data });
    expect(two).toEqual({ n: 2, at, kind: 'guard', ref: 'two', level: 'none' });
    expect(three).toEqual({ n: 3, at, kind: 'decision', ref: 'three', level: 'active' });
    expect((await wholeAudit(store)).map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  it('lets no fact say another number, time, kind, name or level than its own', async () => {
    await using bench = await open();
    const data = { n: 9, at: 'never', kind: 'other', ref: 'x', level: 'none', __proto__x: 1 };

    await bench.store.attest([fact('mine', { data })]);

    const [body] = (await wholeAudit(bench.store)).map(({ body }) => body);
    expect(body).toMatch(
      /^\{"n":1,"at":"\d{4}-[^"]+Z","kind":"decision","ref":"mine","level":"active","__proto__x":1\}$/,
    );
  });

  it('gives pages of what follows a number', async () => {
    await using bench = await open();
    await bench.store.attest(Array.from({ length: 7 }, (_, index) => fact(String(index))));

    const pages = await Promise.all([0, 3, 6, 7].map((after) => bench.store.audit(after, 3)));

    expect(pages.map((page) => page.map(({ n }) => n))).toEqual([[1, 2, 3], [4, 5, 6], [7], []]);
  });

  it('is one chain of all sessions, whoever writes at the same time', async () => {
    await using bench = await open();
    const { store } = bench;
    const ids = Array.from({ length: 50 }, (_, index) => String(index));

    const admitted = await Promise.all(
      ids.map((id) => store.admit(input(id, 'turn', { audit: [fact(id), fact(`${id} too`)] }))),
    );
    await Promise.all(
      ids.flatMap((id) => [
        store.finish(
          { ...newSession(id), turnId: 'turn', generation: 1 },
          { ...ending('turn', ''), audit: [fact(id)] },
        ),
        store.note(newSession(id), [], {}, { audit: [fact(id)] }),
        store.attest([fact(id)]),
      ]),
    );

    expect(admitted.every(({ kind }) => kind === 'admitted')).toBe(true);
    const audit = await wholeAudit(store);
    expect(audit).toHaveLength(250);
    expect(verifyAudit([audit])).toMatchObject({ holds: true, count: 250, head: audit.at(-1)?.hash });
    for (const id of ids) {
      const at = audit.findIndex(({ body }) => body.includes(`"ref":"${id}"`));
      expect(audit[at + 1]?.body).toContain(`"ref":"${id} too"`);
    }
  });

  it('[S-6] keeps all facts of a removed session, and adds what its removal says', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'gone', 'turn', { audit: [fact('gone')] });
    const before = await wholeAudit(store);

    const audit = [fact('gone', { kind: 'removed', level: 'none', data: {} })];
    await store.remove(newSession('gone'), { audit });
    const again = await store.remove(newSession('gone'), { audit: [fact('again')] });

    expect(again).toBe(false);
    expect((await wholeAudit(store)).slice(0, 1)).toEqual(before);
    expect((await facts(store)).slice(1)).toMatchObject([{ n: 2, kind: 'removed', ref: 'gone' }]);
  });

  it('stays as it is where nothing is said', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'silent', 'turn', ['a']);

    await store.note(lease, [], {}, { audit: [] });
    await store.attest([]);
    await store.remove(lease);

    expect(await wholeAudit(store)).toEqual([]);
  });

  it('counts facts by year, kind and level', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.attest([fact('a'), fact('b'), fact('c', { level: 'plan' }), fact('d', { kind: 'guard' })]);
    const year = (await store.auditCounts())[0]?.year ?? 0;
    await bench.advance(YEAR_MS);
    await store.attest([fact('e')]);

    const counts = await store.auditCounts();

    expect(new Set(counts)).toEqual(
      new Set([
        { year, kind: 'decision', level: 'active', count: 2 },
        { year, kind: 'decision', level: 'plan', count: 1 },
        { year, kind: 'guard', level: 'active', count: 1 },
        { year: year + 1, kind: 'decision', level: 'active', count: 1 },
      ]),
    );
    expect(counts).toHaveLength(4);
  });
}

export function auditRestartCases(open: OpenStore): void {
  it('goes on with the same chain after a restart', async () => {
    await using bench = await open();
    await bench.store.attest([fact('one'), fact('two')]);
    const before = await wholeAudit(bench.store);

    const after = await bench.restart();
    await after.attest([fact('three')]);

    const audit = await wholeAudit(after);
    expect(audit.slice(0, 2)).toEqual(before);
    expect(verifyAudit([audit], before.at(-1)?.hash)).toMatchObject({
      holds: true,
      count: 3,
      hasNoted: true,
    });
    expect(await after.auditCounts()).toMatchObject([{ kind: 'decision', level: 'active', count: 3 }]);
  });
}
