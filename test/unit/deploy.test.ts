// The manifests for Kubernetes: whole, restricted, and in agreement with the image and the settings.
import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { describeConfig, readConfig } from '../../src/config.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const files = globSync('deploy/kubernetes/**/*.yaml', { cwd: root }).sort();

interface Probe {
  httpGet?: { path: string; port: string; httpHeaders?: { name: string; value: string }[] };
  periodSeconds: number;
  failureThreshold: number;
}
interface Container {
  name: string;
  image: string;
  args?: string[];
  ports: { name: string; containerPort: number }[];
  env: { name: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  envFrom?: { configMapRef: { name: string } }[];
  securityContext?: {
    privileged?: boolean;
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}
interface Pod {
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  serviceAccountName?: string;
  terminationGracePeriodSeconds: number;
  securityContext?: {
    runAsNonRoot?: boolean;
    runAsUser?: number;
    runAsGroup?: number;
    fsGroup?: number;
    seccompProfile?: { type: string };
  };
  containers: Container[];
  topologySpreadConstraints?: { labelSelector: { matchLabels: Labels } }[];
  volumes: { name: string; hostPath?: object; secret?: { secretName: string; defaultMode: number } }[];
}
type Labels = Record<string, string>;
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Labels; annotations?: Labels };
  data: Labels;
  automountServiceAccountToken?: boolean;
  resources: string[];
  images: { newTag: string }[];
  namespace: string;
  spec: {
    replicas?: number;
    selector: { matchLabels: Labels } & Labels;
    podSelector: { matchLabels: Labels };
    template: { metadata: { labels: Labels }; spec: Pod };
    scaleTargetRef: { kind: string; name: string };
    minReplicas: number;
    maxReplicas: number;
    maxUnavailable: number;
    ports: { name: string; targetPort: string }[];
    policyTypes: string[];
    ingress: { ports: { port: string }[] }[];
    egress: { to: { podSelector?: { matchLabels: Labels } }[] }[];
    rules: { http: { paths: { backend: { service: { name: string; port: { name: string } } } }[] } }[];
    podMetricsEndpoints: {
      port: string;
      path: string;
      authorization: { credentials: { name: string; key: string } };
    }[];
  };
}

const documents = files.flatMap((file) => parseAllDocuments(read(file)));
const manifests: Manifest[] = documents.map((document) => document.toJS());
const find = (kind: string, name = 'stillpoint'): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`There is no ${kind} ${name}`);
  return found;
};
const workloads = manifests.filter(({ spec }) => spec?.template !== undefined);

const kustomization: Manifest = parse(read('deploy/kubernetes/kustomization.yaml'));
const deployment = find('Deployment');
const pod = deployment.spec.template.spec;
const server = mustFirst(pod.containers);
const labels = deployment.spec.template.metadata.labels;
const settingNames = new Set(describeConfig().map(({ name }) => name));
const image = read('Dockerfile');
const { PORT = '', UID = '' } = {
  PORT: /\bPORT=(\d+)/.exec(image)?.[1],
  UID: /^USER (\d+):\d+$/m.exec(image)?.[1],
};

function mustFirst<T>([first]: readonly T[]): T {
  if (first === undefined) throw new Error('There is none');
  return first;
}

/** What the profile `restricted` of the Pod Security Standards does not let in, and what goes beyond it here. */
function forbiddenIn(pod: Pod): string[] {
  const { securityContext: context } = pod;
  const rules: Record<string, boolean> = {
    'shares with the host': [pod.hostNetwork, pod.hostPID, pod.hostIPC].includes(true),
    'mounts of the host': pod.volumes?.some((volume) => volume.hostPath !== undefined) ?? false,
    'may be root': context?.runAsNonRoot !== true || !((context.runAsUser ?? 0) > 0),
    'has every system call': context?.seccompProfile?.type !== 'RuntimeDefault',
    'has a token': pod.automountServiceAccountToken !== false,
    'gets variables of services': pod.enableServiceLinks !== false,
  };
  return [
    ...Object.keys(rules).filter((rule) => rules[rule]),
    ...pod.containers.flatMap(forbiddenInContainer),
  ];
}

