import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../../src/store/escalation.ts';
import { CHAIN_START, nextRecord, verifyAudit } from '../../../src/store/audit-chain.ts';
import { fact } from '../../conformance/store-bench.ts';

/** A chain of that many records. */
function chain(count: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let n = 1; n <= count; n += 1) {
    const end = records.at(-1) ?? { n: 0, hash: CHAIN_START };
    records.push(nextRecord(end, Date.UTC(2025, 0, n), fact(`ref ${n}`)));
  }
  return records;
}

/** A chain of five in which a record is something else. */
function changed(n: number, change: (record: AuditRecord) => Partial<AuditRecord>): AuditRecord[] {
  return chain(5).map((record) => (record.n === n ? { ...record, ...change(record) } : record));
}

/** A chain of five without a record, in which those behind it moved up. */
function closed(gone: number): AuditRecord[] {
  const left = chain(5).filter(({ n }) => n !== gone);
  return left.map((record, index) => ({ ...record, n: index + 1 }));
}

const pagesOf = (records: AuditRecord[], size: number) =>
  Array.from({ length: Math.ceil(records.length / size) }, (_, i) => records.slice(i * size, (i + 1) * size));

describe('a record', () => {
  it('has the exact text that was hashed, its own fields first', () => {
    const [one] = chain(1);

    expect(one).toEqual({
      n: 1,
      body: '{"n":1,"at":"2025-01-01T00:00:00.000Z","kind":"decision","ref":"ref 1","level":"active","reason_codes":["self_harm"]}',
      hash: 'd9888d341139db57e39a0829001936e58e34bf76b2ac5d18fc4f553f8c1390f6',
    });
  });

  it('has another hash behind another chain', () => {
    const [one, other] = ['0', '1'].map((digit) =>
      nextRecord({ n: 0, hash: digit.repeat(64) }, 0, fact('same')),
    );

    expect(one?.body).toBe(other?.body);
    expect(one?.hash).not.toBe(other?.hash);
  });
});

describe('a walk', () => {
  it.each([1, 2, 5, 9])('holds for a chain as it was written, in pages of %i', (size) => {
    const records = chain(5);

    expect(verifyAudit(pagesOf(records, size))).toEqual({
      holds: true,
      count: 5,
      head: records[4]?.hash,
      hasNoted: true,
    });
  });

  it('holds for an audit without a record', () => {
    expect(verifyAudit([[]])).toEqual({ holds: true, count: 0, head: CHAIN_START, hasNoted: true });
  });

  it.each<[what: string, records: AuditRecord[], n: number, fault: string]>([
    ['a changed body', changed(3, ({ body }) => ({ body: body.replace('active', 'none') })), 3, 'changed'],
    ['a body with one more space', changed(3, ({ body }) => ({ body: `${body} ` })), 3, 'changed'],
    ['a body that is no JSON', changed(3, () => ({ body: 'erased' })), 3, 'changed'],
    ['a body without a number', changed(3, () => ({ body: 'null' })), 3, 'changed'],
    ['a changed hash', changed(2, () => ({ hash: 'f'.repeat(64) })), 2, 'changed'],
    ['a changed hash at the end', changed(5, () => ({ hash: CHAIN_START })), 5, 'changed'],
    ['a removed record', chain(5).filter(({ n }) => n !== 3), 3, 'missing'],
    ['a removed first record', chain(5).slice(1), 1, 'missing'],
    ['a gap that was closed', closed(3), 3, 'out of order'],
    [
      'two swapped records',
      [1, 3, 2, 4, 5].map((n) => chain(5)[n - 1]).flatMap((r) => r ?? []),
      2,
      'missing',
    ],
    ['two records with swapped contents', changed(2, () => ({ ...chain(5)[2], n: 2 })), 2, 'out of order'],
    ['a record that comes twice', [1, 2, 2, 3].flatMap((n) => chain(5)[n - 1] ?? []), 2, 'out of order'],
  ])('stops at %s', (_, records, n, fault) => {
    expect(verifyAudit(pagesOf(records, 2))).toEqual({ holds: false, n, fault });
  });

  it('stops at a record that was written anew, at the one behind it', () => {
    const [one, ...others] = chain(5);
    const forged = nextRecord({ n: 0, hash: CHAIN_START }, 0, fact('forged'));

    expect(verifyAudit([[forged, ...others]])).toEqual({ holds: false, n: 2, fault: 'changed' });
    expect(one?.hash).not.toBe(forged.hash);
  });

  it('sees a cut-off end by a head that was noted before', () => {
    const records = chain(5);
    const noted = records[4]?.hash ?? '';

    expect(verifyAudit([records.slice(0, 4)])).toMatchObject({ holds: true, count: 4 });
    expect(verifyAudit([records.slice(0, 4)], noted)).toMatchObject({ holds: true, hasNoted: false });
    expect(verifyAudit([[]], noted)).toMatchObject({ holds: true, hasNoted: false });
  });

  it('finds a head that was noted before among the records that followed', () => {
    const records = chain(5);

    expect(verifyAudit([records], records[2]?.hash)).toMatchObject({ holds: true, hasNoted: true });
  });
});
