import type { Express, RequestHandler } from 'express';
import type { Health } from '../contract/types.ts';
import { nextSpeaker } from '../model/model.ts';
import type { Speakers } from '../model/model.ts';
import type { Retrieval } from '../retrieval/retrieval.ts';
import type { Store } from '../store/store.ts';

/** What is asked of a store: whether it can store something now. */
export type StoreLook = Pick<Store, 'name' | 'healthy'>;

/** However many ask at a time, the store writes once for them. */
export function oneLook(store: StoreLook): StoreLook {
  let looking: Promise<boolean> | undefined;
  const healthy = () => {
    looking ??= store.healthy().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  return { name: store.name, healthy };
}

export interface HealthParts {
  store: StoreLook;
  speakers: Speakers;
  retrieval: Retrieval;
}

/** Who would answer the next turn, and why it is not the model. */
export function readSpeaker(speakers: Speakers): Health['model'] {
  const next = nextSpeaker(speakers);
  const state = speakers.model.state();
  const said = { source: next.source, name: next.name };
  if (state.phase === 'pulling') return { ...said, reason: 'The model is being fetched' };
  return state.phase === 'unavailable' ? { ...said, reason: state.reason } : said;
}

/** `healthy` while people are served with safety working; the built-in guide counts. */
export async function readHealth({ store, speakers, retrieval }: HealthParts): Promise<Health> {
  const isStored = await store.healthy();
  const { phase } = nextSpeaker(speakers).state();
  const isServed = isStored && phase !== 'unavailable' && phase !== 'pulling';
  return {
    status: isServed ? 'healthy' : 'unhealthy',
    timestamp: new Date().toISOString(),
    services: {
      ollama: speakers.model.needsSlot && speakers.model.connected() ? 'connected' : 'disconnected',
      rag: retrieval.state(),
      state_machine: 'loaded',
      redis: redisOf(store, isStored),
      store: isStored ? 'healthy' : 'unhealthy',
    },
    model: readSpeaker(speakers),
  };
}

function redisOf(store: StoreLook, isStored: boolean): Health['services']['redis'] {
  if (store.name !== 'redis') return 'not_configured';
  return isStored ? 'healthy' : 'unhealthy';
}

/** What an orchestrator asks: alive at all, and ready for more; with it, by which rules. [US-10] */
export function mountProbes(
  app: Express,
  isReady: () => Promise<boolean>,
  rules: object,
  others: (methods: string[]) => RequestHandler,
): void {
  app.get('/livez', (_req, res) => void res.json({ status: 'ok' }));
  app.get('/readyz', async (_req, res) => {
    const ready = await isReady();
    res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'unavailable', ...rules });
  });
  for (const path of ['/livez', '/readyz']) app.all(path, others(['GET', 'HEAD']));
}