function forbiddenInContainer({ securityContext: context, resources }: Container): string[] {
  const { drop, add = [] } = context?.capabilities ?? {};
  const rules: Record<string, boolean> = {
    'is privileged': context?.privileged === true,
    'may gain rights': context?.allowPrivilegeEscalation !== false,
    'keeps capabilities': drop?.join() !== 'ALL' || add.length > 0,
    'may write to its root': context?.readOnlyRootFilesystem !== true,
    'asks for nothing': !resources?.requests?.['cpu'] || !resources.requests['memory'],
    'may take all memory': !resources?.limits?.['memory'],
  };
  return Object.keys(rules).filter((rule) => rules[rule]);
}

describe('every manifest', () => {
  it('can be read, and says what it is', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    for (const { apiVersion, kind } of manifests) {
      expect(apiVersion).toMatch(/^([a-z0-9.]+\/)?v\d+(beta\d+)?$/);
      expect(kind).toMatch(/^[A-Z]/);
    }
  });

  it('is part of the whole, or an example', () => {
    const folder = globSync('deploy/kubernetes/*.yaml', { cwd: root }).map((file) => basename(file));

    expect(kustomization.resources.toSorted()).toEqual(
      folder.filter((file) => file !== 'kustomization.yaml').toSorted(),
    );
    expect(find('Namespace').metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
    expect(kustomization.namespace).toBe('stillpoint');
  });

  it('runs the version that the package has', () => {
    const { version }: { version: string } = JSON.parse(read('package.json'));

    expect(kustomization.images.map(({ newTag }) => newTag)).toEqual([version]);
    expect(read('compose.yaml')).toContain(`image: stillpoint:${version}\n`);
  });
});

