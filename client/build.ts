// Builds the pages, and with `--all` the package `stillpoint-client`; what is built from these very sources already is left alone.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

const root = resolve(import.meta.dirname, '..');
const client = import.meta.dirname;
/** Written last into what was built: of which sources. */
const STAMP = '.built';
const COMPRESSED = '**/*.{js,css,html,svg}';

/** One value for everything that goes into a build. */
function sourcesOf({ directory, borrowed = [] }: Product): string {
  const patterns = [`${directory}/**/*`, ...borrowed, 'sdk/*.ts', '../package-lock.json', 'build.ts'];
  const files = globSync(patterns, { cwd: client, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/[\\/]dist[\\/.]/.test(path));
  const hash = createHash('sha256');
  for (const path of [...new Set(files)].toSorted())
    hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

const isCurrent = (dist: string, sources: string): boolean =>
  existsSync(join(dist, STAMP)) && readFileSync(join(dist, STAMP), 'utf8') === sources;

interface Product {
  directory: string;
  /** Files of others that go into it. */
  borrowed?: string[];
  /** One build each: private names are shortened in one module at a time. */
  entries: { lib?: { entry: Record<string, string>; formats: ['es'] } }[];
  after: (part: string) => void;
}

/** Builds beside the old one and then takes its place: what a server reads meanwhile is whole. */
async function buildWith(product: Product): Promise<void> {
  const { directory, entries, after } = product;
  const dist = join(client, directory, 'dist');
  const sources = sourcesOf(product);
  if (isCurrent(dist, sources)) return;
  const { build } = await import('vite');
  const part = `${dist}.${process.pid}`;
  const old = `${part}.old`;
  rmSync(part, { recursive: true, force: true });
  const configFile = join(client, directory, 'vite.config.ts');
  const options = { outDir: part, emptyOutDir: false };
  try {
    for (const entry of entries)
      await build({ configFile, logLevel: 'warn', build: { ...options, ...entry } });
    after(part);
    writeFileSync(join(part, STAMP), sources);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(part, dist);
  } catch (error) {
    // somebody else may have been faster
    if (!isCurrent(dist, sources)) throw error;
  } finally {
    for (const path of [part, old]) rmSync(path, { recursive: true, force: true });
  }
}

/** A phone on a slow line loads a third of it. */
function compress(part: string): void {
  for (const path of globSync(COMPRESSED, { cwd: part })) {
    const file = join(part, path);
    writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file)));
  }
}

function declareTypes(part: string): void {
  const tsc = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(client, 'sdk'), '--outDir', join(part, 'types')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

const moduleOf = (name: string): Product['entries'][number] => ({
  lib: { entry: { [name]: `${name}.ts` }, formats: ['es'] },
});

/** The page at `/`, and the operator's at `/admin`: each of its own sources, so that one never changes the other. */
export async function buildPage(): Promise<void> {
  await buildWith({ directory: 'web', entries: [{}], after: compress });
  const borrowed = ['web/style/tokens.css'];
  await buildWith({ directory: 'admin', borrowed, entries: [{}], after: compress });
}

export const buildPackage = (): Promise<void> =>
  buildWith({ directory: 'sdk', entries: ['client', 'react'].map(moduleOf), after: declareTypes });

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';

if (import.meta.main) {
  try {
    await buildPage();
    if (process.argv.includes('--all')) await buildPackage();
  } catch (error) {
    // an installation without development packages serves what was built before
    if (!isMissing(error)) throw error;
    process.stderr.write('stillpoint: the pages were not built: vite is not installed\n');
  }
}
