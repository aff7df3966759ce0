// What integrators are told of sessions, as signed JSON: what happened and where, never a word that was said.
import { z } from 'zod';
import { Cursor, SessionId, Timestamp, TurnId } from './model.ts';
import { CompletionCriteria, StateId } from './progress.ts';

const where = { session_id: SessionId, epoch: z.string() };

const happened = {
  'session.created': z.object(where),
  'turn.done': z.object({
    ...where,
    turn_id: TurnId,
    n: z.int(),
    state: z.literal('done'),
    cursor: Cursor.meta({ description: 'Where the turn begins: what is read after it is the turn' }),
    source: z.enum(['ollama', 'guide']).meta({ description: '`ollama`: a model wrote it; else `guide`' }),
    state_id: StateId,
  }),
  'session.completed': z.object({
    ...where,
    turn_count: z.int(),
    state_id: StateId,
    completion_criteria: CompletionCriteria,
  }),
  'session.deleted': z.object({ ...where, by: z.enum(['owner', 'retention']) }),
} as const;

export type WebhookType = keyof typeof happened;
export const WebhookType = z.enum(['session.created', 'turn.done', 'session.completed', 'session.deleted']);

/** Something that happened to a session. */
export type WebhookEvent = {
  [T in WebhookType]: { type: T; data: z.output<(typeof happened)[T]> };
}[WebhookType];

const head = { id: z.string(), time: Timestamp, tenant: z.string() };
const body = <T extends WebhookType>(type: T) =>
  z.object({ ...head, type: z.literal(type), data: happened[type] });

/** What is sent. */
export const WebhookBody = z.discriminatedUnion('type', [
  body('session.created'),
  body('turn.done'),
  body('session.completed'),
  body('session.deleted'),
]);
export type WebhookBody = z.output<typeof WebhookBody>;
