// compose.yaml and the proxy in it: hardened, started with settings that exist, and in agreement with the image.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeConfig, readConfig } from '../../src/config.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Service {
  image: string;
  build?: string;
  profiles?: string[];
  user?: string;
  read_only?: boolean;
  restart?: string;
  cap_drop?: string[];
  security_opt?: string[];
  tmpfs?: string[];
  privileged?: boolean;
  ports?: string[];
  volumes?: string[];
  networks?: string[];
  command?: string[];
  environment?: Record<string, string>;
  env_file?: { path: string; required: boolean }[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  stop_grace_period?: string;
}
interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
}

const text = read('compose.yaml');
const parsed = (yaml: string): Compose =>
  parse(yaml.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true });
const compose = parsed(text);
const services = Object.entries(compose.services);
const servers = services.filter(([, service]) => service.build !== undefined);
const nodes = servers.filter(([, { profiles }]) => profiles?.includes('nodes'));

const image = read('Dockerfile');
const imageEnv = Object.fromEntries(
  [...image.matchAll(/^\s*(?:ENV )?([A-Z_]+)=(\S+) *\\?$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
);
const settings = new Set(describeConfig().map(({ name }) => name));

/** How a server would be started. */
const configOf = ({ environment }: Service) => readConfig({ ...imageEnv, ...environment });

/** What a broken container could do more than it has to. */
function loosenessOf({ services }: Compose): string[] {
  return Object.entries(services).flatMap(([name, service]) => {
    const rules: Record<string, boolean> = {
      'may write to its root': service.read_only !== true,
      'keeps capabilities': service.cap_drop?.join() !== 'ALL',
      'may gain rights': !service.security_opt?.includes('no-new-privileges:true'),
      'has no place to write to': !service.tmpfs?.some((path) => path.startsWith('/tmp')),
      'is privileged': service.privileged === true,
      'is not started again': service.restart !== 'unless-stopped',
      'has an image without an exact version': !/^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$/.test(service.image),
      'is open to the network': (service.ports ?? []).some((port) => !port.startsWith('127.0.0.1:')),
      'takes something of the host that may be written':
        service.volumes?.some((volume) => /^[./]/.test(volume) && !volume.endsWith(':ro')) ?? false,
    };
    return Object.keys(rules).flatMap((rule) => (rules[rule] ? `${name} ${rule}` : []));
  });
}

describe('compose.yaml', () => {
  it('gives no container more than it needs', () => {
    expect(loosenessOf(compose)).toEqual([]);
  });

  it.each<[looseness: string, from: string, to: string]>([
    ['may write', 'read_only: true', 'read_only: false'],
    ['capabilities', 'cap_drop: [ALL]', 'cap_drop: [NET_RAW]'],
    ['gain rights', 'no-new-privileges:true', 'no-new-privileges:false'],
    ['place to write', '/tmp:size', '/var/tmp:size'],
    ['privileged', 'mem_limit: 2g', 'privileged: true'],
    ['started again', 'unless-stopped', 'no'],
    ['exact version', 'ollama/ollama:0.40.0', 'ollama/ollama:latest'],
    ['open to the network', "'127.0.0.1:$", "'$"],
    ['something of the host', 'haproxy.cfg:ro', 'haproxy.cfg'],
  ])('would be found out: %s', (looseness, from, to) => {
    const broken = text.replace(from, to);

    expect(broken).not.toBe(text);
    expect(loosenessOf(parsed(broken)).some((found) => found.includes(looseness))).toBe(true);
  });

  it('starts servers with settings that exist, and that let nobody in without a key', () => {
    expect(servers.map(([name]) => name)).toEqual(['server', 'node1', 'node2']);
    for (const [, service] of servers) {
      expect(Object.keys(service.environment ?? {}).filter((name) => !settings.has(name))).toEqual([]);
      expect(configOf(service)).toMatchObject({ AUTH_MODE: 'key', API_KEYS_FILE: '/keys/api-keys.json' });
      expect(() => configOf({ ...service, environment: { AUTH_MODE: 'none' } })).toThrow(/authentication/);
    }
  });

  it('gives a server the time to stop that it may take', () => {
    for (const [, service] of servers) {
      const { DRAIN_DELAY_MS, DRAIN_MS } = configOf(service);
      const graceMs = 1000 * Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1]);

      expect(graceMs).toBeGreaterThanOrEqual(DRAIN_DELAY_MS + DRAIN_MS + 10_000);
    }
  });

  it('keeps keys and data where the image may write', () => {
    const writable = [...(/install -d .* (\/data .*)/.exec(image)?.[1]?.split(' ') ?? [])];

    expect(writable).toEqual(['/data', '/keys', '/backups']);
    for (const [, { volumes = [], profiles }] of servers)
      // what nodes keep is in Redis
      expect(volumes.map((volume) => volume.split(':')[1])).toEqual(
        profiles ? writable.slice(0, 2) : writable,
      );
  });

  it('lets nodes share their keys, and nothing else', () => {
    const [one = [], two = []] = nodes.map(([, { volumes = [] }]) => volumes);

    expect(nodes).toHaveLength(2);
    expect(one.filter((volume) => two.includes(volume))).toEqual(['keys:/keys']);
  });

  it('publishes the port that the server listens on', () => {
    const [, { ports } = {}] = servers.find(([name]) => name === 'server') ?? [];

    expect(ports?.[0]?.split(':').at(-1)).toBe(imageEnv['PORT']);
  });

  it('names only networks, volumes and files that there are', () => {
    for (const [name, { networks = [], volumes = [] }] of services) {
      const sources = volumes.map((volume) => volume.split(':')[0] ?? '');
      const missing = sources.filter((source) =>
        source.startsWith('./') ? !existsSync(join(root, source)) : !(source in compose.volumes),
      );

      expect(networks.length, name).toBeGreaterThan(0);
      expect(networks.filter((network) => !(network in compose.networks))).toEqual([]);
      expect(missing).toEqual([]);
    }
  });

  it('takes settings of one’s own from a file that is never needed, and never committed', () => {
    for (const [, { env_file: files = [] }] of servers) {
      expect(files).toHaveLength(1);
      for (const { path, required } of files) {
        expect(required).toBe(false);
        expect(read(join(path, '../.gitignore')).split('\n')).toContain(path.split('/').at(-1));
      }
    }
  });

  it('waits for services that can be reached, can tell how they are, and are started with it', () => {
    const waits = services.flatMap(([, service]) =>
      Object.entries(service.depends_on ?? {}).map(([name, { condition }]) => ({ service, name, condition })),
    );

    expect(waits.length).toBeGreaterThan(0);
    for (const { service, name, condition } of waits) {
      const { networks = [], profiles = [], build, healthcheck } = compose.services[name] ?? {};

      expect(networks.some((network) => service.networks?.includes(network))).toBe(true);
      expect(condition === 'service_started' || Boolean(build ?? healthcheck)).toBe(true);
      for (const profile of profiles) expect(service.profiles).toContain(profile);
    }
  });

  it('waits for nothing in a circle', () => {
    const isReached = (name: string, from: string, seen: readonly string[] = []): boolean =>
      Object.keys(compose.services[from]?.depends_on ?? {}).some(
        (next) => next === name || (!seen.includes(next) && isReached(name, next, [...seen, next])),
      );

    expect(isReached('redis', 'proxy')).toBe(true);
    expect(services.map(([name]) => name).filter((name) => isReached(name, name))).toEqual([]);
  });

  it('has Redis where only nodes reach it, which throws nothing away', () => {
    const beside = services.filter(([, { networks }]) => networks?.includes('store')).map(([name]) => name);

    expect(beside).toEqual(['node1', 'node2', 'redis']);
    expect(compose.networks['store']?.internal).toBe(true);
    expect(compose.services['redis']?.networks).toEqual(['store']);
    expect(compose.services['redis']?.ports).toBeUndefined();
    expect(compose.services['redis']?.command?.join(' ')).toMatch(
      /--appendonly yes.*--maxmemory-policy noeviction/,
    );
    for (const [, service] of nodes) expect(configOf(service).REDIS_URL).toEqual(['redis://redis:6379']);
  });
});

