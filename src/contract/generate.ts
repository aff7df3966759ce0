// The script of `npm run docs`: writes docs/reference, and the types of the contract for clients.
import { mkdirSync, writeFileSync } from 'node:fs';
import manifest from '../../package.json' with { type: 'json' };
import { describeLimits } from '../access/limit-rules.ts';
import { describeConfig } from '../config.ts';
import { clientTypes } from './client-types.ts';
import { contractPages } from './docs.ts';

function configurationPage(): string {
  const rows = describeConfig().map(
    ({ name, value, hint, description }) =>
      `| \`${name}\` | ${value === '' ? '' : `\`${value}\``} | ${hint} | ${description} |`,
  );
  return [
    '# Configuration',
    '',
    'Settings are environment variables; an empty one counts as not set. A bad value stops the start with one line that says what is',
    'wrong. Made by `npm run docs` from `src/config.ts`.',
    '',
    '| name | default | value | what it does |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function limitsPage(): string {
  return [
    '# Limits',
    '',
    'How much one address, person, session or tenant may ask for. A rate is so many in so many seconds; others are open at once. What is over',
    'one is refused with `RATE_LIMITED` and the time to wait, before anything is done; inputs that show active risk or worse never are',
    '([protocol](../protocol.md), section 9). `RATE_LIMIT` says whether anybody is counted, `LIMITS` changes single rows: `LIMITS=input_session=40/60,connections_address=200`.',
    'Made by `npm run docs` from `src/access/limit-rules.ts`.',
    '',
    describeLimits(),
    '',
  ].join('\n');
}

/** Every generated page by name. */
export function referencePages(): Record<string, string> {
  return {
    ...contractPages(manifest.version),
    'configuration.md': configurationPage(),
    'limits.md': limitsPage(),
  };
}

function write(path: string, files: Record<string, string>): void {
  const folder = new URL(path, import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(new URL(name, folder), text);
  }
}

if (import.meta.main) {
  write('../../docs/reference/', referencePages());
  write('../../client/sdk/', clientTypes());
}
