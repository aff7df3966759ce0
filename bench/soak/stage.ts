// What a run goes on at: real servers on a file or on Redis, a model that fails, and ways to all of them that can be cut.
import { Door } from '../../test/chaos/doors.ts';
import { Journal } from '../../test/chaos/journal.ts';
import { reply } from '../../test/chaos/words.ts';
import { preloadCountedMemory } from '../../test/support/memory.ts';
import { openNodes } from '../../test/support/node-cluster.ts';
import type { Nodes } from '../../test/support/node-cluster.ts';
import type { RedisFiles } from '../../test/support/redis-files.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import type { RedisProcess } from '../../test/support/redis-server.ts';
import { startTcpProxy } from '../../test/support/tcp-proxy.ts';

export const OPERATOR_KEY = 'operator-key-of-a-run-0123456789abcdef';
export const LEASE_MS = 1_500;

/** One node that keeps a file; or two on one Redis, of which the second is killed now and then. */
export const setUps = ['sqlite', 'redis'] as const;
export type SetUp = (typeof setUps)[number];

export interface Stage extends AsyncDisposable {
  readonly setUp: SetUp;
  readonly nodes: Nodes;
  /** To each node. */
  readonly doors: readonly Door[];
  readonly redis: RedisProcess | undefined;
  readonly journal: Journal;
}

/** A leak that is built into the servers, as `leak-preload.ts` names it. */
function leaking(leak: string): Record<string, string> {
  const url = new URL('./leak-preload.ts', import.meta.url).href;
  return { NODE_OPTIONS: `${preloadCountedMemory.NODE_OPTIONS} --import ${url}`, SOAK_LEAK: leak };
}

export async function openStage(
  setUp: SetUp,
  { redisFiles, leak }: { redisFiles?: RedisFiles; leak?: string },
): Promise<Stage> {
  await using resources = new AsyncDisposableStack();
  const env = {
    LEASE_MS: String(LEASE_MS),
    OLLAMA_SLOTS: '4',
    OLLAMA_STALL_MS: '1000',
    OLLAMA_FIRST_TOKEN_MS: '1000',
    // a look at the model opens something, so it is to be rare
    OLLAMA_CHECK_MS: '1000',
    // long after all is compared, and within a long run
    COMPACT_AFTER_MS: '600000',
    // so that nothing of an alert outlasts its round
    ACK_IMMEDIATE_MS: '1000',
    ACK_URGENT_MS: '1000',
    DRAIN_MS: '400',
    OPERATOR_KEY,
    ...preloadCountedMemory,
    ...(leak !== undefined && leaking(leak)),
  };
  const redis = setUp === 'redis' ? await startRedis(redisFiles && { files: redisFiles }) : undefined;
  const common = { env, fake: { behaviour: { reply } }, isEncrypted: true };
  const nodes = resources.use(
    await openNodes(redis ? { ...common, redis, count: 2, proxied: true } : { ...common, count: 1 }),
  );
  const doors: Door[] = [];
  for (const node of nodes.all) {
    const target = Number(new URL(node.url).port);
    doors.push(new Door(node, resources.use(await startTcpProxy({ target }))));
  }
  const owned = resources.move();
  const journal = new Journal();
  return { setUp, nodes, doors, redis, journal, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
