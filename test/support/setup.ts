import type { TestProject } from 'vitest/node';
import { buildPage } from '../../client/build.ts';
import { findBrowser } from './browser-files.ts';

/** Says at once what is wrong when the tests are started with another Node than the one `npm ci` brings. */
function checkNode(): void {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24)
    throw new Error(`Node 24 or newer is needed, this is ${process.version}: run the tests by "npm test"`);
}

/** Runs once, before all tests. Only the end-to-end tests need the page and a browser. */
export async function setup(project: TestProject): Promise<void> {
  checkNode();
  const needsBrowser = project.vitest.projects.some(({ name }) => name === 'e2e');
  if (needsBrowser) await buildPage();
  project.provide('browser', needsBrowser ? ((await findBrowser()) ?? null) : null);
}
