// The tables of docs/protocol.md against the tables in code: neither can change alone.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { openApi } from '../../../src/contract/docs.ts';
import { errorTable } from '../../../src/contract/errors.ts';
import { rows } from '../../../src/contract/json-schema.ts';
import { Session, TherapistResponse, Turn } from '../../../src/contract/model.ts';
import { operations, pushes } from '../../../src/contract/operations.ts';
import { SessionProgress } from '../../../src/contract/progress.ts';

const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
/** Paths of section 5 that a later version serves. */
const later = ['GET /metrics'];

/** The rows below the table head that begins with `head`, as cells. */
function tableOf(section: number, head: string): string[][] {
  const text = protocol.split(/^## /m).find((part) => part.startsWith(`${section}. `)) ?? '';
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (start < 0) throw new Error(`no table "${head}" in section ${section}`);
  const body = lines.slice(start + 2);
  const end = body.findIndex((line) => !line.startsWith('|'));
  return body.slice(0, end < 0 ? body.length : end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

function codesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/** `{a, b?, c: {…}}` → `a`, `b?`, `c`; undefined where the cell shows no object. */
function fieldsIn(cell = ''): string[] | undefined {
  const shown = codesIn(cell).find((code) => code.startsWith('{'));
  if (shown === undefined) return undefined;
  const flat = shown.slice(1, -1).replace(/\{[^{}]*\}|\[[^[\]]*\]/g, '');
  return flat.split(',').map((field) => (field.split(':')[0] ?? '').trim());
}

/** The fields of an object schema; optional ones end in a question mark. */
function fieldsOf(schema: z.ZodType | undefined): string[] {
  const written = schema?.toJSONSchema({ io: 'input' });
  // A schema with an id of its own is written as a reference to its definition.
  const name = written?.$ref?.split('/').at(-1);
  const { properties = {}, required = [] } = (name ? written?.$defs?.[name] : written) ?? {};
  return Object.keys(properties).map((field) => (required.includes(field) ? field : `${field}?`));
}

/** `a, b (x | y), c {d, e}` → `a`, `b`, `c`. */
function listed(text = ''): string[] {
  const flat = text.replace(/\([^)]*\)|\{[^{}]*\}/g, '');
  return flat.split(',').map((field) => field.trim());
}

/** `GET /a/{id}/b`, `…/c`, `/d` → every method and path, without the query. */
function routesIn(cell = ''): string[] {
  let method = '';
  let previous = '';
  return codesIn(cell).map((code) => {
    const words = code.split(' ');
    if (words.length > 1) method = words[0] ?? '';
    const path = (words.at(-1) ?? '').split('?')[0] ?? '';
    previous = path.startsWith('…') ? previous.replace(/\/[^/]*$/, path.slice(1)) : path;
    return `${method} ${previous.replace('{id}', '{session_id}')}`;
  });
}

describe('section 4, client to server', () => {
  const table = tableOf(4, 'client → server');

  test('names the socket operations of the table, in its order', () => {
    const sockets = rows.filter(([, row]) => row.socket).map(([name]) => name);

    expect(table.map(([event]) => codesIn(event)[0])).toEqual(sockets);
  });

  test.each(table.map(([event, payload]) => [codesIn(event)[0] ?? '', payload]))(
    'says the fields of %s',
    (event, payload) => {
      const row = rows.find(([name]) => name === event)?.[1];

      expect(fieldsOf(row?.input)).toEqual(fieldsIn(payload));
    },
  );
});

describe('section 4, server to client', () => {
  const table = tableOf(4, 'server → client (all followers)');

  test('names the pushes of the table, in its order, with what is logged', () => {
    const said = table.map(([event, logged]) => [codesIn(event)[0], logged]);
    const coded = Object.entries(pushes).map(([name, { logged }]) => [name, logged ? 'yes' : 'no']);

    expect(said).toEqual(coded);
  });

  test.each(Object.entries(pushes))('says the fields of %s', (name, push) => {
    const payload = table.find(([event]) => event === `\`${name}\``)?.[2];
    const said = fieldsIn(payload);
    // Section 3: every logged payload may have `from`. Where no object is shown, another section shows it.
    const coded = fieldsOf(push.payload).filter((field) => field !== 'from?');

    expect(new Set(said ?? coded)).toEqual(new Set(coded));
  });

  test('has `seq` and may have `from` in exactly the logged ones', () => {
    const numbered = Object.entries(pushes).filter(([, { payload }]) => {
      const fields = fieldsOf(payload);
      return fields.includes('seq') && fields.includes('from?');
    });

    expect(numbered.map(([name]) => name)).toEqual(
      Object.entries(pushes)
        .filter(([, push]) => push.logged)
        .map(([name]) => name),
    );
  });
});

test('section 5 names every REST route, method and path', () => {
  const said = tableOf(5, 'method and path').flatMap(([cell]) => routesIn(cell));
  const coded = Object.entries(openApi('0').paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );

  expect(said.sort()).toEqual([...coded, ...later].sort());
});

test('section 5 says the fields of a session in a list', () => {
  const answer = tableOf(5, 'method and path').find(([cell]) => cell?.includes('/sessions?'))?.[2];
  const said = /sessions: \[\{([^}]*)\}\]/.exec(answer ?? '')?.[1];

  expect(listed(said)).toEqual(fieldsOf(operations['session:list'].output.shape.sessions.element));
});

test('section 2 says the fields of a session and of a turn', () => {
  const said = (word: string) => listed(new RegExp(`^${word}: \`([^\`]*)\``, 'm').exec(protocol)?.[1]);

  expect(said('Session')).toEqual(fieldsOf(Session));
  expect(said('Turn')).toEqual(fieldsOf(Turn));
});

test('section 6 says the fields of a therapist response', () => {
  const text = protocol.split(/^## /m).find((part) => part.startsWith('6. ')) ?? '';
  const shown = /`\{([^`]*)\}`/.exec(text)?.[1];

  expect(listed(shown)).toEqual(fieldsOf(TherapistResponse).filter((field) => field !== 'from?'));
});

test('section 6 says the fields of a session progress', () => {
  const said = tableOf(6, 'field').flatMap(([field]) => codesIn(field));

  expect(said).toEqual(fieldsOf(SessionProgress));
});

test('section 7 names every error code with its status and whether to try again', () => {
  const said = tableOf(7, 'code').flatMap(([code, status = '', retryable]) => {
    const statuses = status.split(' / ').map(Number);
    return codesIn(code).map((name, index) => [name, statuses[index] ?? statuses[0], retryable]);
  });
  const coded = Object.entries(errorTable).map(([code, row]) => [
    code,
    row.status,
    row.retryable ? 'yes' : 'no',
  ]);

  expect(said).toEqual(coded);
});
