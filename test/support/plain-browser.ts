// A browser as a person has it: nothing keeps its pages visible, so that they can be hidden and frozen.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import { inject } from 'vitest';
import { browserArgs } from './browser.ts';
import { deadline } from './wait.ts';

export interface PlainBrowser extends AsyncDisposable {
  /** The only page. */
  readonly page: Page;
}

/** Starts it headless with a user directory of its own. Disposing ends it. */
export async function openPlainBrowser(): Promise<PlainBrowser> {
  const files = inject('browser');
  if (!files) throw new Error('There is no browser for the tests of the page. Set CHROMIUM_PATH to one.');
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'stillpoint-browser-'));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const own = ['--headless', '--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${directory}`];
  const child = spawn(files.path, [...browserArgs, ...own, 'about:blank'], {
    env: { ...process.env, ...files.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const address = await deadline(addressIn(child.stderr), 'the address of the browser', 60_000);
  const browser = await chromium.connectOverCDP(address, { noDefaults: true, isLocal: true });
  stack.defer(() => browser.close());
  const page = browser.contexts()[0]?.pages()[0];
  if (!page) throw new Error('the browser has no page');
  const owned = stack.move();
  return { page, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What the browser writes when it listens. */
async function addressIn(output: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: output });
  for await (const line of lines) {
    const [, address] = /DevTools listening on (ws:\S+)/.exec(line) ?? [];
    if (address !== undefined) {
      output.resume();
      return address;
    }
  }
  throw new Error('the browser ended');
}