describe('pods', () => {
  it('pass as restricted', () => {
    expect(workloads.map(({ kind }) => kind)).toEqual(['Deployment', 'StatefulSet']);
    for (const { spec } of workloads) expect(forbiddenIn(spec.template.spec)).toEqual([]);
  });

  it.each<[fault: string, from: string | RegExp, to: string]>([
    ['shares with the host', 'serviceAccountName', 'hostNetwork: true\n      serviceAccountName'],
    ['mounts of the host', 'emptyDir: { sizeLimit: 256Mi }', 'hostPath: { path: / }'],
    ['may be root', 'runAsNonRoot: true', 'runAsNonRoot: false'],
    ['may be root', 'runAsUser: 1000', 'runAsUser: 0'],
    ['every system call', /seccompProfile:.*/, ''],
    ['token', 'automountServiceAccountToken: false', ''],
    ['variables', 'enableServiceLinks: false', ''],
    ['privileged', 'allowPrivilegeEscalation: false', 'privileged: true'],
    ['gain rights', 'allowPrivilegeEscalation: false', ''],
    ['capabilities', 'drop: [ALL]', 'drop: [NET_RAW]'],
    ['capabilities', 'drop: [ALL]', 'drop: [ALL], add: [SYS_ADMIN]'],
    ['write to its root', 'readOnlyRootFilesystem: true', ''],
    ['asks for nothing', /requests: .*/, ''],
    ['all memory', /limits: .*/, ''],
  ])('would be found out: %s', (fault, from, to) => {
    const text = read('deploy/kubernetes/deployment.yaml');
    const broken = text.replace(from, to);
    const manifest: Manifest = parse(broken);

    expect(broken).not.toBe(text);
    expect(forbiddenIn(manifest.spec.template.spec).some((found) => found.includes(fault))).toBe(true);
  });

  it('run as the user of the image, who may read the keys that others may not', () => {
    const keys = pod.volumes.find(({ secret }) => secret !== undefined);

    expect(String(pod.securityContext?.runAsUser)).toBe(UID);
    expect(pod.securityContext?.fsGroup).toBe(pod.securityContext?.runAsGroup);
    expect(keys?.secret?.defaultMode).toBe(0o440);
  });

  it('have a place to write to wherever the server writes, and read keys from the folder of the settings', () => {
    const mounts = Object.fromEntries(server.volumeMounts.map((mount) => [mount.mountPath, mount.readOnly]));
    const { API_KEYS_FILE, ENCRYPTION_KEY_FILE } = find('ConfigMap').data;

    expect(mounts).toStrictEqual({ '/data': undefined, '/tmp': undefined, '/keys': true });
    expect(server.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
    for (const file of [API_KEYS_FILE, ENCRYPTION_KEY_FILE]) expect(file).toMatch(/^\/keys\/[\w.-]+$/);
  });
});

describe('settings', () => {
  const environment = {
    HOST: '0.0.0.0',
    REDIS_URL: 'redis://redis:6379',
    OPERATOR_KEY: 'o'.repeat(32),
    METRICS_KEY: 'm'.repeat(32),
    ...find('ConfigMap').data,
  };

  it('exist, and a server starts with them', () => {
    const names = [...Object.keys(find('ConfigMap').data), ...server.env.map(({ name }) => name)];

    expect(names).toContain('METRICS_KEY');
    expect(names.filter((name) => !settingNames.has(name))).toEqual([]);
    expect(server.envFrom?.map(({ configMapRef: { name } }) => name)).toEqual([
      find('ConfigMap').metadata.name,
    ]);
    expect(readConfig(environment)).toMatchObject({ AUTH_MODE: 'key' });
    expect(() => readConfig({ ...environment, AUTH_MODE: 'none' })).toThrow(/authentication/);
  });

  it('that are secret come from the Secret, under their own names', () => {
    expect(server.env.map(({ name }) => name)).toEqual(
      server.env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.key),
    );
    expect(new Set(server.env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name)).size).toBe(1);
    expect(Object.keys(find('ConfigMap').data).filter((name) => /SECRET|(?<!_)KEY$|URL$/.test(name))).toEqual(
      ['OLLAMA_BASE_URL'],
    );
  });

  it('leave a pod the time to stop that it may take, and others the time to look elsewhere', () => {
    const { DRAIN_DELAY_MS, DRAIN_MS } = readConfig(environment);

    expect(DRAIN_DELAY_MS).toBeGreaterThanOrEqual(5_000);
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(
      DRAIN_DELAY_MS + DRAIN_MS + 10_000,
    );
  });
});

