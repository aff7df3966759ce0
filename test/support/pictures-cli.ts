// Makes the pictures of the page in docs/pictures: npm run pictures (-- <directory>)
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { buildPage } from '../../client/build.ts';
import { createClient } from '../../client/sdk/client.ts';
import { findBrowser } from './browser-files.ts';
import { startGuide } from './guide-server.ts';
import type { GuideServer } from './guide-server.ts';

const MAX_BYTES = 120 * 1024;
/** Slow enough to be stopped behind a certain word. */
const WORD_MS = '100';
const THIRTY_WORDS = /(\S+\s+){30}/;

interface Look {
  width: number;
  height: number;
  dark?: boolean;
  locale?: string;
}

interface Picture extends Look {
  name: string;
  /** What was said before the page is opened; null: the start is shown. */
  said: string[] | null;
  /** What is done on it, while words come one by one; afterwards it is as it is to be shown. */
  act?: (page: Page, server: GuideServer) => Promise<void>;
}

const begun = ["I'm feeling really stressed and overwhelmed", 'I want to feel calm and peaceful'];
const understood = [...begun, 'Yes, that makes sense', 'I feel it in my chest', "It's tight and heavy"];
const exercise = [
  ...understood,
  'Right now',
  'Nothing more from my side',
  "Yes, I'm ready.",
  'More calm',
  'Calmer again, my face feels softer',
];

/** Says it, and stops the server within the reply: the words stand still. */
async function sayUpTo(page: Page, server: GuideServer, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Your words' }).fill(text);
  await page.keyboard.press('Enter');
  await page.locator('.turn[data-state="running"] .reply', { hasText: THIRTY_WORDS }).waitFor();
  server.process.signal('SIGSTOP');
}

const pictures: Picture[] = [
  { name: 'start-1280', width: 1280, height: 800, said: null },
  { name: 'start-360', width: 360, height: 740, said: null },
  {
    name: 'streaming-768',
    width: 768,
    height: 1024,
    said: begun,
    act: async (page, server) => await sayUpTo(page, server, 'Yes, that makes sense'),
  },
  { name: 'breathing-360', width: 360, height: 740, said: exercise },
  { name: 'help-360', width: 360, height: 740, said: [...begun, "I don't want to be alive any more"] },
  { name: 'help-1280', width: 1280, height: 800, said: [...begun, "I don't want to be alive any more"] },
  { name: 'dark-1280', width: 1280, height: 800, dark: true, said: understood },
  { name: 'arabic-360', width: 360, height: 740, locale: 'ar-EG', said: null },
];

/** Has the conversation, without the page. */
async function talk(url: string, sessionId: string, said: string[], locale: string): Promise<void> {
  using client = createClient({ url });
  using session = await client.create({ session_id: sessionId, locale });
  for (const text of said) await session.say(text).response;
}

async function settled(page: Page, turns: number): Promise<void> {
  await page
    .locator(turns === 0 ? 'main h1' : `.turn[data-n="${turns}"]`)
    .first()
    .waitFor();
  await page.evaluate('document.fonts.ready');
}

async function take(browser: Browser, server: GuideServer, picture: Picture, file: string): Promise<number> {
  const { name, width, height, dark = false, locale = 'en-GB', said, act } = picture;
  if (said) await talk(server.url, name, said, locale);
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 1,
    colorScheme: dark ? 'dark' : 'light',
    locale,
  });
  const page = await context.newPage();
  await page.goto(said ? `${server.url}/#session=${name}` : server.url);
  await settled(page, said?.length ?? 0);
  await act?.(page, server);
  await page.screenshot({ path: file, caret: 'hide', animations: 'disabled' });
  await context.close();
  return (await stat(file)).size;
}

async function makeAll(directory: string): Promise<void> {
  const files = await findBrowser();
  if (!files) throw new Error('There is no browser for the pictures. Set CHROMIUM_PATH to one.');
  await buildPage();
  await mkdir(directory, { recursive: true });
  const options = { executablePath: files.path, env: { ...process.env, ...files.env } };
  await using browser = await chromium.launch({
    ...options,
    chromiumSandbox: false,
    args: ['--disable-gpu'],
  });
  for (const picture of pictures) {
    await using server = await startGuide({ GUIDE_WORD_MS: picture.act ? WORD_MS : '0' });
    const file = join(directory, `${picture.name}.png`);
    const bytes = await take(browser, server, picture, file);
    process.stdout.write(`${file} ${bytes} bytes\n`);
    if (bytes > MAX_BYTES) throw new Error(`${file} is larger than ${MAX_BYTES} bytes`);
  }
}

await makeAll(resolve(process.argv[2] ?? join(import.meta.dirname, '../../docs/pictures')));
