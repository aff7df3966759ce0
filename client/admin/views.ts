// What the server tells an operator, by the names of this page.
import type { Output } from '../../src/contract/types.ts';
import type { Snapshot } from '../sdk/wire.ts';

export type Alert = Output<'operator:acknowledge'>;
export type NodeView = Output<'operator:overview'>['nodes'][number];
export type SessionView = NodeView['sessions'][number];
export type OpenedAlert = Omit<Output<'operator:alert'>, 'snapshot'> & { snapshot: Snapshot };
export type LogAnswer = Exclude<Output<'operator:log'>, { mode: 'snapshot' }> | Snapshot;
