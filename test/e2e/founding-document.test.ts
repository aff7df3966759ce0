// The four curl tests of the document this project was founded on, word for word, and the shapes its integrators read.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { rest } from '../support/rest.ts';
import { tempDir } from '../support/server-process.ts';

const lines = {
  automatic: `curl -X POST http://localhost:8090/api/v1/session/create -d '{}'`,
  custom: `curl -X POST http://localhost:8090/api/v1/session/create -d '{"session_id": "my_custom_session_001"}'`,
  input: `curl -X POST http://localhost:8090/api/v1/session/my_custom_session_001/input -d '{"user_input": "I want to feel calm"}'`,
};

/** Runs a line in a shell; only the address in it is another. What curl prints besides the body comes from a `.curlrc`. */
async function run(server: GuideServer, line: string): Promise<{ status: number; body: unknown }> {
  await using home = await tempDir();
  await writeFile(
    join(home.path, '.curlrc'),
    'silent\nshow-error\nmax-time = 20\nwrite-out = "\\n%{http_code}"\n',
  );
  const command = line.replace('http://localhost:8090', server.url);
  const env = { PATH: process.env['PATH'] ?? '', CURL_HOME: home.path };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env });
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}

const timestamp = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const whole = z.int().min(0);
const progress = {
  current_substate: z.string().min(1),
  body_question_count: whole,
  completion_criteria: z.record(z.string(), z.boolean()),
};
const finding = { detected: z.boolean(), phrases_found: z.array(z.string()) };
const response = z.object({
  therapist_response: z.string().min(1),
  preprocessing: z.object({
    original_input: z.string(),
    cleaned_input: z.string(),
    corrected_input: z.string(),
    emotional_state: z.object({
      categories: z.record(z.string(), z.array(z.string())),
      intensity: z.int().min(0).max(3),
      primary_emotion: z.string(),
    }),
    input_category: z.string(),
    spelling_corrections: z.array(z.tuple([z.string(), z.string()])),
    safety_checks: z.object({
      self_harm_detected: z.object({ ...finding, severity: z.enum(['none', 'high']) }),
      thinking_mode_detected: z.object(finding),
      past_tense_detected: z.object({ ...finding, note: z.string().optional() }),
      i_dont_know_detected: z.object({ ...finding, context: z.string(), note: z.string() }),
    }),
  }),
  navigation: z.object({
    decision: z.string(),
    next_state: z.string().nullable(),
    rag_query: z.string().nullable(),
    reasoning: z.string().nullable(),
  }),
  session_progress: z.object(progress),
  timestamp,
  session_id: z.string(),
  turn_id: z.string(),
  n: z.int().min(1),
  seq: z.int().min(1),
  source: z.enum(['ollama', 'guide', 'safety']),
  model: z.string(),
  timings: z.object({ queued_ms: whole, first_token_ms: whole, total_ms: whole }),
});
const errorBody = z.strictObject({
  error: z.string(),
  code: z.string(),
  message: z.string().min(1),
  request_id: z.string().min(1),
  timestamp,
});

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

describe('the curl lines of the founding document', () => {
  // each line finds the id as free as on a fresh server
  afterEach(async () => void (await rest(server.url, 'DELETE /api/v1/session/my_custom_session_001')));

  test('[S-2] test 1: no id gives a made one', async () => {
    const { status, body } = await run(server, lines.automatic);

    expect(status).toBe(200);
    expect(body).toMatchObject({ session_id: expect.stringMatching(/^session_\d{8}_\d{6}_[0-9a-f]{8}$/) });
  });

  test('[S-1] test 2: an own id is used as it is', async () => {
    const { status, body } = await run(server, lines.custom);

    expect(status).toBe(200);
    expect(body).toMatchObject({ session_id: 'my_custom_session_001' });
  });

  test('[S-4] test 3: the same id again is a conflict that says so', async () => {
    await run(server, lines.custom);

    const { status, body } = await run(server, lines.custom);

    expect(status).toBe(409);
    expect(body).toMatchObject({
      code: 'SESSION_CONFLICT',
      message: expect.stringMatching(/Session ID 'my_custom_session_001' already exists.*leave it out/),
    });
  });

  test('test 4: an input on an own id gives a therapist response', async () => {
    await run(server, lines.custom);

    const { status, body } = await run(server, lines.input);

    expect(status).toBe(200);
    expect(response.parse(body)).toMatchObject({
      session_id: 'my_custom_session_001',
      n: 1,
      preprocessing: { original_input: 'I want to feel calm' },
    });
  });

  test('test 4 on a fresh server makes the session', async () => {
    await using fresh = await startGuide();

    const { status, body } = await run(fresh, lines.input);

    expect(status).toBe(200);
    expect(response.parse(body)).toMatchObject({ session_id: 'my_custom_session_001', n: 1 });
  });
});

