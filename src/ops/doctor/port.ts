// Whether the server could listen, and what listens there if it could not.
import { createServer } from 'node:net';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { Health } from '../../contract/model.ts';
import { codeOf, fail, messageOf, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import { fetchText } from './http.ts';

const ASK_MS = 3_000;
const ANSWER_BYTES = 65_536;
const Probe = z.looseObject({ status: z.string() });

/** What a Stillpoint says of itself. */
export interface Standing {
  isAlive: boolean;
  isReady: boolean;
  health: z.output<typeof Health>;
}

type Door = Pick<Config, 'HOST' | 'PORT'>;

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export async function checkPort({ HOST: host, PORT: port }: Door): Promise<Finding[]> {
  const place = `${inUrl(host)}:${port}`;
  const code = await listenOnce(host, port);
  if (code === '') return [ok('port', port === 0 ? 'the system chooses a free one' : `${place} is free`)];
  if (code === 'EADDRINUSE') return [judgeStanding(place, await askStanding(baseOf(host, port)))];
  if (code === 'EACCES') {
    const advice = `Take one above 1023 (PORT), with a proxy in front for ${port}.`;
    return [fail('port', `${place} may not be opened by this user`, advice)];
  }
  return [fail('port', `${place} cannot be opened (${code})`, 'HOST has to be an address of this machine.')];
}

/** The code of what went wrong; '' when nothing did. */
function listenOnce(host: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer();
  server.once('error', (error) => resolve(codeOf(error) || messageOf(error)));
  server.listen({ host, port }, () => server.close(() => resolve('')));
  return promise;
}

/** Where this machine reaches what listens at `host`. */
function baseOf(host: string, port: number): string {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${inUrl(near)}:${port}`;
}

/** Undefined where no Stillpoint answers. */
async function askStanding(base: string): Promise<Standing | undefined> {
  try {
    const [live, ready, health] = await Promise.all(
      ['/livez', '/readyz', '/health'].map((path) => answerOf(`${base}${path}`)),
    );
    return {
      isAlive: Probe.parse(live?.body).status === 'ok',
      isReady: Probe.parse(ready?.body).status === 'ok' && ready?.status === 200,
      health: Health.parse(health?.body),
    };
  } catch {
    return undefined;
  }
}

async function answerOf(url: string): Promise<{ status: number; body: unknown }> {
  // the name by which every Stillpoint may be asked, whatever ALLOWED_HOSTS says
  const headers = { host: 'localhost' };
  const { status, text } = await fetchText(url, { headers, timeoutMs: ASK_MS, maxBytes: ANSWER_BYTES });
  return { status, body: JSON.parse(text) };
}

export function judgeStanding(place: string, standing: Standing | undefined): Finding {
  if (!standing) {
    return fail('port', `${place} is in use, by something else`, 'Stop what uses it, or set PORT.');
  }
  const { isAlive, isReady, health } = standing;
  const { model, services, status } = health;
  const because = model.reason === undefined ? '' : ` (${model.reason})`;
  const name = model.source === 'guide' ? 'the built-in guide' : model.name;
  const speaker = `${name} answers${because}`;
  if (isAlive && isReady && status === 'healthy') {
    return ok('port', `${place}: a Stillpoint runs there and is well; ${speaker}`);
  }
  const store = services.store === 'healthy' ? '' : '; its store cannot store anything';
  const state = isReady ? `says that it is ${status}` : 'takes no new work now';
  return warn(
    'port',
    `${place}: a Stillpoint runs there and ${state}${store}; ${speaker}`,
    'It is stopping, or something it needs is away: its log says more.',
  );
}
