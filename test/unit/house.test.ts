// Holds the house to its plan (docs/architecture.md): which room may know which, and that rules, code and tests agree.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const sources = globSync('src/**/*.ts', { cwd: root }).sort();
const tests = globSync('test/**/*.ts', { cwd: root }).sort();

/** Relative imports of a file, as paths from the root. */
function importsOf(file: string): string[] {
  const specifiers = [...read(file).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return specifiers.map((specifier) => relative(root, resolve(root, dirname(file), specifier)));
}

const seams = [
  'src/store/store.ts',
  'src/store/access.ts',
  'src/store/escalation.ts',
  'src/store/slots.ts',
  'src/store/outbox.ts',
  'src/model/model.ts',
  'src/retrieval/retrieval.ts',
  'src/retrieval/embed.ts',
  'src/access/authenticator.ts',
  'src/access/limits.ts',
  'src/access/capabilities.ts',
  'src/access/tickets.ts',
];

/** What a room may import besides its own files. */
const mayImport: [room: string, allowed: RegExp][] = [
  [
    'src/contract/generate.ts',
    /^(src\/contract\/|package\.json|src\/config\.ts|src\/access\/limit-rules\.ts)/,
  ],
  ['src/contract/', /^src\/contract\//],
  ['src/therapy/', /^src\/(contract|therapy)\//],
  ['src/safety/', /^src\/(contract|safety)\//],
  ['src/store/', /^src\/(contract|store)\/|^src\/(errors|log|redis)\.ts/],
  [
    'src/access/',
    new RegExp(
      `^src/(contract|access)/|^src/(errors|log|redis)\\.ts|^src/store/envelope.ts|^(${seams.join('|')})$`,
    ),
  ],
  ['src/model/', /^src\/(contract|model)\/|^src\/errors\.ts|^src\/retrieval\/(embed|lane)\.ts/],
  ['src/retrieval/', /^src\/(contract|retrieval)\/|^src\/errors\.ts/],
  [
    'src/chat/',
    new RegExp(`^src/(contract|chat|therapy|safety)/|^src/(errors|log|meter)\\.ts|^(${seams.join('|')})$`),
  ],
  [
    'src/transport/',
    new RegExp(`^src/(contract|chat|transport)/|^src/(errors|redis|meter)\\.ts|^(${seams.join('|')})$`),
  ],
  [
    'src/app.ts',
    new RegExp(
      `^src/(contract|chat|transport|therapy|safety|ops|access)/|^src/(errors|log|meter)\\.ts|^(${seams.join('|')})$`,
    ),
  ],
  ['src/ops/rag.ts', /^src\/(ops|contract|retrieval)\/|^src\/config\.ts/],
  ['src/ops/open-retrieval.ts', /^src\/(model|retrieval)\/|^src\/config\.ts/],
  [
    'src/ops/open-store.ts',
    /^src\/store\/|^src\/ops\/master-keys\.ts|^src\/model\/host-name\.ts|^src\/(config|log)\.ts/,
  ],
  ['src/ops/open-access.ts', new RegExp(`^src/access/|^src/(config|log)\\.ts|^(${seams.join('|')})$`)],
  ['src/ops/keys.ts', /^src\/(access|ops|contract)\/|^src\/config\.ts/],
  ['src/ops/keys-init.ts', /^src\/(ops|store)\/|^src\/config\.ts/],
  ['src/ops/master-keys.ts', /^src\/store\/vault\.ts/],
  ['src/ops/audit-verify.ts', /^src\/(ops|store)\/|^src\/config\.ts/],
  [
    'src/ops/open-outbox.ts',
    new RegExp(`^src/(access|contract|ops)/|^src/(config|log)\\.ts|^(${seams.join('|')})$`),
  ],
  ['src/ops/file-command.ts', /^src\/config\.ts/],
  ['src/ops/backup.ts', /^src\/(ops|store)\/|^src\/config\.ts/],
  ['src/ops/restore.ts', /^src\/(ops|store)\/|^src\/config\.ts/],
  ['src/ops/doctor', /^src\/(ops|contract|access|model|store)\/|^src\/config(-checks)?\.ts|^package\.json$/],
  ['src/ops/', new RegExp(`^src/(contract|ops)/|^src/(log|meter)\\.ts|^(${seams.join('|')})$`)],
  ['src/errors.ts', /^src\/contract\//],
  ['src/log.ts', /^$/],
  ['src/meter.ts', /^$/],
  ['src/redis.ts', /^$/],
  ['src/config-checks.ts', /^$/],
  ['src/config.ts', /^src\/config-checks\.ts$/],
  ['src/main.ts', /./],
];

describe('imports point one way', () => {
  test.each(sources)('%s', (file) => {
    const room = mayImport.find(([prefix]) => file.startsWith(prefix));

    const strangers = importsOf(file).filter((path) => !room?.[1].test(path));

    expect(room, 'a room that is not in the plan').toBeDefined();
    expect(strangers).toEqual([]);
  });

  test('only main.ts and the scripts touch the process', () => {
    const touching = sources.filter((file) => /\bprocess\.\w/.test(read(file)));

    const scripts = [
      'src/contract/generate.ts',
      'src/ops/audit-verify.ts',
      'src/ops/backup.ts',
      'src/ops/doctor.ts',
      'src/ops/doctor/sqlite.ts',
      'src/ops/keys.ts',
      'src/ops/keys-init.ts',
      'src/ops/rag.ts',
      'src/ops/restore.ts',
    ];
    expect(touching.filter((file) => !scripts.includes(file))).toEqual(['src/main.ts']);
  });

  test('the contract imports zod and nothing else', () => {
    const packages = sources
      .filter((file) => file.startsWith('src/contract/') && file !== 'src/contract/generate.ts')
      .flatMap((file) => [...read(file).matchAll(/from '([^.'][^']*)'/g)].map((match) => match[1]));

    expect([...new Set(packages)]).toEqual(['zod']);
  });
});

describe('rules, code and tests agree', () => {
  const tag = /\[([PSR]-\d+)\]/g;
  const tagsIn = (text: string) => [...text.matchAll(tag)].map((match) => match[1] ?? '');
  const rules = new Set(tagsIn(read('docs/protocol.md')));

  test('every tag in code and tests is a rule of the protocol', () => {
    const strange = [...sources, ...tests].flatMap((file) =>
      tagsIn(read(file)).filter((name) => !rules.has(name)),
    );

    expect(strange).toEqual([]);
  });

  test.each([...rules].sort())('[%s] has a test that is named for it', (name) => {
    const titles = tests.filter((file) => file.endsWith('.test.ts') || file.includes('conformance/'));
    const named = new RegExp(`(test|it|describe|each)[^\\n]*\\n?[^\\n]*\\[${name}\\]`);

    expect(titles.filter((file) => named.test(read(file)))).not.toEqual([]);
  });
});
