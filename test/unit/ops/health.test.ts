// What the server says of its own health, and what its probes answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountProbes, readHealth, readSpeaker } from '../../../src/ops/health.ts';
import type { ModelState } from '../../../src/model/model.ts';
import { noRetrieval } from '../../../src/retrieval/retrieval.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { Store } from '../../../src/store/store.ts';
import { onlyThese } from '../../../src/transport/rest.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { rest } from '../../support/rest.ts';
import { ScriptedModel } from '../../support/scripted-model.ts';

const guide = () => new ScriptedModel({ source: 'guide' });

let store: Store;
beforeEach(async () => {
  store = await openSqlite({ directory: ':memory:' });
});
afterEach(() => store[Symbol.asyncDispose]());

describe('who answers', () => {
  const ollama = { source: 'ollama', name: 'scripted' };
  const builtIn = { source: 'guide', name: 'built-in' };
  const rows: { state: ModelState; alone: object; withGuide: object }[] = [
    { state: { phase: 'ready' }, alone: ollama, withGuide: ollama },
    { state: { phase: 'loading' }, alone: ollama, withGuide: ollama },
    {
      state: { phase: 'pulling', completed: 1, total: 2 },
      alone: { ...ollama, reason: 'The model is being fetched' },
      withGuide: { ...builtIn, reason: 'The model is being fetched' },
    },
    {
      state: { phase: 'unavailable', reason: 'Nobody is there' },
      alone: { ...ollama, reason: 'Nobody is there' },
      withGuide: { ...builtIn, reason: 'Nobody is there' },
    },
  ];
  test.for(rows)(
    'is told, with the reason, for a model that is $state.phase',
    ({ state, alone, withGuide }) => {
      const model = new ScriptedModel({ state });

      expect(readSpeaker({ model, fallback: null })).toEqual(alone);
      expect(readSpeaker({ model, fallback: guide() })).toEqual(withGuide);
    },
  );
});

describe('the health', () => {
  const read = (model: ScriptedModel, fallback: ScriptedModel | null = null) =>
    readHealth({ store, speakers: { model, fallback }, retrieval: noRetrieval });

  test('names every service, the ones that are not built yet by their neutral values', async () => {
    expect(await read(new ScriptedModel())).toMatchObject({
      status: 'healthy',
      services: {
        ollama: 'connected',
        rag: 'not_found',
        state_machine: 'loaded',
        redis: 'not_configured',
        store: 'healthy',
      },
      model: { source: 'ollama', name: 'scripted' },
    });
  });

  const away: ModelState[] = [{ phase: 'unavailable', reason: 'Nobody is there' }, { phase: 'pulling' }];
  test.for(away)('is good where the guide answers for a model that is $phase', async (state) => {
    expect((await read(new ScriptedModel({ state }), guide())).status).toBe('healthy');
  });

  test.for(away)('is bad where nobody answers for a model that is $phase', async (state) => {
    expect((await read(new ScriptedModel({ state }))).status).toBe('unhealthy');
  });

  test('is good while the model loads: the first answer just takes longer', async () => {
    expect((await read(new ScriptedModel({ state: { phase: 'loading' } }))).status).toBe('healthy');
  });

  test('does not take the guide for an Ollama', async () => {
    const { status, services } = await read(guide());

    expect({ status, ollama: services.ollama }).toEqual({ status: 'healthy', ollama: 'disconnected' });
  });

  test('tells an Ollama that does not answer', async () => {
    const model = new ScriptedModel({ state: { phase: 'unavailable', reason: 'Nobody is there' } });

    expect((await read(model, guide())).services.ollama).toBe('disconnected');
  });

  test('is bad when nothing can be stored', async () => {
    store = faultyStore(store, { healthy: async () => false });

    expect(await read(new ScriptedModel())).toMatchObject({
      status: 'unhealthy',
      services: { store: 'unhealthy' },
    });
  });
});

describe('a probe', () => {
  async function serve(isReady: boolean) {
    const app = express();
    mountProbes(app, async () => isReady, { detector: 'hash' }, onlyThese);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    return {
      ask: (line: string) => rest(url, line),
      async [Symbol.asyncDispose]() {
        server.close();
        await once(server, 'close');
      },
    };
  }

  test('/livez is answered while the process lives, whatever else is wrong', async () => {
    await using server = await serve(false);

    expect(await server.ask('GET /livez')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test.each([
    { isReady: true, status: 200, word: 'ok' },
    { isReady: false, status: 503, word: 'unavailable' },
  ])('/readyz is $status where ready is $isReady', async ({ isReady, status, word }) => {
    await using server = await serve(isReady);

    expect(await server.ask('GET /readyz')).toMatchObject({ status, body: { status: word } });
  });

  test.each(['/livez', '/readyz'])('%s tells what it may be asked', async (path) => {
    await using server = await serve(true);

    expect(await server.ask(`OPTIONS ${path}`)).toMatchObject({
      status: 204,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
  });
});
