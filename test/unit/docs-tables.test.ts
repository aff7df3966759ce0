// What the docs list is what the code has: the quick reference, the guide for users of the older service, the recipes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openApi } from '../../src/contract/docs.ts';
import { errorTable } from '../../src/contract/errors.ts';
import { rows } from '../../src/contract/json-schema.ts';
import { pushes } from '../../src/contract/operations.ts';
import { criteria } from '../../src/contract/progress.ts';
import { readPage, root } from '../support/docs-pages.ts';

/** The cells of the table whose head begins so, without its head. */
function table(page: string, ...head: string[]): string[][] {
  const cellsOf = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const lines = readPage(page).text.split('\n');
  const at = lines.findIndex(
    (line) => line.startsWith('|') && head.every((cell, i) => cellsOf(line)[i] === cell),
  );
  const end = lines.findIndex((line, i) => i > at && !line.startsWith('|'));
  return at < 0 ? [] : lines.slice(at + 2, end).map(cellsOf);
}

const codesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

describe('the quick reference', () => {
  const page = 'docs/quick-reference.md';

  test('has every call of the table of operations, and no other', () => {
    const calls = rows.flatMap(([, row]) =>
      row.rest.map(
        ({ method, path }) =>
          `${method} ${path.replace(':session_id', '{id}').replaceAll(/:(\w+)/g, '{$1}')}`,
      ),
    );

    const listed = table(page, 'call').flatMap(([call]) => codesIn(call));

    expect(listed.toSorted()).toEqual(calls.toSorted());
  });

  test('has every event that a client sends', () => {
    const listed = table(page, 'you send').flatMap(([name]) => codesIn(name));

    const sent = rows.filter(([, row]) => row.socket).map(([name]) => name);
    expect(listed.toSorted()).toEqual(sent.toSorted());
  });

  test('has every event that a client gets, and whether it is logged', () => {
    const listed = table(page, 'you get').map(([name, logged]) => `${codesIn(name).join()} ${logged}`);

    const pushed = Object.entries(pushes).map(([name, push]) => `${name} ${push.logged ? 'yes' : 'no'}`);
    expect(listed.toSorted()).toEqual(pushed.toSorted());
  });

  test('has every code with its status', () => {
    const listed = table(page, 'code').flatMap(([codes, status]) =>
      codesIn(codes).map((code) => `${code} ${status}`),
    );

    const known = Object.entries(errorTable).map(([code, { status }]) => `${code} ${status}`);
    expect(listed.toSorted()).toEqual(known.toSorted());
  });
});

const Schema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});
const { schemas } = z
  .object({ schemas: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(JSON.stringify(openApi('0').components)));

function follow(value: unknown): z.output<typeof Schema> {
  const schema = Schema.parse(value);
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : follow(schemas[name]);
}

/** Its types but null. */
function typesOf(value: unknown): string[] {
  const schema = follow(value);
  const given = [schema.type ?? []].flat();
  const all = schema.anyOf ? schema.anyOf.flatMap(typesOf) : given;
  return [...new Set(all)].filter((type) => type !== 'null');
}

/** The type of a field of the contract; undefined where there is none. */
function typeAt(root: string, path: string): string | undefined {
  const found = path
    .split('.')
    .reduce<unknown>((value, name) => (value === undefined ? value : follow(value).properties?.[name]), {
      $ref: `#/components/schemas/${root}`,
    });
  return found === undefined ? undefined : typesOf(found).join(' or ');
}

/** The fields that the older service answered, with their types. */
const olderResponse = `therapist_response string, preprocessing.original_input string, preprocessing.cleaned_input string,
preprocessing.corrected_input string, preprocessing.emotional_state.categories object, preprocessing.emotional_state.intensity integer,
preprocessing.emotional_state.primary_emotion string, preprocessing.input_category string, preprocessing.spelling_corrections array,
preprocessing.safety_checks.self_harm_detected object, preprocessing.safety_checks.thinking_mode_detected object,
preprocessing.safety_checks.past_tense_detected object, preprocessing.safety_checks.i_dont_know_detected object,
navigation.decision string, navigation.next_state string, navigation.rag_query string, navigation.reasoning string,
session_progress.current_substate string, session_progress.body_question_count integer, session_progress.completion_criteria object,
timestamp string`;
const olderStatus = `session_id string, status string, current_substate string, body_question_count integer, completion_criteria object,
turn_count integer, created_at string, last_interaction string`;

describe('the guide for users of the older service', () => {
  const page = 'docs/integration-guide.md';
  const text = readPage(page).text;
  const tableBelow = (heading: string): string[] => {
    const [, section = ''] = text.split(`### ${heading}\n`);
    const lines = section.split(/\n#{2,3} /)[0]?.split('\n') ?? [];
    return lines.flatMap((line) => {
      const [, field, type] = /^\| `([\w.]+)` *\| (\w+) *\|/.exec(line) ?? [];
      return field === undefined ? [] : [`${field} ${type}`];
    });
  };
  const listOf = (fields: string): string[] => fields.split(/,\s+/).toSorted();

  test.each([
    ['The therapist response', olderResponse, 'TherapistResponse'],
    ['Session and status', olderStatus, 'Session'],
  ])('%s: every old field is listed, and is in the contract with its old type', (heading, fields, root) => {
    const old = listOf(fields);

    const now = old.map((field) => {
      const [path = ''] = field.split(' ');
      return `${path} ${typeAt(root, path)}`;
    });

    expect(tableBelow(heading).toSorted()).toEqual(old);
    expect(now).toEqual(old);
  });

  test('a field that is not there has no type', () => {
    expect(typeAt('Session', 'turns_count')).toBeUndefined();
    expect(typeAt('TherapistResponse', 'preprocessing.emotional_state.mood')).toBeUndefined();
  });

  test('the seven old routes are listed first to last', () => {
    const calls = rows.flatMap(([, row]) =>
      row.rest.map(({ method, path }) => `${method} ${path.replace(':session_id', '{id}')}`),
    );

    const listed = table(page, 'route').flatMap(([route]) => codesIn(route));

    expect(listed).toHaveLength(7);
    expect(listed.filter((call) => !calls.includes(call))).toEqual([]);
  });

  test('criteria are the eleven that were documented', () => {
    expect(criteria).toHaveLength(11);
    expect(text).toContain('the eleven documented names');
  });
});

describe('the way from the README to the file to change', () => {
  const ways = readPage('docs/contributing.md')
    .text.split('\n')
    .filter((line) => line.startsWith('_[README]'));
  const targetsOf = (page: string) => readPage(page).links.map(({ target }) => target);

  test('is told by each of the three recipes', () => {
    expect(ways).toHaveLength(3);
  });

  test.each(ways)('%s', (way) => {
    const [room = '', file = ''] = codesIn(way);

    expect(targetsOf('README.md')).toEqual(
      expect.arrayContaining(['docs/architecture.md', 'docs/protocol.md']),
    );
    expect(table('docs/architecture.md', 'room').map(([name]) => codesIn(name)[0])).toContain(room);
    expect(file.startsWith(room) && existsSync(join(root, file))).toBe(true);
  });
});
