// Messages for receivers outside: written with the step they tell of or not at all, and due in its order.
import { expect, it } from 'vitest';
import type { MessageRecord, NewMessage } from '../../src/store/outbox.ts';
import type { Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import { admit, done, ending, fact, input, newSession } from './store-bench.ts';
import { waits } from './store-escalation.ts';

export const message = (messageId: string, receiver = 'r'): NewMessage => ({
  messageId,
  receiver,
  body: `{"id":"${messageId}","z":"\u2028 ü"}`,
});

/** What is due, by id. */
const due = async ({ outbox }: Store, receiver = 'r') =>
  (await outbox.dueMessages(receiver, 100)).map(({ messageId }) => messageId);

/** Delivers what is due until nothing is; answers the ids in the order of their delivery. */
export async function deliver({ outbox }: Store, receiver = 'r'): Promise<string[]> {
  const delivered: string[] = [];
  for (;;) {
    const messages = await outbox.dueMessages(receiver, 100);
    if (messages.length === 0) return delivered;
    for (const one of messages) {
      if (!(await outbox.claimMessage(one, 10_000))) throw new Error('not claimed');
      await outbox.settleMessage(one, 'gone');
      delivered.push(one.messageId);
    }
  }
}

async function first({ outbox }: Store, receiver = 'r'): Promise<MessageRecord> {
  const [head] = await outbox.dueMessages(receiver, 1);
  if (!head) throw new Error('nothing is due');
  return head;
}

const make = (store: Store, sessionId: string, outbox: NewMessage[], createKey: string | null = null) =>
  store.create({ session: newSession(sessionId), createKey, idGiven: true, outbox });

export function outboxCases(open: OpenStore): void {
  it('has what each step told, in the order of the steps', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await make(store, 'told', [message('created')]);

    const { lease } = await admit(store, 'told', 'turn', { outbox: [message('admitted')] });
    await store.finish(lease, { ...ending('turn', ''), outbox: [message('done'), message('completed')] });
    const head = await first(store);

    expect(head).toMatchObject({ ...message('created'), at: session.createdAt, tries: 0 });
    expect(await deliver(store)).toEqual(['created', 'admitted', 'done', 'completed']);
    expect(await store.outbox.waitingReceivers()).toEqual(expect.not.arrayContaining(['other']));
  });

  it('has what an answer of a person told, if a turn was ended by it', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'answered');
    const answer = () =>
      store.answer(lease, {
        entries: () => [],
        text: 'hello',
        end: ({ turnId }) => done(turnId, 'hello'),
        outbox: ({ turnId }) => [message(`done ${turnId}`)],
      });

    await answer();
    await answer();

    expect(await deliver(store)).toEqual(['done turn']);
  });

  it('has nothing of a step that was not taken', async () => {
    await using bench = await open();
    const { store } = bench;
    await make(store, 'made', [message('one')], 'key');
    const { lease } = await admit(store, 'made', 'turn', { inputId: 'input' });
    await deliver(store);
    const outbox = [message('never')];

    const again = await make(store, 'made', outbox, 'key');
    await expect(make(store, 'made', outbox)).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
    const repeat = await store.admit(input('made', 'turn-2', { inputId: 'input', outbox }));
    const stale = await store.admit(input('made', 'turn-2', { outbox, interrupt: true }));
    await expect(store.admit(input('made', 'turn-2', { outbox }))).rejects.toMatchObject({
      code: 'TURN_IN_PROGRESS',
    });
    await store.finish(lease, ending('turn', ''));
    const late = await store.finish(lease, { ...ending('turn', ''), outbox });
    const kept = await store.remove(lease, { outbox, idleSince: 1 });
    const gone = await store.remove({ ...lease, epoch: 'other' }, { outbox });

    expect([again.created, repeat.kind, stale.kind, late, kept, gone]).toEqual([
      false,
      'duplicate',
      'stale',
      'fenced',
      false,
      false,
    ]);
    expect(await due(store)).toEqual([]);
  });

  it('tells of one creation alone among concurrent ones', async () => {
    await using bench = await open();
    const names = Array.from({ length: 8 }, (_, index) => `race ${index}`);

    await Promise.all(
      names.map((name) =>
        bench.store.create({
          session: newSession(name),
          createKey: 'key',
          idGiven: false,
          outbox: [message(name)],
        }),
      ),
    );

    const delivered = await deliver(bench.store);
    const { sessions } = await bench.store.list('tenant', null, null, 10);
    expect(delivered).toEqual(sessions.map(({ sessionId }) => sessionId));
    expect(delivered).toHaveLength(1);
  });

  it('keeps one order for each session and receiver, and lets no other wait for it', async () => {
    await using bench = await open();
    const { store } = bench;
    await make(store, 'a', [message('a1'), message('a1 of s', 's'), message('a2')]);
    const head = await first(store);
    await make(store, 'b', [message('b1')]);

    await store.outbox.claimMessage(head, 10_000);
    const meanwhile = [await due(store), await due(store, 's')];
    await store.outbox.settleMessage(head, { nextAt: head.at + 5000 });
    const putOff = await deliver(store);
    await bench.advance(5000);
    const again = await first(store);

    expect(meanwhile).toEqual([['b1'], ['a1 of s']]);
    expect(putOff).toEqual(['b1']);
    expect(again).toEqual({ ...head, tries: 1 });
    expect(await deliver(store)).toEqual(['a1', 'a2']);
    expect(await deliver(store, 's')).toEqual(['a1 of s']);
  });

  it('lets one caller see to a message at a time, until it is settled or the time is over', async () => {
    await using bench = await open();
    const { outbox } = bench.store;
    await make(bench.store, 'claimed', [message('one'), message('two')]);
    const head = await first(bench.store);

    const claims = await Promise.all(Array.from({ length: 5 }, () => outbox.claimMessage(head, 10_000)));
    const isHeld = await outbox.claimMessage(head, 10_000);
    await bench.advance(10_000);
    const over = await outbox.claimMessage(head, 10_000);
    const free = await outbox.settleMessage(head, 'free');
    const freed = await outbox.claimMessage(head, 10_000);
    await outbox.settleMessage(head, 'gone');

    expect(claims.filter(Boolean)).toHaveLength(1);
    expect([isHeld, over, free, freed]).toEqual([false, true, true, true]);
    expect(await outbox.claimMessage(head, 10_000)).toBe(false);
    expect(await outbox.settleMessage(head, 'gone')).toBe(false);
    expect(await due(bench.store)).toEqual(['two']);
  });

  it('claims nothing that was put off meanwhile', async () => {
    await using bench = await open();
    const { outbox } = bench.store;
    await make(bench.store, 'put off', [message('one')]);
    const head = await first(bench.store);

    await outbox.claimMessage(head, 10_000);
    await outbox.settleMessage(head, { nextAt: head.at + 60_000 });

    expect(await outbox.claimMessage(head, 10_000)).toBe(false);
  });

  it('[S-6] loses what it has of a session with it, but for what tells of its end', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await make(store, 'gone', [message('created'), message('created of s', 's')]);
    const head = await first(store);
    await make(store, 'stays', [message('stays')]);
    await store.outbox.claimMessage(head, 10_000);
    await store.outbox.settleMessage(head, { nextAt: head.at + 60_000 });

    await store.remove(session, { audit: [fact('ref')], outbox: [message('deleted')] });
    const next = newSession('gone', { epoch: 'epoch-2' });
    await store.create({ session: next, createKey: null, idGiven: true, outbox: [message('next')] });

    expect((await deliver(store)).sort()).toEqual(['deleted', 'next', 'stays'].sort());
    expect(await due(store, 's')).toEqual([]);
  });

  it('[S-6] tells of an end only after what is being delivered of the session', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await make(store, 'gone', [message('created')]);
    const head = await first(store);
    await store.outbox.claimMessage(head, 10_000);

    await store.remove(session, { outbox: [message('deleted')] });
    const meanwhile = await due(store);
    const isThere = await store.outbox.settleMessage(head, 'gone');

    expect(meanwhile).toEqual([]);
    expect(isThere).toBe(false);
    expect(await deliver(store)).toEqual(['deleted']);
  });

  it('drops the oldest of too many, and all of a receiver that is gone', async () => {
    await using bench = await open();
    const { store } = bench;
    const { outbox } = store;
    for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) {
      await bench.advance(1000);
      await make(store, name, [message(`${at}`), message(`${at}+`), message(`${at} of s`, 's')]);
    }

    const over = await outbox.trimMessages('r', 5);
    const left = await due(store);
    const stray = await outbox.trimMessages('s', 0);

    expect([over, stray]).toEqual([3, 4]);
    expect(left.sort()).toEqual(['1+', '2', '3']);
    expect(await outbox.trimMessages('r', 5)).toBe(0);
    expect(await outbox.waitingReceivers()).toEqual(['r']);
    expect(await due(store, 's')).toEqual([]);
    expect(await deliver(store)).toHaveLength(5);
  });

  it('is never due to a receiver that it is not for', async () => {
    await using bench = await open();
    await make(bench.store, 'one', [message('one')]);

    expect(await due(bench.store, 'R')).toEqual([]);
    expect(await bench.store.outbox.trimMessages('R', 0)).toBe(0);
    expect(await due(bench.store)).toEqual(['one']);
  });
}

export function outboxRestartCases(open: OpenStore): void {
  it('has its messages after a restart, also those of sessions that are gone', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await make(store, 'kept', [message('kept'), message('then')]);
    const other = await make(store, 'gone', [message('lost')]);
    await store.remove(other.session, { outbox: [message('deleted')] });
    const claimed = (await store.outbox.dueMessages('r', 9)).find(({ messageId }) => messageId === 'kept');
    if (!claimed) throw new Error('nothing is due');
    await store.outbox.claimMessage(claimed, 5000);

    const after = await bench.restart();

    await bench.advance(5000);
    expect(await after.outbox.dueMessages('r', 9)).toContainEqual(claimed);
    expect((await deliver(after)).sort()).toEqual(['deleted', 'kept', 'then']);
    expect(await after.session(session)).toBeDefined();
  });
}
