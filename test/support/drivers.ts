// The same operations through every transport: what an answer is, whatever carried it.
import { io } from 'socket.io-client';
import type { Transport } from '../../client/sdk/api.ts';
import { ChatError, createClient } from '../../client/sdk/client.ts';
import type { Operations } from '../../client/sdk/wire.ts';
import { operations } from '../../src/contract/operations.ts';
import type { Operation } from '../../src/contract/operation.ts';
import { errorTable } from '../../src/contract/errors.ts';
import { deadline } from './wait.ts';

export type Answer =
  | { ok: true; value: Record<string, unknown> }
  | { ok: false; code: string; status: number; fields: string[] };

export interface Driver extends AsyncDisposable {
  /** Runs an operation of the table that both transports have. */
  call(name: string, input: Record<string, unknown>): Promise<Answer>;
}

/** The fields a validation names, without where they came from. */
function fieldsOf(detail: unknown): string[] {
  if (!Array.isArray(detail)) return [];
  return detail.map((fault: { loc: unknown[] }) => fault.loc.slice(1).join('.'));
}

export async function socketDriver(url: string): Promise<Driver> {
  const socket = io(url, { transports: ['websocket'], reconnection: false });
  await deadline(new Promise<void>((resolve) => socket.once('connect', resolve)), 'connect');
  return {
    async call(name, input) {
      const answer: { ok: boolean; error?: { code: string; status: number; detail?: unknown } } = await socket
        .timeout(10_000)
        .emitWithAck(name, input);
      const { ok, error, ...value } = answer;
      if (ok) return { ok: true, value };
      return {
        ok: false,
        code: error?.code ?? '',
        status: error?.status ?? 0,
        fields: fieldsOf(error?.detail),
      };
    },
    async [Symbol.asyncDispose]() {
      socket.disconnect();
    },
  };
}

function routeOf(name: string) {
  const rows = new Map<string, Operation>(Object.entries(operations));
  const route = rows.get(name)?.rest[0];
  if (!route) throw new Error(`${name} has no route`);
  return route;
}

export async function restDriver(url: string): Promise<Driver> {
  return {
    async call(name, input) {
      const { method, path, query } = routeOf(name);
      const rest = new Map(Object.entries(input));
      const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
        const value = rest.get(field);
        rest.delete(field);
        return encodeURIComponent(String(value));
      });
      const search = new URLSearchParams();
      for (const field of query) {
        if (rest.has(field)) search.set(field, String(rest.get(field)));
      }
      const response = await fetch(`${url}${filled}?${search.toString()}`, {
        method,
        headers: { Prefer: 'respond-async' },
        ...(method === 'POST' && { body: JSON.stringify(Object.fromEntries(rest)) }),
        signal: AbortSignal.timeout(10_000),
      });
      const body = (await response.json()) as Record<string, unknown>;
      if (response.ok) return { ok: true, value: body };
      const code = String(body['code']);
      const known = new Map(Object.entries(errorTable)).get(code);
      if (known?.status !== response.status) throw new Error(`${code} came with status ${response.status}`);
      return { ok: false, code, status: response.status, fields: fieldsOf(body['detail']) };
    },
    async [Symbol.asyncDispose]() {},
  };
}

export async function sdkDriver(url: string, via: Transport): Promise<Driver> {
  const client = createClient({ url, transports: [via] });
  return {
    async call(name, input) {
      try {
        // the server is to judge names and inputs, so none is checked here
        const value: unknown = await client.request(name as keyof Operations, input);
        return { ok: true, value: value as Record<string, unknown> };
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        const { code, status, detail } = error;
        return { ok: false, code, status, fields: fieldsOf(detail) };
      }
    },
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}
