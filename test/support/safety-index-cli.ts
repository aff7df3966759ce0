// npm run index: writes src/safety/content/index.json, to be done when a language or a rule has changed.
import { writeFileSync } from 'node:fs';
import { makeIndex } from '../../src/safety/make-index.ts';

const file = new URL('../../src/safety/content/index.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(makeIndex(), null, 1)}\n`);
