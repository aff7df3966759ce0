// What people behind the server can do, and what everybody may read of its safety.
import { z } from 'zod';
import * as m from './model.ts';
import { operation, route } from './operation.ts';

export const Urgency = z.enum(['notice', 'urgent', 'immediate']);
export const AlertStatus = z.enum(['open', 'acknowledged', 'taken_over', 'cleared']);
const AlertView = z
  .object({
    alert_id: z.string(),
    session_id: m.SessionId,
    epoch: z.string(),
    time: m.Timestamp,
    level: m.SafetyLevel,
    urgency: Urgency,
    requires_ack: z.boolean(),
    status: AlertStatus,
    actor: z.string().nullable(),
    status_at: m.Timestamp.nullable(),
    delivery: z.enum(['off', 'pending', 'sent', 'dead']),
    tries: z.int().min(0),
    unanswered: z.boolean().meta({ description: 'Whether nobody acknowledged it in time' }),
  })
  .meta({ id: 'Alert', description: 'A call for a person' });

const ofAlert = { alert_id: m.Text.min(1) };
const actor = m.Text.min(1).max(200).meta({ description: 'Who does it: a name of the operator\u2019s own' });
const answer = AlertView;
/** Most characters of a notice to everybody. */
const NOTICE_MAX = 2_000;
const errors = ['NOT_FOUND'] as const;
const step = (name: string) => [route(`POST /api/v1/operator/alerts/:alert_id/${name}`)];

const NodeView = z
  .object({
    node: z.string().meta({ description: 'Made anew at every start' }),
    version: z.string(),
    started_at: m.Timestamp,
    draining: z.boolean().meta({ description: 'It goes down: it finishes what it has' }),
    model: z.string().meta({ description: 'What its model does: a phase of `model:status`' }),
    slots: z.int().min(0).meta({
      description:
        'Turns its model works on at once, at all addresses that answer now; nodes with the same model share them',
    }),
    queued: z.int().min(0).meta({ description: 'Turns that wait for a slot of the model' }),
    running: z.int().min(0),
    followers: z.int().min(0),
    takeovers: z.object({ released: z.int().min(0), expired: z.int().min(0) }).meta({
      description:
        'Turns it took from others since its start: given up by a node that went down, or left by one that died',
    }),
    handovers: z.int().min(0).meta({ description: 'Turns it gave up itself' }),
    sessions_total: z.int().min(0),
    sessions: z
      .array(
        z.object({
          name: z.string().meta({ description: 'The same on every node; nobody finds the session from it' }),
          followers: z.int().min(0),
          turn: z
            .object({
              n: z.int().min(1),
              phase: m.Phase,
              position: z.int().min(1).nullable(),
              since_ms: z.int().min(0),
            })
            .nullable(),
        }),
      )
      .meta({ description: 'At most 200, those with a live turn first' }),
  })
  .meta({ id: 'NodeView', description: 'What one node does now' });

