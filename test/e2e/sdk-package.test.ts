// The package as somebody else installs it: what is in it, what it weighs, and that it compiles and runs without this repository.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { buildPackage } from '../../client/build.ts';
import { startGuide } from '../support/guide-server.ts';
import { tempDir } from '../support/server-process.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const sdk = join(root, 'client/sdk');
const modules = join(root, 'node_modules');

const Manifest = z.looseObject({
  name: z.string(),
  version: z.string(),
  type: z.literal('module'),
  files: z.array(z.string()),
  exports: z.record(z.string(), z.object({ types: z.string(), default: z.string() })),
  dependencies: z.record(z.string(), z.string()),
});

/** What the file imports, the files of the package that it is made of followed. */
async function importsOf(file: string): Promise<{ files: Set<string>; packages: Set<string> }> {
  const found = { files: new Set<string>(), packages: new Set<string>() };
  const follow = async (path: string): Promise<void> => {
    if (found.files.has(path)) return;
    found.files.add(path);
    const text = await readFile(path, 'utf8');
    for (const [, name = ''] of text.matchAll(/(?:from|import)\s*\(?\s*["'`]([^"'`]+)["'`]/g)) {
      if (name.startsWith('.')) await follow(join(dirname(path), name));
      else found.packages.add(name);
    }
  };
  await follow(file);
  return found;
}

/** A directory with the package installed as the registry would bring it, and what it depends on. */
async function install(directory: string): Promise<void> {
  const manifest = Manifest.parse(JSON.parse(await readFile(join(sdk, 'package.json'), 'utf8')));
  const home = join(directory, 'node_modules', manifest.name);
  await mkdir(home, { recursive: true });
  await mkdir(join(directory, 'node_modules/@types'));
  for (const file of ['package.json', ...manifest.files])
    await cp(join(sdk, file), join(home, file), { recursive: true });
  for (const name of ['socket.io-client', 'react', '@types/react', 'csstype'])
    await symlink(join(modules, name), join(directory, 'node_modules', name));
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
}

test('no name that its users see is among those that are shortened', async () => {
  const config = await readFile(join(sdk, 'vite.config.ts'), 'utf8');
  const lists = [...config.matchAll(/^ {2}'([\w|]+)',$/gm)].map(([, names = '']) => names.split('|'));
  const files = ['api.ts', 'errors.ts', 'wire.ts', 'wire-model.ts'];
  const seen = (await Promise.all(files.map((file) => readFile(join(sdk, file), 'utf8')))).join('\n');

  const shortened = lists.flat();

  expect(shortened.length).toBeGreaterThan(40);
  expect(shortened.filter((name) => new RegExp(`^ +(readonly )?${name}[?:(<]`, 'm').test(seen))).toEqual([]);
});

const consumer = `
import { ChatError, ConnectionError, createClient, ReplyReset } from 'stillpoint-client';
import type { ChatClient, ChatSession, ConnectionState, Reply, SessionState, TherapistResponse, Turn } from 'stillpoint-client';
import { useReadable, useSession } from 'stillpoint-client/react';

export async function talk(url: string): Promise<string> {
  const client: ChatClient = createClient({ url, transports: ['socket', 'poll'] });
  const session: ChatSession = client.session('consumer');
  const reply: Reply = session.say('I want to feel calm', { onReset: (kept: string) => void kept });
  let text = '';
  for await (const word of reply) text += word;
  const response: TherapistResponse = await reply.response;
  const turns: readonly Turn[] = session.state.get().turns;
  const state: ConnectionState = client.connection.get();
  if (state.phase === 'online') state.via satisfies 'socket' | 'stream' | 'poll';
  session.on('therapist:token', ({ at, text }) => [at satisfies number, text satisfies string]);
  const { turns: page } = await client.request('session:history', { session_id: 'consumer', limit: 5 });
  client.close();
  return String(text === response.therapist_response && turns.length === 1 && page.length === 1);
}

export function Page({ client }: { client: ChatClient }): number {
  const { state }: { state: SessionState } = useSession(client, 'consumer');
  return useReadable(client.connection).phase.length + state.turns.length;
}

export const told = (error: unknown): string => {
  if (error instanceof ChatError) return error.code satisfies string;
  if (error instanceof ConnectionError) return error.reason;
  return error instanceof ReplyReset ? error.kept : '';
};

// @ts-expect-error: no such operation
void ((client: ChatClient) => client.request('session:made-up', {}));
// @ts-expect-error: no such event
void ((session: ChatSession) => session.on('therapist:made-up', () => {}));
// @ts-expect-error: no such transport
createClient({ transports: ['carrier pigeon'] });
`;

beforeAll(buildPackage, 120_000);

test('every door of the package leads somewhere', async () => {
  const manifest = Manifest.parse(JSON.parse(await readFile(join(sdk, 'package.json'), 'utf8')));

  const targets = Object.values(manifest.exports).flatMap(({ types, default: file }) => [types, file]);

  expect(Object.keys(manifest.exports)).toEqual(['.', './react']);
  for (const target of targets) {
    expect(manifest.files.some((part) => target.startsWith(`./${part}/`))).toBe(true);
    expect((await readFile(join(sdk, target), 'utf8')).length).toBeGreaterThan(100);
  }
  expect(Object.keys(manifest.dependencies)).toEqual(['socket.io-client']);
});

test('it needs socket.io-client, and React only by its own door; no zod is in it', async () => {
  const client = await importsOf(join(sdk, 'dist/client.js'));
  const react = await importsOf(join(sdk, 'dist/react.js'));

  expect([...client.packages]).toEqual(['socket.io-client']);
  expect([...react.packages].filter((name) => name !== 'socket.io-client')).toEqual(['react']);
  for (const file of [...client.files, ...react.files])
    expect(await readFile(file, 'utf8')).not.toMatch(/\bzod\b|ZodError|node:/);
});

test('the version it was made for of socket.io-client is the one in use here', async () => {
  const manifest = Manifest.parse(JSON.parse(await readFile(join(sdk, 'package.json'), 'utf8')));
  const require = createRequire(import.meta.url);
  const installed = Manifest.pick({ version: true }).parse(require('socket.io-client/package.json'));

  expect(manifest.dependencies['socket.io-client']).toBe(`^${installed.version}`);
});

test('it weighs less than 10 KB minified and compressed, beside socket.io-client', async ({ annotate }) => {
  const made = await build({
    configFile: false,
    logLevel: 'silent',
    root: sdk,
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: {
        input: join(sdk, 'dist/client.js'),
        external: ['socket.io-client'],
        preserveEntrySignatures: 'strict',
        output: { minify: true },
      },
    },
  });
  const outputs = Array.isArray(made) ? made : [made];
  const chunks = outputs.flatMap((one) => ('output' in one ? one.output : []));
  const code = chunks.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('');

  const bytes = gzipSync(code, { level: 9 }).length;

  await annotate(`${bytes} bytes of ${code.length} characters`);
  expect(code).toContain('therapist:token');
  expect(bytes).toBeLessThan(10_240);
});

describe('in a directory of its own', () => {
  test.for([
    {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      lib: ['es2022', 'dom', 'dom.asynciterable', 'esnext.disposable'],
    },
    { module: 'esnext', moduleResolution: 'bundler', lib: ['esnext', 'dom'] },
  ])('a strict TypeScript program compiles against it with $moduleResolution', async (options) => {
    await using directory = await tempDir();
    await install(directory.path);
    await writeFile(join(directory.path, 'consumer.ts'), consumer);
    const compilerOptions = {
      ...options,
      target: 'es2022',
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
    };
    await writeFile(
      join(directory.path, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
    );

    const tsc = join(modules, 'typescript/bin/tsc');
    const outcome = run(process.execPath, [tsc, '-p', directory.path]).catch((error: unknown) => error);

    expect(await outcome).toMatchObject({ stdout: '', stderr: '' });
  });

  test('a program talks to a server with it', async () => {
    await using server = await startGuide();
    await using directory = await tempDir();
    await install(directory.path);
    const program = `
      import { createClient } from 'stillpoint-client';
      const client = createClient({ url: process.argv[2] });
      const reply = client.session('installed').say('I want to feel calm');
      let text = '';
      for await (const word of reply) text += word;
      console.log(text === (await reply.response).therapist_response && text.length > 10);
      client.close();`;
    await writeFile(join(directory.path, 'program.js'), program);

    const { stdout } = await run(process.execPath, [join(directory.path, 'program.js'), server.url], {
      timeout: 20_000,
    });

    expect(stdout).toBe('true\n');
  });
});
