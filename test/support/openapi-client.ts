// A client that knows a server by its OpenAPI document alone, follows the links in it, and keeps what is wrong.
import fc from 'fast-check';
import { faultsOf } from './openapi-check.ts';
import { readOpenApi } from './openapi-document.ts';
import type { Endpoint, OpenApi } from './openapi-document.ts';
import { isObject, parseJson, Schemas } from './openapi-schema.ts';
import type { Json, JsonObject } from './openapi-schema.ts';
import { anyShot, dress, edgeShots, plainShot } from './openapi-shots.ts';
import type { Shot } from './openapi-shots.ts';
import { Wire } from './openapi-wire.ts';
import type { Got } from './openapi-wire.ts';

export interface Keys {
  token: string | null;
  operator: string | null;
}

/** So many sets of parameters are kept that links gave for one operation. */
const KEPT = 8;

export class OpenApiClient implements Disposable {
  readonly api: OpenApi;
  /** `operationId status`, of everything that was answered. */
  readonly seen = new Set<string>();
  /** What is wrong, each once, with the request that first showed it. */
  readonly findings = new Map<string, string>();
  sent = 0;
  readonly #schemas: Schemas;
  readonly #wire: Wire;
  readonly #keys: Keys;
  readonly #linked = new Map<string, JsonObject[]>();

  constructor(url: string, document: unknown, keys: Keys) {
    this.api = readOpenApi(document);
    this.#schemas = new Schemas(this.api.schemas, '2020');
    this.#wire = new Wire(url);
    this.#keys = keys;
  }

  /** Fetches the document of a server. */
  static async of(url: string, keys: Keys = { token: null, operator: null }): Promise<OpenApiClient> {
    const response = await fetch(`${url}/openapi.json`);
    return new OpenApiClient(url, await response.json(), keys);
  }

  endpoint(operationId: string): Endpoint {
    const found = this.api.endpoints.find((one) => one.operationId === operationId);
    if (!found) throw new Error(`no operation ${operationId}`);
    return found;
  }

  /** Every edge of every operation; what ends a life comes last. */
  async tryEdges(): Promise<void> {
    const order = [...this.api.endpoints].sort(
      (a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'),
    );
    for (const endpoint of order) {
      await this.prepare(endpoint);
      for (const shot of [plainShot(endpoint, this.api), ...edgeShots(endpoint, this.api)]) {
        const got = await this.fire(shot);
        if (endpoint.method === 'DELETE' && got?.status === 200) await this.prepare(endpoint);
      }
    }
  }

  /** So many requests by chance; the same seed makes the same. */
  async tryAny(count: number, seed: number): Promise<void> {
    const any = fc.oneof(...this.api.endpoints.map((endpoint) => anyShot(endpoint, this.api)));
    for (const shot of fc.sample(any, { seed, numRuns: count })) await this.fire(shot);
  }

  /** Makes what the path of an operation names, as the links of the document say how. */
  async prepare(endpoint: Endpoint, more: { body?: Json } = {}): Promise<void> {
    const maker = this.api.endpoints.find((one) =>
      Object.values(one.responses).some(({ links }) =>
        Object.values(links).some(
          (link) => link.operationId === endpoint.operationId && namesPath(link.parameters, endpoint),
        ),
      ),
    );
    if (!maker || maker === endpoint) return;
    await this.prepare(maker);
    await this.fire({ ...plainShot(maker, this.api), ...more });
  }

  /** Sends a request, judges its answer, and keeps what the links in that give. */
  async fire(shot: Shot): Promise<Got | undefined> {
    const { endpoint } = shot;
    const values = this.#valuesOf(shot);
    const isOperators = endpoint.security?.some((needed) => 'operator' in needed) ?? false;
    const sent = dress(shot, values, isOperators ? this.#keys.operator : this.#keys.token);
    const got = await this.#wire.send(sent);
    this.sent += 1;
    if (!got) return undefined;
    const isOwn = sent.method === endpoint.method;
    if (isOwn) this.seen.add(`${endpoint.operationId} ${got.status}`);
    for (const fault of faultsOf(shot, values, got, this.api, this.#schemas)) {
      const key = `${endpoint.operationId}: ${fault}`;
      const request = `${sent.method} ${sent.path.slice(0, 200)} ${sent.body?.toString().slice(0, 200) ?? ''}`;
      if (!this.findings.has(key)) this.findings.set(key, request);
    }
    if (isOwn && shot.isPlain) this.#learn(shot, values, got);
    return got;
  }

  [Symbol.dispose](): void {
    this.#wire[Symbol.dispose]();
  }

  /** By chance three in four requests go where a link leads; an edge always does but for itself. */
  #valuesOf({ endpoint, pick, params }: Shot): JsonObject {
    const all = this.#linked.get(endpoint.operationId) ?? [];
    const inPath = endpoint.parameters.filter(({ in: place }) => place === 'path');
    const made = Object.fromEntries(inPath.map(({ name }): [string, Json] => [name, 'a']));
    if (pick < 0) return { ...made, ...all.at(-1), ...params };
    return { ...made, ...params, ...(pick < 6 && all[pick % (all.length || 1)]) };
  }

  #learn({ endpoint, body }: Shot, params: JsonObject, got: Got): void {
    const links = Object.values(endpoint.responses[got.status]?.links ?? {});
    if (links.length === 0) return;
    const values: Values = { params, body, answer: parseJson(got.text)?.value };
    for (const { operationId, parameters } of links) {
      const given = Object.entries(parameters).map(([name, text]) => [name, valueOf(text, values)]);
      if (given.some(([, value]) => value === undefined)) continue;
      const kept = this.#linked.get(operationId) ?? [];
      this.#linked.set(operationId, [...kept, Object.fromEntries(given) as JsonObject].slice(-KEPT));
    }
  }
}

function namesPath(parameters: Record<string, string>, { parameters: own }: Endpoint): boolean {
  return own.every(({ in: place, name }) => place !== 'path' || name in parameters);
}

interface Values {
  params: JsonObject;
  body: unknown;
  answer: unknown;
}

/** A runtime expression of OpenAPI; undefined where it leads to nothing. */
function valueOf(expression: string, { params, body, answer }: Values): unknown {
  const [, name] = /^\$request\.path\.(\w+)$/.exec(expression) ?? [];
  if (name !== undefined) return params[name];
  const [, source, pointer = ''] = /^\$(request|response)\.body#\/(.*)$/.exec(expression) ?? [];
  const whole = source === 'request' ? body : answer;
  const found = pointer.split('/').reduce<unknown>((value, step) => Object(value)[step], whole);
  return isObject(found) || found === null ? undefined : found;
}
