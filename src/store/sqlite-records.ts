// What is sealed in which column, and by what name: a record opens in its own place only.
import type { Row } from './columns.ts';
import type { AlertRecord, NewAlert } from './escalation.ts';
import type { CapabilityRecord } from './access.ts';
import type { NewMessage } from './outbox.ts';
import type { ListedSession, LogRecord, SessionRecord, TurnPlan, TurnRecord } from './store.ts';
import { numberOf, textOf } from './columns.ts';
import { Envelope } from './envelope.ts';

export type Identity = Pick<
  SessionRecord,
  'tenant' | 'sessionId' | 'epoch' | 'owner' | 'clientId' | 'locale' | 'country' | 'ageBand' | 'createdAt'
>;
export type SessionState = Omit<ListedSession, keyof Identity | 'lastSeq'>;

export type Asked = Pick<TurnRecord, 'turnId' | 'n' | 'inputId' | 'userInput' | 'firstSeq' | 'startedAt'> & {
  plan: Omit<TurnPlan, 'memory'>;
};
/** The memory lies here, so that it goes when the turn ends; plans of schema version 1 had none. */
export type TurnProgress = Omit<TurnRecord, keyof Asked> & { memory?: string };

/** What an alert says, which never changes, and what becomes of it. */
export type Call = Omit<NewAlert, 'isSent'> & Pick<AlertRecord, 'session' | 'at'>;
export type Course = Omit<AlertRecord, keyof Call>;

export type Granted = Omit<CapabilityRecord, 'session' | 'owner' | 'capabilityId'>;

export const identityOf = new Envelope<Identity>('identity');
export const stateOf = new Envelope<SessionState>('state');
export const metadataOf = new Envelope<SessionRecord['metadata']>('metadata');
export const memoryOf = new Envelope<string>('memory');
export const careOf = new Envelope<string>('care');
/** By the number of the turn. */
export const askedOf = new Envelope<Asked>('turn input');
export const progressOf = new Envelope<TurnProgress>('turn state');
/** By the number of the entry; several words by that of the last one. */
export const entryOf = new Envelope<LogRecord>('entry');
export const wordsOf = new Envelope<LogRecord[]>('words');
/** By the number of the first entry. */
export const journalOf = new Envelope<LogRecord[]>('journal');
/** By the key of the client. */
export const clientCareOf = new Envelope<string>('client care');
/** By the name under which the alert lies. */
export const callOf = new Envelope<Call>('alert call');
export const courseOf = new Envelope<Course>('alert course');
/** By the id of the capability. */
export const grantedOf = new Envelope<Granted>('capability');

/** By the name under which the message lies. */
export const messageOf = new Envelope<Pick<NewMessage, 'messageId' | 'body'>>('message');

/** The event of a row that packs several words. */
export const WORDS = 'words';

/** A table with sealed columns: which rows are of a session, what tells them apart, and how each column is sealed. */
export interface SealedTable {
  readonly name: string;
  readonly session: string;
  readonly key: string;
  /** In which place a row is sealed. */
  readonly where: (row: Row) => string | number;
  readonly columns: Readonly<Record<string, (row: Row) => Pick<Envelope<unknown>, 'move'>>>;
}

/** All that is sealed. */
export const sealedTables: readonly SealedTable[] = [
  {
    name: 'sessions',
    session: 'id',
    key: 'id',
    where: () => '',
    columns: {
      identity: () => identityOf,
      state: () => stateOf,
      metadata: () => metadataOf,
      memory: () => memoryOf,
      care: () => careOf,
    },
  },
  {
    name: 'turns',
    session: 'session',
    key: 'n',
    where: (row) => numberOf(row, 'n'),
    columns: { input: () => askedOf, state: () => progressOf },
  },
  {
    name: 'log',
    session: 'session',
    key: 'last_seq',
    where: (row) => numberOf(row, 'last_seq'),
    columns: { data: (row) => (textOf(row, 'event') === WORDS ? wordsOf : entryOf) },
  },
  {
    name: 'journal',
    session: 'session',
    key: 'id',
    where: (row) => numberOf(row, 'seq'),
    columns: { data: () => journalOf },
  },
  {
    name: 'clients',
    session: 'session',
    key: 'id',
    where: (row) => textOf(row, 'key'),
    columns: { care: () => clientCareOf },
  },
  {
    name: 'alerts',
    session: 'session',
    key: 'id',
    where: (row) => textOf(row, 'alert_id'),
    columns: { call: () => callOf, course: () => courseOf },
  },
  {
    name: 'capabilities',
    session: 'session',
    key: 'id',
    where: (row) => textOf(row, 'capability_id'),
    columns: { what: () => grantedOf },
  },
  {
    name: 'messages',
    session: 'session',
    key: 'id',
    where: (row) => textOf(row, 'name'),
    columns: { body: () => messageOf },
  },
];
