// Links of OpenAPI: where in an answer those values are that other requests ask for.
import { camelCase, rows } from './json-schema.ts';
import type { Part } from './json-schema.ts';
import type { Operation } from './operation.ts';

type Route = Operation['rest'][number];

/** By operation: what its answer gives, by the name it has in other requests. */
const given: Record<string, Record<string, string>> = {
  'session:create': { session_id: '/session_id' },
  'session:input': { turn_id: '/turn_id' },
  'turn:retry': { turn_id: '/turn_id' },
  'session:history': { before: '/next_before' },
  'session:log': { after: '/cursor' },
  'session:list': { after: '/next' },
  'session:grant': { capability_id: '/capability_id' },
  'session:ticket': { ticket: '/ticket' },
  'operator:alerts': { alert_id: '/alerts/0/alert_id' },
  'operator:log': { after: '/cursor' },
};

/** The second route of an operation has an id of its own. */
export function operationIdOf(name: string, row: Operation, route: Route): string {
  const index = row.rest.indexOf(route);
  return camelCase(name) + (index > 0 ? String(index + 1) : '');
}

const fieldsIn = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, field = '']) => field);

/** To every route that asks for something of this answer and for nothing that is not known by then. */
export function linksOf(name: string, route: Route): Part {
  const answer = Object.entries(given[name] ?? {}).map(([field, at]) => [field, `$response.body#${at}`]);
  if (answer.length === 0) return {};
  const own = fieldsIn(route.path);
  const inBody = name === 'session:input' && own.length === 0 ? ['session_id'] : [];
  const known = new Map([
    ...own.map((field): [string, string] => [field, `$request.path.${field}`]),
    ...inBody.map((field): [string, string] => [field, `$request.body#/${field}`]),
    ...answer.map(([field = '', at = '']): [string, string] => [field, at]),
  ]);
  const links: Part = {};
  for (const [target, row] of rows) {
    for (const to of row.rest) {
      const path = fieldsIn(to.path);
      const asked = [...path, ...to.query].filter((field) => known.has(field));
      const isNews = asked.some((field) => answer.some(([given]) => given === field));
      const isKnown = path.every((field) => known.has(field)) && own.every((field) => path.includes(field));
      if (!isNews || !isKnown) continue;
      const operationId = operationIdOf(target, row, to);
      links[operationId] = {
        operationId,
        parameters: Object.fromEntries(asked.map((field) => [field, known.get(field)])),
      };
    }
  }
  return { links };
}
