// Where the blocks of a page are run, one after the other, as a reader types them: a directory with the packages at hand.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { root } from './docs-pages.ts';
import { pathOf, rest } from './rest.ts';
import { startServer, tempDir } from './server-process.ts';

const run = promisify(execFile);
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const Sessions = z.object({ sessions: z.array(z.object({ session_id: z.string() })) });
/** Where the pages say the server is. */
const address = /\b(localhost|127\.0\.0\.1):8090\b/g;
const BLOCK_MS = 30_000;
/** Debian's, which has python-socketio; else whatever there is. */
const python = '/usr/bin/python3';

export interface DocsServer extends AsyncDisposable {
  url: string;
  dataDir: string;
}

/** With the built-in guide, at no pace. Disposing ends it and removes its data. */
export async function startDocsServer(env: Record<string, string>): Promise<DocsServer> {
  const stack = new AsyncDisposableStack();
  const { path: dataDir } = stack.use(await tempDir());
  const settings = { MODEL: 'guide', GUIDE_WORD_MS: '0', ...env };
  const { url } = stack.use(await startServer({ dataDir, env: settings }));
  return { url, dataDir, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What one `curl` was answered with. */
export interface Call {
  status: number;
  body: string;
}

/**
 * `npm run` without npm, which takes a second each time; `npm start` reads its settings and goes; `curl` notes what it
 * is answered, and leaves streams that have no end after a second. What changes the machine is refused.
 */
function prelude(): string {
  const cases = Object.entries(scripts).map(([name, command]) => `${name}) (${command} "$@") ;;`);
  const settings = `import { readConfig } from '${join(root, 'src/config.ts')}'; readConfig(process.env);`;
  return `set -euo pipefail; set -a
[ ! -e .state ] || . ./.state
npm() {
  case "$1" in
    start) node --input-type=module --eval "${settings}" ;;
    run) shift; [ "$1" != -s ] || shift; local name=$1; shift; [ "\${1:-}" != -- ] || shift
      case "$name" in ${cases.join('\n')}
        *) echo "there is no script $name" >&2; return 96 ;; esac ;;
    *) echo "npm $1 is not run here: docs-register.ts has to say how it is" >&2; return 97 ;;
  esac
}
for tool in docker kubectl helm git sudo apt-get systemctl nginx; do
  eval "$tool() { echo '$tool is not run here: is this block for console, or has the register to say how it is run?' >&2; return 98; }"
done
curl() {
  local most=20 outcome=0 file=".call-$(wc -l < .statuses)"
  case "$*" in *-w\\ *|*--write-out*) command curl -sS --max-time 20 "$@"; return ;; */events*) most=1 ;; esac
  command curl -sS --max-time $most --write-out '\\n%{http_code}' "$@" > "$file" || outcome=$?
  echo "$(tail -n 1 "$file")" >> .statuses; sed -i '$d' "$file"; cat "$file"
  [ $outcome = 28 ] && [ $most = 1 ] && return 0
  return $outcome
}
`;
}

/** Packages as an installation brings them; the client is taken from its sources. */
async function install(directory: string): Promise<void> {
  const modules = join(root, 'node_modules');
  const own = join(directory, 'node_modules');
  await mkdir(join(own, 'stillpoint-client'), { recursive: true });
  for (const name of await readdir(modules)) await symlink(join(modules, name), join(own, name));
  for (const name of ['src', 'test', 'client', 'bench', 'docs', 'package.json'])
    await symlink(join(root, name), join(directory, name));
  const exports = { '.': './index.js', './react': './react.js' };
  await writeFile(join(own, 'stillpoint-client/package.json'), JSON.stringify({ type: 'module', exports }));
  for (const [file, source] of [
    ['index', 'client'],
    ['react', 'react'],
  ])
    await writeFile(
      join(own, `stillpoint-client/${file}.js`),
      `export * from ${JSON.stringify(join(root, `client/sdk/${source}.ts`))};`,
    );
}

export class Desk implements AsyncDisposable {
  readonly #server: DocsServer;
  readonly #env: Record<string, string>;
  readonly #directory: Awaited<ReturnType<typeof tempDir>>;

  static async open(server: DocsServer, env: Record<string, string>): Promise<Desk> {
    const directory = await tempDir();
    await install(directory.path);
    return new Desk(server, env, directory);
  }

  private constructor(
    server: DocsServer,
    env: Record<string, string>,
    directory: Awaited<ReturnType<typeof tempDir>>,
  ) {
    this.#server = server;
    this.#directory = directory;
    this.#env = {
      PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      HOME: directory.path,
      DATA_DIR: server.dataDir,
      PORT: '0',
      STILLPOINT_URL: server.url,
      PYTHONIOENCODING: 'utf-8',
      PYTHONDONTWRITEBYTECODE: '1',
      NO_COLOR: '1',
      ...env,
    };
  }

  /** Ids are free again, as on a server that nobody has used. */
  async clear(): Promise<void> {
    const { sessions } = Sessions.parse(await (await fetch(`${this.#server.url}/api/v1/sessions`)).json());
    for (const { session_id: id } of sessions) await rest(this.#server.url, `DELETE ${pathOf(id)}`);
  }

  /** Types it into a shell that has typed all before. @throws when a command fails, with all that was written. */
  async shell(code: string): Promise<{ stdout: string; calls: Call[] }> {
    const { path } = this.#directory;
    await writeFile(join(path, '.statuses'), '');
    const keep = 'export -p | grep -v SHELLOPTS > .state; declare -f >> .state';
    const stdout = await this.#run('bash', ['-c', `${prelude()}${this.#atServer(code)}\n${keep}`]);
    const statuses = (await readFile(join(path, '.statuses'), 'utf8')).split('\n').filter(Boolean);
    const calls = statuses.map(async (status, i) => ({
      status: Number(status),
      body: await readFile(join(path, `.call-${i}`), 'utf8'),
    }));
    return { stdout, calls: await Promise.all(calls) };
  }

  /** Runs a program of JavaScript or TypeScript, with the variables of the shell. */
  async program(name: string, code: string): Promise<string> {
    await writeFile(join(this.#directory.path, name), this.#atServer(code));
    const { stdout } = await this.shell(`node --experimental-eventsource --no-warnings ${name}`);
    return stdout;
  }

  async python(name: string, code: string): Promise<string> {
    await writeFile(join(this.#directory.path, name), this.#atServer(code));
    const { stdout } = await this.shell(
      `if [ -x ${python} ]; then ${python} ${name}; else python3 ${name}; fi`,
    );
    return stdout;
  }

  #atServer(code: string): string {
    return code.replaceAll(address, this.#server.url.replace('http://', ''));
  }

  async #run(command: string, args: string[]): Promise<string> {
    const { path: cwd } = this.#directory;
    const options = { cwd, env: this.#env, timeout: BLOCK_MS };
    const ended: { stdout: string; stderr: string; code?: unknown } = await run(command, args, options).catch(
      (error) => error,
    );
    if ('code' in ended) throw new Error(`exit ${String(ended.code)}: ${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}