describe('the proxy of compose.yaml', () => {
  const config = read('deploy/compose/haproxy.cfg');
  const sectionOf = (name: string) =>
    new RegExp(`^(backend|frontend) ${name}\n(( +.*\n|#.*\n|\n)*)`, 'm').exec(config)?.[2] ?? '';

  it('listens where its port leads to', () => {
    const bind = /bind :(\d+)/.exec(config)?.[1];

    expect(compose.services['proxy']?.ports?.[0]?.split(':').at(-1)).toBe(bind);
    expect(compose.services['proxy']?.healthcheck?.test.at(-1)).toBe(`http://127.0.0.1:${bind}/livez`);
  });

  it.each(['nodes', 'sockets', 'any'])('knows all nodes in %s', (name) => {
    const lines = [...sectionOf(name).matchAll(/server (\S+) (\S+)/g)].map(([, , address]) => address);

    expect(lines).toEqual(nodes.map(([node]) => `${node}:${imageEnv['PORT']}`));
  });

  it('leaves out who is not ready, but asks them all when nobody is', () => {
    for (const name of ['nodes', 'sockets']) {
      expect(sectionOf(name)).toContain('option httpchk GET /readyz');
      expect(sectionOf(name).match(/ check$/gm)).toHaveLength(nodes.length);
    }
    expect(sectionOf('any')).not.toMatch(/check/);
    expect(sectionOf('chat')).toContain('use_backend any if { nbsrv(nodes) eq 0 }');
  });

  it('waits longer than a long poll, and finds out about a node that stops before that refuses', () => {
    const secondsOf = (name: string) => Number(new RegExp(`${name} (\\d+)s`).exec(config)?.[1]);

    for (const timeout of ['timeout client', 'timeout server', 'timeout tunnel'])
      expect(secondsOf(timeout)).toBeGreaterThan(30);
    const [, seconds, fall] = /inter (\d+)s fall (\d+)/.exec(config) ?? [];
    for (const [, service] of nodes)
      expect(configOf(service).DRAIN_DELAY_MS).toBeGreaterThan(1000 * (Number(seconds) * Number(fall) + 1));
  });
});
