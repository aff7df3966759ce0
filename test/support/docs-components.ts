// Blocks with types: compiled as a reader's own project would; those with JSX are bundled for a browser too.
import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { root } from './docs-pages.ts';
import type { Block } from './docs-pages.ts';
import { tempDir } from './server-process.ts';

const run = promisify(execFile);
const modules = join(root, 'node_modules');
const sources = {
  'stillpoint-client/react': [join(root, 'client/sdk/react.ts')],
  'stillpoint-client': [join(root, 'client/sdk/client.ts')],
};
const compilerOptions = {
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'esnext',
  lib: ['esnext', 'dom', 'dom.iterable'],
  jsx: 'react-jsx',
  types: ['node'],
  paths: sources,
  allowImportingTsExtensions: true,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
};

const nameOf = ({ page, line, language }: Block): string =>
  `${page.replaceAll(/\W/g, '-')}-${line}.${language}`;

/** What the compiler complains of; empty where all is well. */
export async function checkTypes(blocks: readonly Block[]): Promise<string> {
  if (blocks.length === 0) return '';
  await using directory = await tempDir();
  for (const block of blocks) await writeFile(join(directory.path, nameOf(block)), block.code);
  for (const name of ['src', 'test', 'client', 'node_modules'])
    await symlink(join(root, name), join(directory.path, name));
  const config = { compilerOptions, files: blocks.map(nameOf) };
  await writeFile(join(directory.path, 'tsconfig.json'), JSON.stringify(config));
  const tsc = run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', directory.path]);
  const { stdout } = await tsc.catch((error: { stdout: string }) => error);
  return stdout;
}

/** The code that a browser gets. */
export async function bundle(block: Block): Promise<string> {
  await using directory = await tempDir();
  const entry = join(directory.path, nameOf(block));
  await writeFile(entry, block.code);
  const outcome = await build({
    configFile: false,
    root: directory.path,
    logLevel: 'silent',
    resolve: { alias: Object.entries(sources).map(([find, [replacement = '']]) => ({ find, replacement })) },
    build: {
      write: false,
      minify: false,
      lib: { entry, formats: ['es'], fileName: 'block' },
      rollupOptions: { external: (id) => /^(react|ai|@ai-sdk)(\/|$)/.test(id) },
    },
  });
  const [first] = Array.isArray(outcome) ? outcome : [outcome];
  const [chunk] = first && 'output' in first ? first.output : [];
  return chunk?.type === 'chunk' ? chunk.code : '';
}
