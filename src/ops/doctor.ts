// The script of `npm run doctor`: looks whether a server would run well with these settings, and says what to do.
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { messageOf, runChecks } from './doctor/finding.ts';
import type { Finding } from './doctor/finding.ts';
import type { Missing } from './doctor/ollama.ts';
import { planFor } from './doctor/plan.ts';
import type { Here } from './doctor/plan.ts';
import { progressOn, pullModel } from './doctor/pull.ts';
import type { Screen } from './doctor/pull.ts';
import { hasFault, jsonOf, linesOf, summaryOf } from './doctor/report.ts';

const HELP = [
  'Usage: npm run doctor [-- --pull] [-- --json]',
  '',
  'Looks at settings, port, Ollama and its model, store, keys, clock and rights of files, and says what to do where',
  'something is not as it should be. Reads the same settings as the server; works before it was ever started, and',
  'while it runs. It changes nothing, but for a model that you have it fetch.',
  '',
  '  --pull   has Ollama fetch a model that is missing; on a terminal it asks, elsewhere it does not without this',
  '  --json   one JSON object: {"ok": true, "findings": [{"check", "level", "text", "advice"}]}',
  '',
  'Exit status: 0 nothing fails, 1 something does, 2 the line was not understood.',
].join('\n');

/** Where the answer goes. */
interface Terminal {
  write: (text: string) => void;
  hasColour: boolean;
  /** Where the progress of a download goes. */
  progress: Screen;
  /** Asks for yes or no; null where nobody can answer. */
  ask: ((question: string) => Promise<boolean>) | null;
}

interface Wanted {
  isJson: boolean;
  isPulled: boolean;
}

/** Answers a command line; the exit status. */
export async function answerTo(args: string[], here: Here, terminal: Terminal): Promise<0 | 1 | 2> {
  const wanted = readLine(args);
  if (typeof wanted === 'string') {
    terminal.write(`${wanted}\n`);
    return wanted === HELP ? 0 : 2;
  }
  const findings = await examine(wanted, here, terminal);
  terminal.write(wanted.isJson ? `${jsonOf(findings)}\n` : `\n${summaryOf(findings)}\n`);
  return hasFault(findings) ? 1 : 0;
}

/** What is wanted, or what to say instead. */
function readLine(args: string[]): Wanted | string {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const options = { pull: flag, json: flag, help: { ...flag, short: 'h' } } as const;
    const { values } = parseArgs({ args, options });
    return values.help ? HELP : { isJson: values.json, isPulled: values.pull };
  } catch (error) {
    return `${messageOf(error).split('. ')[0]}\n\n${HELP}`;
  }
}

async function examine(wanted: Wanted, here: Here, terminal: Terminal): Promise<Finding[]> {
  const show = (findings: readonly Finding[]) => {
    if (!wanted.isJson) terminal.write(linesOf(findings, terminal.hasColour));
  };
  const { checks, models } = planFor(here);
  if (!wanted.isJson) terminal.write(`Stillpoint ${manifest.version}\n\n`);
  const found = await runChecks(checks);
  show(found.flat());
  if (!models || !(await fetchMissing(await models.missing(), wanted, terminal))) return found.flat();
  const [again = []] = await runChecks([models.again]);
  if (!wanted.isJson) terminal.write('\n');
  show(again);
  return found.with(models.place, again).flat();
}

/** Whether anything was tried. */
async function fetchMissing(
  missing: readonly Missing[],
  wanted: Wanted,
  terminal: Terminal,
): Promise<boolean> {
  let isTried = false;
  for (const one of missing) {
    if (!(await isAgreed(one, wanted, terminal))) continue;
    isTried = true;
    await fetchOne(one, terminal.progress);
  }
  return isTried;
}

async function isAgreed({ model, place }: Missing, wanted: Wanted, terminal: Terminal): Promise<boolean> {
  if (wanted.isPulled) return true;
  if (wanted.isJson || !terminal.ask) return false;
  return await terminal.ask(`\nFetch ${model} at ${place} now? That may be several GB. [y/N] `);
}

async function fetchOne(one: Missing, screen: Screen): Promise<void> {
  const progress = progressOn(screen, one.model);
  screen.write(`\nFetching ${one.model} at ${one.place}\n`);
  const problem = await pullModel(one, (amount) => progress.show(amount));
  progress.end();
  screen.write(problem === null ? `${one.model} is there.\n` : `${one.model} was not fetched: ${problem}\n`);
}

/** Yes only when somebody says so. */
function askTerminal(question: string): Promise<boolean> {
  const { promise, resolve: answer } = Promise.withResolvers<boolean>();
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  lines.once('close', () => answer(false));
  lines.question(question, (text) => {
    answer(/^\s*y(es)?\s*$/i.test(text));
    lines.close();
  });
  return promise;
}

function terminalOf(isJson: boolean): Terminal {
  const { stdin, stdout, stderr, env } = process;
  const out = isJson ? stderr : stdout;
  return {
    write: (text) => void stdout.write(text),
    hasColour: stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    progress: { write: (text) => void out.write(text), isTerminal: out.isTTY, columns: out.columns ?? 80 },
    ask: stdin.isTTY && stdout.isTTY ? askTerminal : null,
  };
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const here: Here = {
    environment: process.env,
    nodeVersion: process.versions.node,
    engines: manifest.engines.node,
    uid: process.getuid?.(),
    pageIndex: resolve(import.meta.dirname, '../../client/web/dist/index.html'),
  };
  const code = await answerTo(args, here, terminalOf(args.includes('--json')));
  // a check that still waits for something does not keep this open; what was written goes out first
  process.stdout.write('', () => process.exit(code));
}
