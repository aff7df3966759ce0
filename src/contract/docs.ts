// The documents made from the tables: nobody writes them by hand, and a test holds the committed ones to them.
import { asyncApi } from './asyncapi.ts';
import { errorTable } from './errors.ts';
import { pascalCase } from './json-schema.ts';
import { openApi } from './openapi.ts';

export { asyncApi, openApi };

function errorsPage(): string {
  const lines = Object.entries(errorTable).map(
    ([code, { status, retryable, title }]) =>
      `| \`${code}\` | \`${pascalCase(code)}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${title} |`,
  );
  return [
    '# Errors',
    '',
    'Every refusal carries one of these codes. A code is never renamed and never reused; the message beside it is for people',
    'and may change. A retryable one may be tried again as it is, after `retry_after_ms` (over REST `Retry-After`) where that',
    'is given. Made by `npm run docs` from `src/contract/errors.ts`.',
    '',
    '| code | `error` in a REST body | status | retryable | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

function pretty(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The text of every file of docs/reference that the contract decides, by name. */
export function contractPages(version: string): Record<string, string> {
  return {
    'openapi.json': pretty(openApi(version)),
    'asyncapi.json': pretty(asyncApi(version)),
    'errors.md': errorsPage(),
  };
}
