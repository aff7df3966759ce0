// How an owner lets others into a session, and what comes in by a ticket.
import { z } from 'zod';
import * as m from './model.ts';
import { operation, route } from './operation.ts';

const MINUTE_S = 60;
const YEAR_S = 31_536_000;
const ofSession = { session_id: m.GivenSessionId };

export const accessOperations = {
  'session:grant': operation({
    summary: 'Let somebody else into a session: a token for it and nothing else',
    needs: 'grant',
    input: z.object({
      ...ofSession,
      rights: z
        .array(m.GrantedRight)
        .min(1)
        .max(4)
        .nullish()
        .meta({ description: 'Default: read and write' }),
      expires_in: z
        .int()
        .min(MINUTE_S)
        .max(YEAR_S)
        .nullish()
        .meta({ description: 'Seconds; absent: a day; null: as long as the session lives' }),
      label: m.Text.max(200).nullish().meta({ description: 'To tell it from others in the list' }),
    }),
    output: m.Capability.extend({
      token: z.string().meta({ description: 'Shown this once; kept nowhere' }),
    }),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('POST /api/v1/session/:session_id/capabilities')],
    socket: false,
  }),
  'session:grants': operation({
    summary: 'The capabilities of a session, without their tokens',
    needs: 'grant',
    input: z.object(ofSession),
    output: z.object({ capabilities: z.array(m.Capability) }),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('GET /api/v1/session/:session_id/capabilities')],
    socket: false,
  }),
  'session:revoke': operation({
    summary: 'Take a capability back: whoever is connected by it is disconnected, on every node',
    needs: 'grant',
    input: z.object({ ...ofSession, capability_id: m.Text.min(1) }),
    output: z.object({}),
    errors: ['SESSION_NOT_FOUND', 'NOT_FOUND'],
    rest: [route('DELETE /api/v1/session/:session_id/capabilities/:capability_id')],
    socket: false,
  }),
  'session:ticket': operation({
    summary: 'A ticket that opens the event stream of a session once, for clients that cannot send a header',
    needs: 'read',
    input: z.object(ofSession),
    output: z.object({ ticket: z.string(), expires_at: m.Timestamp }),
    errors: ['SESSION_NOT_FOUND'],
    rest: [route('POST /api/v1/session/:session_id/ticket')],
    socket: false,
  }),
} as const;
