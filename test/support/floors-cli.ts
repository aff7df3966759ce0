// npm run floors: whether what is locked is new enough, comes from one place and runs nothing unasked. (SAFETY.md SEC-90)
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { faultsIn, floors } from './floors.ts';

const read = (name: string): string => readFileSync(resolve(import.meta.dirname, '../..', name), 'utf8');

const faults = faultsIn({
  lock: read('package-lock.json'),
  manifest: read('package.json'),
  dockerfile: read('Dockerfile'),
  running: process.versions.node,
});
for (const fault of faults) process.stderr.write(`${fault}\n`);
if (faults.length === 0)
  process.stdout.write(`Node and ${floors.length} packages are at their floors or above.\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