describe('probes', () => {
  const probes = [server.startupProbe, server.livenessProbe, server.readinessProbe];
  const routes = new Set(
    globSync('src/**/*.ts', { cwd: root }).flatMap((file) =>
      [...read(file).matchAll(/\bapp\.get\('([^']+)'/g)].map(([, route]) => route),
    ),
  );

  it('ask for a route that is there, at the port of the image, by a name that is always answered', () => {
    const port = mustFirst(server.ports);

    expect(String(port.containerPort)).toBe(PORT);
    for (const { httpGet } of probes) {
      expect(routes).toContain(httpGet?.path);
      expect(httpGet?.port).toBe(port.name);
      expect(httpGet?.httpHeaders).toEqual([{ name: 'Host', value: 'localhost' }]);
    }
  });

  it('never take pods away because the store is: that would take the help away too', () => {
    expect(probes.map(({ httpGet }) => httpGet?.path)).not.toContain('/readyz');
  });

  it('are patient with a start, and kill nobody within half a minute', () => {
    const patienceOf = ({ periodSeconds, failureThreshold }: Probe) => periodSeconds * failureThreshold;

    expect(patienceOf(server.startupProbe)).toBeGreaterThanOrEqual(60);
    expect(patienceOf(server.livenessProbe)).toBeGreaterThanOrEqual(30);
    expect(patienceOf(server.readinessProbe)).toBeLessThan(patienceOf(server.livenessProbe));
  });

  it('of Prometheus ask for metrics, with the key that the server wants', () => {
    const endpoint = mustFirst(find('PodMonitor').spec.podMetricsEndpoints);
    const key = server.env.find(({ name }) => name === 'METRICS_KEY')?.valueFrom?.secretKeyRef;

    expect(routes).toContain(endpoint.path);
    expect(endpoint.port).toBe(mustFirst(server.ports).name);
    expect(endpoint.authorization.credentials).toMatchObject(key ?? {});
  });
});

describe('what belongs together', () => {
  it('means the same pods', () => {
    const selectors = [
      deployment.spec.selector.matchLabels,
      find('Service').spec.selector,
      find('PodDisruptionBudget').spec.selector.matchLabels,
      find('NetworkPolicy').spec.podSelector.matchLabels,
      find('PodMonitor').spec.selector.matchLabels,
      ...(pod.topologySpreadConstraints ?? []).map(({ labelSelector }) => labelSelector.matchLabels),
    ];

    expect(selectors).toHaveLength(7);
    for (const selector of selectors) expect(selector).toEqual(labels);
    expect(pod.serviceAccountName).toBe(find('ServiceAccount').metadata.name);
    expect(find('ServiceAccount').automountServiceAccountToken).toBe(false);
  });

  it('leads from the Ingress to the server', () => {
    const { service } = mustFirst(
      mustFirst(find('Ingress').spec.rules).http.paths.map(({ backend }) => backend),
    );
    const port = mustFirst(find('Service').spec.ports);

    expect(service).toEqual({ name: find('Service').metadata.name, port: { name: port.name } });
    expect(port.targetPort).toBe(mustFirst(server.ports).name);
    expect(mustFirst(mustFirst(find('NetworkPolicy').spec.ingress).ports).port).toBe(port.targetPort);
  });

  it('waits longer than a long poll, and holds nothing back', () => {
    const { annotations = {} } = find('Ingress').metadata;

    expect(annotations['nginx.ingress.kubernetes.io/proxy-buffering']).toBe('off');
    for (const name of ['proxy-read-timeout', 'proxy-send-timeout'])
      expect(Number(annotations[`nginx.ingress.kubernetes.io/${name}`])).toBeGreaterThan(30);
  });

  it('keeps three or more, and says only once how many', () => {
    const { scaleTargetRef, minReplicas, maxReplicas } = find('HorizontalPodAutoscaler').spec;

    expect(scaleTargetRef).toMatchObject({ kind: 'Deployment', name: deployment.metadata.name });
    expect(minReplicas).toBeGreaterThanOrEqual(3);
    expect(maxReplicas).toBeGreaterThan(minReplicas);
    expect(deployment.spec.replicas).toBeUndefined();
    expect(find('PodDisruptionBudget').spec.maxUnavailable).toBeLessThan(minReplicas);
  });

  it('lets nodes reach Redis, and nobody else', () => {
    const redis = find('StatefulSet', 'redis').spec.template;
    const policy = find('NetworkPolicy', 'redis');
    const from = JSON.stringify(policy.spec.ingress);
    const to = find('NetworkPolicy').spec.egress.flatMap((rule) =>
      rule.to.flatMap(({ podSelector }) => (podSelector ? [podSelector.matchLabels] : [])),
    );

    expect(to).toEqual([redis.metadata.labels]);
    expect(policy.spec.podSelector.matchLabels).toEqual(redis.metadata.labels);
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(from.match(/[a-z]+Selector/g)).toEqual(['podSelector']);
    expect(from).toContain(JSON.stringify(labels));
    expect(mustFirst(redis.spec.containers).args?.join(' ')).toMatch(
      /--appendonly yes.*--maxmemory-policy noeviction --requirepass /,
    );
  });
});
