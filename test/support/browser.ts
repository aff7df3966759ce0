// A real browser for the tests of the page.
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { inject } from 'vitest';
import type { BrowserFiles } from './browser-files.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Found or unpacked by the set-up; null where there is none. */
    browser: BrowserFiles | null;
  }
}

/** Why the tests of the page cannot run here; undefined where they can. In CI they must. */
export function whyNoBrowser(): string | undefined {
  if (inject('browser') || process.env['CI']) return undefined;
  return 'no browser for this machine: set CHROMIUM_PATH';
}

export interface TestBrowser extends AsyncDisposable {
  /** A fresh visitor, with storage of their own. Everything the page complains of is gathered in `faults`. */
  visit(options?: VisitOptions): Promise<Visit>;
}

export interface VisitOptions {
  width?: number;
  height?: number;
  dark?: boolean;
  /** What the person reads; default `en-GB`. */
  language?: string;
  /** The device asks for no motion. */
  still?: boolean;
}

export interface Visit {
  page: Page;
  /** Uncaught errors and refusals by the content policy. */
  faults: string[];
}

/** What every browser of the tests is started with. */
export const browserArgs: readonly string[] = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const WAIT_MS = 60_000;

/** Starts it headless with a user directory of its own. Disposing ends it with all its pages. */
export async function openBrowser(): Promise<TestBrowser> {
  const files = inject('browser');
  if (!files) throw new Error('There is no browser for the tests of the page. Set CHROMIUM_PATH to one.');
  const browser = await chromium.launch({
    executablePath: files.path,
    // a root of a container has no sandbox; the pages are our own
    chromiumSandbox: false,
    args: [...browserArgs],
    env: { ...process.env, ...files.env },
    timeout: WAIT_MS,
  });
  return { visit: (options) => visit(browser, options), [Symbol.asyncDispose]: () => browser.close() };
}

async function visit(
  browser: Browser,
  { width = 1280, height = 800, dark = false, language = 'en-GB', still = false }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: still ? 'reduce' : 'no-preference',
    locale: language,
  });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Content-Security-Policy/i.test(message.text())) faults.push(message.text());
  });
  return { page, faults };
}
