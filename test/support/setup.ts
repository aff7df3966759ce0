import type { TestProject } from 'vitest/node';
import { buildPage } from '../../client/build.ts';
import { findBrowser } from './browser-files.ts';
import { startServer, tempDir } from './server-process.ts';
import { findRedis, redisHint } from './redis-files.ts';
import type { RedisFiles } from './redis-files.ts';

/** Says at once what is wrong when the tests are started with another Node than the one `npm ci` brings. */
function checkNode(): void {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24)
    throw new Error(`Node 24 or newer is needed, this is ${process.version}: run the tests by "npm test"`);
}

/** In CI its tests must run; elsewhere the first of them fails and says the same. */
async function mustFindRedis(): Promise<RedisFiles | null> {
  const files = await findRedis();
  if (!files && process.env['CI']) throw new Error(`There is no Redis for the tests. ${redisHint}`);
  return files ?? null;
}

/** A server that is killed keeps nothing of what it compiled, and most of them are: one that is stopped does it for all. */
async function warmUp(): Promise<void> {
  await using data = await tempDir();
  await using server = await startServer({ dataDir: data.path, env: { MODEL: 'guide' } });
  await server.stop();
}

/** Runs once, before all tests. Only the end-to-end tests need the page and a browser; the unit tests need no Redis. */
export async function setup(project: TestProject): Promise<void> {
  checkNode();
  const names = project.vitest.projects.map(({ name }) => name);
  const needsBrowser = names.includes('e2e');
  const needsRedis = needsBrowser || names.includes('integration');
  project.provide('redis', needsRedis ? await mustFindRedis() : null);
  if (needsBrowser) await Promise.all([buildPage(), warmUp()]);
  project.provide('browser', needsBrowser ? ((await findBrowser()) ?? null) : null);
}