/** All but the last need the operator key; without one set there are none of them. [US-42] */
export const operatorOperations = {
  'operator:alerts': operation({
    summary: 'Alerts, the latest first; needs the operator key',
    needs: 'operator',
    input: z.object({
      status: AlertStatus.nullish(),
      limit: z.int().min(1).max(200).nullish().meta({ description: 'Default 50' }),
    }),
    output: z.object({ alerts: z.array(AlertView) }),
    errors,
    rest: [route('GET /api/v1/operator/alerts', { query: ['status', 'limit'] })],
    socket: false,
  }),
  'operator:alert': operation({
    summary: 'An alert with its session as it is now; needs the operator key',
    needs: 'operator',
    input: z.object(ofAlert),
    output: z.object({
      alert: AlertView,
      snapshot: m.Snapshot,
      followers: z.int().min(0).meta({
        description:
          'Sockets, event streams and waiting polls that follow the session now, on all nodes that answer',
      }),
    }),
    errors,
    rest: [route('GET /api/v1/operator/alerts/:alert_id')],
    socket: false,
  }),
  'operator:log': operation({
    summary: 'Long poll on the session of an alert; needs the operator key',
    needs: 'operator',
    input: z.object({
      ...ofAlert,
      after: m.Cursor.nullish(),
      wait: z.number().min(0).max(30).nullish(),
    }),
    output: z.union([
      z.object({ mode: z.literal('tail'), entries: z.array(m.LogEntry), cursor: m.Cursor }),
      m.Snapshot,
    ]),
    errors,
    rest: [route('GET /api/v1/operator/alerts/:alert_id/log', { reply: 'poll', query: ['after', 'wait'] })],
    socket: false,
  }),
  'operator:acknowledge': operation({
    summary: 'Say that somebody has seen an alert; needs the operator key',
    needs: 'operator',
    input: z.object({ ...ofAlert, actor }),
    output: answer,
    errors,
    rest: step('acknowledge'),
    socket: false,
  }),
  'operator:take_over': operation({
    summary: 'A person answers in the session instead of the guide; needs the operator key',
    needs: 'operator',
    input: z.object({
      ...ofAlert,
      actor,
      name: m.Text.min(1)
        .max(200)
        .nullish()
        .meta({ description: 'How the person is shown; default: the actor' }),
      minutes: z
        .int()
        .min(1)
        .max(1440)
        .nullish()
        .meta({ description: 'For how long; default 30. Again renews it' }),
    }),
    output: answer,
    errors,
    rest: step('take_over'),
    socket: false,
  }),
  'operator:message': operation({
    summary: 'Say something in a session that was taken over; needs the operator key',
    needs: 'operator',
    input: z.object({ ...ofAlert, actor, text: m.Text.min(1).max(m.USER_INPUT_MAX) }),
    output: z.object({ turn_id: m.TurnId.nullable(), cursor: m.Cursor }),
    errors,
    rest: step('message'),
    socket: false,
  }),
  'operator:release': operation({
    summary: 'Give a session back to the guide; its safety mode stays; needs the operator key',
    needs: 'operator',
    input: z.object({ ...ofAlert, actor }),
    output: answer,
    errors,
    rest: step('release'),
    socket: false,
  }),
  'operator:clear': operation({
    summary: 'End the crisis of a session: a check-in follows; needs the operator key',
    needs: 'operator',
    input: z.object({ ...ofAlert, actor }),
    output: answer,
    errors,
    rest: step('clear'),
    socket: false,
  }),
  'operator:overview': operation({
    summary: 'What every node does now, without anybody\u2019s name or words; needs the operator key',
    needs: 'operator',
    input: z.object({}),
    output: z.object({
      time: m.Timestamp,
      nodes: z
        .array(NodeView)
        .meta({ description: 'Those that answer within half a second; the one asked comes first' }),
    }),
    errors,
    rest: [route('GET /api/v1/operator/overview')],
    socket: false,
  }),
  'operator:announce': operation({
    summary: 'Show a notice to everybody who is connected, on every node; needs the operator key',
    needs: 'operator',
    input: z.object({ actor, text: m.Text.min(1).max(NOTICE_MAX) }),
    output: z.object({
      time: m.Timestamp,
      audited: z
        .boolean()
        .meta({ description: 'False: the store was away, only the log of the node tells who' }),
    }),
    errors,
    rest: [route('POST /api/v1/operator/announce')],
    socket: false,
  }),
  'server:safety': operation({
    summary: 'The crisis protocol of this server, and how often it was used; nothing about anybody',
    needs: 'nothing',
    input: z.object({}),
    output: z
      .object({
        protocol: z.array(z.string()).meta({ description: 'What is done, in words' }),
        detector: z.object({ version: z.string(), hash: z.string() }),
        guard: z.object({ version: z.string(), hash: z.string() }),
        levels: z.array(z.object({ level: m.SafetyLevel, mode: m.SafetyMode, reply: z.string() })),
        languages: z.array(z.string()),
        resources: z.object({ version: z.string(), unverified: z.int(), stale: z.int() }),
        counts: z.array(z.object({ year: z.int(), kind: z.string(), level: m.SafetyLevel, count: z.int() })),
        timestamp: m.Timestamp,
      })
      .meta({ id: 'SafetyPage' }),
    errors: [],
    rest: [route('GET /safety')],
    socket: false,
  }),
} as const;
