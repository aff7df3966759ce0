// What an operator may ask of the server. Reading and changing are two things: who only reads has no way to change.
import type { Input, Output } from '../../src/contract/types.ts';
import { ConnectionError, ChatError } from '../sdk/errors.ts';
import { limitOf, refusalOf } from '../sdk/http-request.ts';
import type { Alert, LogAnswer, OpenedAlert } from './views.ts';

export interface Reading {
  overview(signal?: AbortSignal): Promise<Output<'operator:overview'>>;
  /** The open ones all, and the latest of the others; newest first. */
  alerts(signal: AbortSignal): Promise<Alert[]>;
  alert(alertId: string, signal: AbortSignal): Promise<OpenedAlert>;
  /** Waits for what is new; null: nothing was. */
  log(alertId: string, after: string, signal: AbortSignal): Promise<LogAnswer | null>;
}

type Without<N extends 'operator:take_over' | 'operator:message'> = Omit<Input<N>, 'alert_id' | 'actor'>;

export interface Changing {
  readonly actor: string;
  acknowledge(alertId: string): Promise<Alert>;
  takeOver(alertId: string, how: Without<'operator:take_over'>): Promise<Alert>;
  message(alertId: string, how: Without<'operator:message'>): Promise<Output<'operator:message'>>;
  release(alertId: string): Promise<Alert>;
  clear(alertId: string): Promise<Alert>;
  announce(text: string): Promise<Output<'operator:announce'>>;
}

const ANSWER_MS = 8_000;
const POLL_SECONDS = 20;
/** What can stand in a header. */
const HEADER = /^[!-~]+$/;
const MANY = 200;
const LATEST = 50;

/** Whether it can be handed in at all. */
export const isKey = (text: string): boolean => HEADER.test(text);

/** @throws ChatError; ConnectionError: no answer came, or none of ours */
async function ask(
  key: string,
  path: string,
  { body, signal, ms = ANSWER_MS }: { body?: object; signal?: AbortSignal | undefined; ms?: number } = {},
): Promise<Response> {
  const limit = limitOf(signal, ms);
  try {
    const response = await fetch(`/api/v1/operator/${path}`, {
      headers: { Authorization: `Bearer ${key}` },
      signal: limit,
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await refusalOf(response);
    return response;
  } catch (error) {
    if (error instanceof ChatError || error instanceof ConnectionError || signal?.aborted) throw error;
    throw new ConnectionError(limit.aborted ? 'timeout' : 'lost', { cause: error });
  }
}

export function readingWith(key: string): Reading {
  const get = async (path: string, signal?: AbortSignal, ms?: number): Promise<Response> =>
    await ask(key, path, { signal, ...(ms !== undefined && { ms }) });
  const listed = async (query: string, signal: AbortSignal): Promise<Alert[]> => {
    const { alerts }: Output<'operator:alerts'> = await (await get(`alerts?${query}`, signal)).json();
    return alerts;
  };
  return {
    overview: async (signal) => await (await get('overview', signal)).json(),
    alerts: async (signal) => {
      const [open, latest] = await Promise.all([
        listed(`status=open&limit=${MANY}`, signal),
        listed(`limit=${LATEST}`, signal),
      ]);
      const byId = new Map([...open, ...latest].map((alert) => [alert.alert_id, alert]));
      return [...byId.values()];
    },
    alert: async (alertId, signal) => await (await get(`alerts/${alertId}`, signal)).json(),
    log: async (alertId, after, signal) => {
      const query = `after=${encodeURIComponent(after)}&wait=${POLL_SECONDS}`;
      const ms = POLL_SECONDS * 1_000 + ANSWER_MS;
      const response = await get(`alerts/${alertId}/log?${query}`, signal, ms);
      return response.status === 204 ? null : await response.json();
    },
  };
}

export function changingWith(key: string, actor: string): Changing {
  const post = async (path: string, more: object = {}): Promise<Response> =>
    await ask(key, path, { body: { ...more, actor } });
  const step = async (alertId: string, name: string, how?: object): Promise<Alert> =>
    await (await post(`alerts/${alertId}/${name}`, how)).json();
  return {
    actor,
    acknowledge: (alertId) => step(alertId, 'acknowledge'),
    takeOver: (alertId, how) => step(alertId, 'take_over', how),
    message: async (alertId, how) => await (await post(`alerts/${alertId}/message`, how)).json(),
    release: (alertId) => step(alertId, 'release'),
    clear: (alertId) => step(alertId, 'clear'),
    announce: async (text) => await (await post('announce', { text })).json(),
  };
}
