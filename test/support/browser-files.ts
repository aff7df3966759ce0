// The browser inside the npm package, unpacked once and used by all: its own first start is not safe in parallel.
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';

/** A browser to start, and the environment that it needs. */
export interface BrowserFiles {
  path: string;
  env: Record<string, string>;
}

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));

const DEBIAN = '/usr/bin/chromium';

/**
 * The browser of the tests: `CHROMIUM_PATH`, the packed one, which brings its libraries and a font and so needs nothing
 * installed, or, on machines that it is not made for, Debian's own: that is a whole browser, and its pages take twice as
 * long. Undefined where there is none for this machine.
 */
export async function findBrowser(): Promise<BrowserFiles | undefined> {
  const given = process.env['CHROMIUM_PATH'];
  if (given && existsSync(given)) return { path: given, env: {} };
  if (process.platform === 'linux' && process.arch === 'x64') return await packedBrowser();
  return existsSync(DEBIAN) ? { path: DEBIAN, env: {} } : undefined;
}

/** Unpacks into a directory of its own first: whoever sees the final one sees all of it. */
async function packedBrowser(): Promise<BrowserFiles> {
  const bin = join(dirname(require.resolve('@sparticuz/chromium')), '../bin');
  const { size } = await stat(join(bin, 'chromium.br'));
  const target = join(modules, '.cache', `chromium-${size}`);
  if (!existsSync(target)) {
    await mkdir(dirname(target), { recursive: true });
    const part = await mkdtemp(`${target}-`);
    await unpackAll(bin, part, target);
    await rename(part, target).catch(async (error: unknown) => {
      await rm(part, { recursive: true });
      if (!existsSync(target)) throw error;
    });
  }
  return {
    path: join(target, 'chromium'),
    env: { LD_LIBRARY_PATH: join(target, 'lib'), FONTCONFIG_FILE: join(target, 'local.conf') },
  };
}

async function unpackAll(from: string, to: string, target: string): Promise<void> {
  await unpack(join(from, 'chromium.br'), join(to, 'chromium'));
  for (const name of ['fonts.tar', 'al2023.tar']) {
    const archive = join(to, name);
    await unpack(join(from, `${name}.br`), archive);
    await run('tar', ['-xf', archive, '-C', to, '--no-same-owner']);
    await rm(archive);
  }
  const directories = [join(target, 'fonts'), '/usr/share/fonts']
    .map((path) => `<dir>${path}</dir>`)
    .join('');
  const cache = `<cachedir>${join(target, 'font-cache')}</cachedir>`;
  await writeFile(join(to, 'local.conf'), `<fontconfig>${directories}${cache}</fontconfig>`);
}

async function unpack(archive: string, file: string): Promise<void> {
  await pipeline(
    createReadStream(archive),
    createBrotliDecompress(),
    createWriteStream(file, { mode: 0o700 }),
  );
}