describe('the bodies that clients of the older service read', () => {
  beforeAll(async () => {
    await rest(server.url, 'POST /api/v1/session/create', {
      body: { session_id: 'old', client_id: 'crm', metadata: { a: 1 } },
    });
  });

  test('create answers id, time, status and a sentence', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/session/create', { body: {} });

    expect(status).toBe(200);
    const shape = z.object({
      session_id: z.string(),
      created_at: timestamp,
      status: z.literal('active'),
      message: z.string().min(1),
    });
    expect(shape.safeParse(body).error).toBeUndefined();
  });

  test('the route with the id in the body answers as the one with the id in the path', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/input', {
      body: { session_id: 'by-body', user_input: 'I feel stuck' },
    });

    expect(status).toBe(200);
    expect(response.parse(body)).toMatchObject({ session_id: 'by-body' });
  });

  test('status has every documented field, none of them null', async () => {
    const { status, body } = await rest(server.url, 'GET /api/v1/session/old/status');

    expect(status).toBe(200);
    const shape = z.object({
      session_id: z.literal('old'),
      status: z.enum(['active', 'completed']),
      ...progress,
      turn_count: whole,
      created_at: timestamp,
      last_interaction: timestamp,
    });
    expect(shape.safeParse(body).error).toBeUndefined();
  });

  test('the list has the six documented fields of every session', async () => {
    const { status, body } = await rest(server.url, 'GET /api/v1/sessions');

    expect(status).toBe(200);
    const entry = z.object({
      session_id: z.string(),
      client_id: z.string().nullable(),
      status: z.enum(['active', 'completed']),
      created_at: timestamp,
      last_interaction: timestamp,
      turn_count: whole,
      current_substate: z.string(),
      storage: z.string(),
    });
    const list = z.object({ total_sessions: whole, sessions: z.array(entry).min(1), timestamp }).parse(body);
    expect(list.total_sessions).toBe(list.sessions.length);
    expect(list.sessions.find(({ session_id: id }) => id === 'old')).toMatchObject({ client_id: 'crm' });
  });

  test('delete answers a sentence that names the id, and a time', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'to delete' } });

    const { status, body } = await rest(server.url, 'DELETE /api/v1/session/to%20delete');

    expect(status).toBe(200);
    const shape = z.strictObject({ message: z.string().regex(/'to delete'/), timestamp });
    expect(shape.safeParse(body).error).toBeUndefined();
  });

  test('health is healthy without Redis and without Ollama, since the built-in guide counts', async () => {
    const { status, body } = await rest(server.url, 'GET /health');

    expect(status).toBe(200);
    const shape = z.object({
      status: z.literal('healthy'),
      timestamp,
      services: z.object({
        ollama: z.enum(['connected', 'disconnected']),
        rag: z.enum(['ready', 'not_found']),
        state_machine: z.enum(['loaded', 'not_found']),
        redis: z.literal('not_configured'),
        store: z.string(),
      }),
      model: z.object({ source: z.literal('guide'), name: z.string(), reason: z.string().optional() }),
    });
    expect(shape.safeParse(body).error).toBeUndefined();
  });

  test('an unknown session is a 404 with error, message and time', async () => {
    const { status, body } = await rest(server.url, 'GET /api/v1/session/nobody/status');

    expect(status).toBe(404);
    expect(errorBody.parse(body)).toMatchObject({ error: 'SessionNotFound', code: 'SESSION_NOT_FOUND' });
  });

  test('a validation error lists every fault in the shape of the older service', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/input', { body: { user_input: 7 } });

    expect(status).toBe(422);
    const shape = errorBody.extend({
      detail: z.array(
        z.strictObject({
          loc: z.array(z.union([z.string(), z.number()])),
          msg: z.string(),
          type: z.string(),
        }),
      ),
    });
    expect(shape.parse(body)).toMatchObject({
      error: 'ValidationFailed',
      detail: [
        { loc: ['body', 'session_id'], type: 'missing' },
        { loc: ['body', 'user_input'], type: 'string_type' },
      ],
    });
  });

  test('an unknown route and a wrong method have the same body as every other error', async () => {
    const unknown = await rest(server.url, 'GET /api/v1/nothing');
    const wrong = await rest(server.url, 'PUT /api/v1/sessions');

    expect([unknown.status, wrong.status]).toEqual([404, 405]);
    expect(errorBody.parse(unknown.body)).toMatchObject({ code: 'NOT_FOUND' });
    expect(errorBody.parse(wrong.body)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    expect(wrong.headers.allow).toBe('GET, HEAD, OPTIONS');
  });
});
