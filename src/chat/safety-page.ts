// What the server tells everybody about its safety: the protocol, and counts without anybody in them. [US-33]
import type { Output } from '../contract/types.ts';
import protocol from '../safety/content/protocol.en.json' with { type: 'json' };
import { guardRules } from '../safety/guard-version.ts';
import { everyLevel, levels } from '../safety/levels.ts';
import { allReplies } from '../safety/replies.ts';
import { reply } from '../safety/reply.ts';
import { reviewOf } from '../safety/resources.ts';
import { detector } from '../safety/rules.ts';
import type { Store } from '../store/store.ts';
import { toTime } from './wire.ts';

const nowhere = { locale: null, country: null };

const pageLevels = everyLevel.map((level) => ({
  level,
  mode: levels[level].mode,
  reply: reply({ level }, nowhere)?.text ?? '',
}));

export async function safetyPage(store: Store, now: number): Promise<Output<'server:safety'>> {
  return {
    protocol: protocol.lines,
    detector,
    guard: guardRules,
    levels: pageLevels,
    languages: [...allReplies.keys()],
    resources: reviewOf(now),
    counts: await store.auditCounts(),
    timestamp: toTime(now),
  };
}
