// node bench/page.ts: how long the page's main thread is busy at a stretch while 500 words a second come.
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { buildPage } from '../client/build.ts';
import { findBrowser } from '../test/support/browser-files.ts';
import { saidIn, writeHistory } from '../test/support/long-history.ts';
import { openScene, words } from '../test/support/scene.ts';
import type { Scene } from '../test/support/scene.ts';

const RATE = 500;
const WORDS = 5_000;
const LIMIT_MS = 50;
const TURNS = 5_000;
const WAIT_MS = 120_000;
const categories = ['devtools.timeline', 'disabled-by-default-devtools.timeline', '__metadata'];

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const Trace = z.object({
  traceEvents: z.array(
    z.looseObject({
      name: z.string(),
      pid: z.number(),
      tid: z.number(),
      dur: z.number().optional(),
      tdur: z.number().optional(),
      args: z.looseObject({ name: z.string().optional() }).optional(),
    }),
  ),
});

interface Task {
  /** How long the main thread was in it, and how long it computed meanwhile: the rest the machine did something else. */
  ms: number;
  cpuMs: number;
}

/** The tasks of the page's main thread. */
function tasksIn(path: string): Task[] {
  const { traceEvents } = Trace.parse(JSON.parse(readFileSync(path, 'utf8')));
  const threads = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain',
  );
  const byThread = threads.map((thread) =>
    traceEvents
      .filter(({ name, pid, tid }) => name === 'RunTask' && pid === thread.pid && tid === thread.tid)
      .map(({ dur = 0, tdur = dur }) => ({ ms: dur / 1_000, cpuMs: tdur / 1_000 })),
  );
  // the browser may keep a spare one, which does nothing
  return byThread.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

function describe(values: readonly number[]): string[] {
  const sorted = values.toSorted((a, b) => b - a);
  const over = sorted.filter((ms) => ms >= LIMIT_MS).length;
  return [
    (sorted[0] ?? 0).toFixed(1),
    String(over),
    (sorted[Math.floor(sorted.length / 1_000)] ?? 0).toFixed(1),
  ];
}

interface Row {
  name: string;
  width: number;
  turns: number;
  /** How much slower than this machine the page's is made. */
  slowdown: number;
}

async function openConversation(page: Page, scene: Scene, turns: number): Promise<void> {
  await page.goto(`${scene.url}/#session=storm`);
  const last = page.locator(`[data-n="${turns}"]`);
  await last.waitFor();
  // all of it is read, as by somebody who looked for something long ago
  await page.evaluate(`(async () => {
    for (let button; (button = document.querySelector('.earlier button')); ) {
      const first = document.querySelector('.turn').dataset.n;
      button.click();
      while (document.querySelector('.turn').dataset.n === first) await new Promise(requestAnimationFrame);
    }
    document.querySelector('#log').scrollTop = 1e9;
  })()`);
}

async function measure(browser: Browser, { name, width, turns, slowdown }: Row): Promise<boolean> {
  const reply = words(WORDS);
  const env = { RAW_REPLIES: '1', OLLAMA_NUM_PREDICT: String(4 * WORDS) };
  await using scene = await openScene({ env, fake: { behaviour: { reply: 'And so it begins.' } } });
  const { client, admission } = await scene.speak('storm', saidIn(1));
  await client.ended(admission.turn_id);
  await scene.kill('SIGTERM');
  await writeHistory(scene.dataDir, 'storm', turns);
  await scene.start();
  scene.fake.always({ reply, rate: RATE });
  const context = await browser.newContext({ viewport: { width, height: 800 }, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await openConversation(page, scene, turns);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  // what was left over from reading is not part of the storm
  await devtools.send('HeapProfiler.collectGarbage');
  const path = join(tmpdir(), `stillpoint-trace-${process.pid}.json`);
  await browser.startTracing(page, { categories, path });
  const begunAt = performance.now();
  await page.getByLabel('Your words').fill('Tell me all of it.');
  await page.keyboard.press('Enter');
  const own = `[data-n="${turns + 1}"]`;
  await page.locator(`${own}[data-state=done]`).waitFor();
  const seconds = (performance.now() - begunAt) / 1_000;
  await browser.stopTracing();
  const isWhole = (await page.locator(`${own} .reply`).textContent()) === reply;
  const tasks = tasksIn(path);
  await rm(path);
  await context.close();
  const cells = [...describe(tasks.map(({ ms }) => ms)), ...describe(tasks.map(({ cpuMs }) => cpuMs))];
  const rest = [(WORDS / seconds).toFixed(0), isWhole ? 'whole' : 'WRONG', (loadavg()[0] ?? 0).toFixed(1)];
  print(`${name.padEnd(44)}${[...cells, ...rest].map((cell) => cell.padStart(9)).join('')}`);
  return isWhole;
}

await buildPage();
const files = await findBrowser();
if (!files) throw new Error('There is no browser. Set CHROMIUM_PATH to one.');
const browser = await chromium.launch({
  executablePath: files.path,
  chromiumSandbox: false,
  args: ['--disable-gpu'],
  env: { ...process.env, ...files.env },
});
try {
  print(`${WORDS} words at ${RATE}/s; tasks of the main thread in ms; ${availableParallelism()} cores`);
  print(`${''.padEnd(44)}  longest     ≥ 50    p99.9      cpu     ≥ 50    p99.9  words/s     text     load`);
  const rows: Row[] = [
    { name: 'first words of a conversation', width: 1280, turns: 1, slowdown: 1 },
    { name: 'the same, on a phone four times as slow', width: 360, turns: 1, slowdown: 4 },
    { name: 'after 10,000 messages, all of them read', width: 1280, turns: TURNS, slowdown: 1 },
  ];
  for (const row of rows) if (!(await measure(browser, row))) process.exitCode = 1;
} finally {
  await browser.close();
}
