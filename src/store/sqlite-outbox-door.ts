import type { MessageRecord, OutboxStore } from './outbox.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Checkpoints } from './sqlite-checkpoints.ts';
import type { SqliteOutbox } from './sqlite-outbox.ts';
import type { Clock } from './sqlite-steps.ts';

interface Parts {
  outbox: SqliteOutbox;
  commit: GroupCommit;
  checkpoints: Checkpoints;
  clock: Clock;
  /** Reads what is committed. */
  view: <T>(look: () => T) => T;
}

/** What the embedded store shows of its outbox. */
export function outboxDoor({ outbox, commit, checkpoints, clock, view }: Parts): OutboxStore {
  const settle: OutboxStore['settleMessage'] = async (message: MessageRecord, outcome) => {
    try {
      if (outcome === 'free') return view(() => outbox.isThere(message));
      if (outcome !== 'gone') return await commit.run(() => outbox.putOff(message, outcome.nextAt));
      const { isThere, isApart } = await commit.run(() => outbox.delete(message));
      // nothing is left of a removed session then
      if (isApart) void checkpoints.empty();
      return isThere;
    } finally {
      outbox.release(message);
    }
  };
  return {
    dueMessages: async (receiver, limit) =>
      view(() => outbox.due(receiver, clock.now(), clock.elapsed(), limit)),
    claimMessage: async (message, ms) => view(() => outbox.claim(message, clock.now(), clock.elapsed(), ms)),
    settleMessage: settle,
    trimMessages: async (receiver, limit) => {
      for (let total = 0; ;) {
        const count = await commit.run(() => outbox.trim(receiver, limit));
        total += count;
        if (count === 0) return total;
      }
    },
    waitingReceivers: async () => view(() => outbox.receivers()),
  };
}
