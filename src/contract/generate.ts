// The script of `npm run docs`: writes docs/reference.
import { mkdirSync, writeFileSync } from 'node:fs';
import manifest from '../../package.json' with { type: 'json' };
import { describeConfig } from '../config.ts';
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

/** Every generated page by name. */
export function referencePages(): Record<string, string> {
  return { ...contractPages(manifest.version), 'configuration.md': configurationPage() };
}

if (import.meta.main) {
  const folder = new URL('../../docs/reference/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(referencePages())) {
    writeFileSync(new URL(name, folder), text);
  }
}
