// Who may use which operation: for tests that try all of them.
import type { OperationName } from '../../src/contract/types.ts';

export type Fields = Record<string, unknown>;
/** `session`: of one session. `open`: anybody may ask. `own`: about whoever asks. */
export type Kind = 'session' | 'create' | 'input' | 'list' | 'received' | 'own' | 'open' | 'operator';

/** What an input may name. */
export interface Names {
  turnId: string;
  /** Of a capability. */
  grantId: string;
  alertId: string;
}

interface Row {
  kind: Kind;
  /** What it takes besides `session_id`. */
  input?: (names: Names) => Fields;
}

const ofTurn = ({ turnId }: Names) => ({ turn_id: turnId });
const ofAlert = ({ alertId }: Names) => ({ alert_id: alertId, actor: 'somebody' });

/** Every operation: one that is new does not compile here until somebody has said who may use it. */
export const table: Record<OperationName, Row> = {
  'session:create': { kind: 'create' },
  'session:join': { kind: 'session' },
  'session:leave': { kind: 'session' },
  'session:input': { kind: 'input', input: () => ({ user_input: 'A quiet word' }) },
  'turn:cancel': { kind: 'session', input: ofTurn },
  'turn:retry': { kind: 'session', input: ofTurn },
  'session:status': { kind: 'session' },
  'session:history': { kind: 'session' },
  'session:delete': { kind: 'session' },
  'auth:refresh': { kind: 'own' },
  received: { kind: 'received', input: () => ({ seq: 1 }) },
  'session:log': { kind: 'session', input: () => ({ wait: 0 }) },
  'session:events': { kind: 'session' },
  'turn:get': { kind: 'session', input: ofTurn },
  'session:export': { kind: 'session' },
  'session:list': { kind: 'list' },
  'server:health': { kind: 'open' },
  'server:safety': { kind: 'open' },
  'session:grant': { kind: 'session', input: () => ({ label: 'another' }) },
  'session:grants': { kind: 'session' },
  'session:revoke': { kind: 'session', input: ({ grantId }) => ({ capability_id: grantId }) },
  'session:ticket': { kind: 'session' },
  'operator:alerts': { kind: 'operator', input: () => ({}) },
  'operator:alert': { kind: 'operator', input: ofAlert },
  'operator:log': { kind: 'operator', input: ofAlert },
  'operator:acknowledge': { kind: 'operator', input: ofAlert },
  'operator:take_over': { kind: 'operator', input: ofAlert },
  'operator:message': { kind: 'operator', input: (names) => ({ ...ofAlert(names), text: 'Hello' }) },
  'operator:release': { kind: 'operator', input: ofAlert },
  'operator:clear': { kind: 'operator', input: ofAlert },
  'operator:overview': { kind: 'operator', input: () => ({}) },
  'operator:announce': { kind: 'operator', input: () => ({ actor: 'somebody', text: 'Hello' }) },
};
export const withSession: ReadonlySet<Kind> = new Set(['session', 'create', 'input', 'received']);
/** After these a session is not as it was for the next who asks. */
export const once: ReadonlySet<OperationName> = new Set([
  'session:input',
  'turn:retry',
  'session:delete',
  'session:revoke',
]);
export const names = Object.keys(table) as OperationName[];
