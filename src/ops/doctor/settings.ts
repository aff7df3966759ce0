// Settings, names that were meant to be settings, and what the program itself needs.
import { existsSync } from 'node:fs';
import { parseLimits } from '../../access/limit-rules.ts';
import type { Config } from '../../config.ts';
import { fail, messageOf, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Settings of Ollama itself, which look like ours. */
const OF_OLLAMA = new Set(['OLLAMA_MODELS', 'OLLAMA_HOST']);
/** In shorter names one letter may be wrong and no more, or other people's settings would be taken for ours. */
const LONG_NAME = 8;
const OWN = 'STILLPOINT_';

/** Letters that have to be changed, left out, put in or swapped with their neighbour to get from one to the other. */
export function distance(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const swap = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[other.length] ?? 0;
}

/** Whether a name has the first word of a setting, and then only words of it: OLLAMA_URL of OLLAMA_BASE_URL. */
function isShortFor(name: string, setting: string): boolean {
  const [words, whole] = [name.split('_'), setting.split('_')];
  if (words.length < 2 || words[0] !== whole[0]) return false;
  let from = 0;
  return words.every((word) => {
    const at = whole.indexOf(word, from);
    from = at + 1;
    return at >= 0;
  });
}

/** The setting that a name of the environment was meant to be; undefined where it looks like none. */
export function meantBy(name: string, settings: readonly string[]): string | undefined {
  const upper = name.toUpperCase();
  const bare = upper.startsWith(OWN) ? upper.slice(OWN.length) : upper;
  if (settings.includes(name) || OF_OLLAMA.has(name)) return undefined;
  const ranked = settings
    .map((setting) => ({ setting, steps: distance(bare, setting) }))
    .sort((a, b) => a.steps - b.steps);
  const [first] = ranked;
  if (first?.steps === 1) return first.setting;
  const whole = settings.find((setting) => isShortFor(bare, setting));
  if (whole !== undefined || first === undefined) return whole;
  return first.steps <= (first.setting.length < LONG_NAME ? 0 : 2) ? first.setting : undefined;
}

type Environment = Record<string, string | undefined>;

/** What is in the environment and counts for nothing. No value is told: it may be a secret. */
export function checkNames(environment: Environment, settings: readonly string[]): Finding[] {
  const given = Object.keys(environment).filter((name) => environment[name] !== '');
  const misspelt = given.flatMap((name) => {
    const meant = meantBy(name, settings);
    return meant === undefined ? [] : [[name, meant] as const];
  });
  const findings = misspelt.map(([name, meant]) =>
    warn('settings', `${name} is no setting and is not read`, `Did you mean ${meant}?`),
  );
  if (environment['OLLAMA_HOST'] && !environment['OLLAMA_BASE_URL']) {
    findings.push(
      warn(
        'settings',
        'OLLAMA_HOST is read by Ollama, not by this server',
        'Where Ollama answers is said by OLLAMA_BASE_URL.',
      ),
    );
  }
  return findings;
}

/** What the settings say together, where they can be read at all. */
export function checkSettings(
  config: Config,
  environment: Environment,
  settings: readonly string[],
): Finding[] {
  const given = settings.filter((name) => environment[name]);
  const findings = [
    ok('settings', given.length === 0 ? 'all by default' : `${given.join(', ')}; the others by default`),
  ];
  try {
    parseLimits(config.LIMITS);
  } catch (error) {
    findings.push(fail('settings', messageOf(error), 'docs/reference/limits.md has the names.'));
  }
  if (config.I_UNDERSTAND_PUBLIC_WITHOUT_AUTH && config.AUTH_MODE === 'none') {
    findings.push(
      warn(
        'settings',
        'nobody is asked who they are: whoever reaches the server can read every session',
        'Set AUTH_MODE to key or jwt unless something else keeps strangers out (docs/security.md).',
      ),
    );
  }
  return findings;
}

/** What readConfig refused, a line each. */
export const refusedSettings = (lines: readonly string[]): Finding[] =>
  lines.map((line) => {
    const [text = '', advice = 'docs/reference/configuration.md has all settings.'] =
      line.split(/\. (?=Set )/);
    return fail('settings', text.replace(/\.$/, ''), advice);
  });

/** `version` as Node says it, `engines` as package.json does: `>=24`. */
export function checkNode(version: string, engines: string): Finding[] {
  const [found, needed] = [Number.parseInt(version, 10), Number.parseInt(engines.replace(/^\D+/, ''), 10)];
  if (found >= needed) return [ok('node', version)];
  return [
    fail(
      'node',
      `${version} is too old: ${needed} or newer is needed`,
      'Run it by npm (npm run doctor, npm start), which brings its own on Linux, or install a newer one.',
    ),
  ];
}

/** `index`: the first file of the page. */
export function checkPage(index: string): Finding[] {
  if (existsSync(index)) return [ok('page', 'built')];
  return [warn('page', 'not built yet', 'npm start builds it; to build it alone: npm run build')];
}

/** `uid`: undefined where the system has none. */
export function checkUser(uid: number | undefined): Finding[] {
  if (uid !== 0) return [];
  return [
    warn(
      'user',
      'this is root',
      'A server needs no rights of root: run it as a user of its own, who owns DATA_DIR and the keys.',
    ),
  ];
}
