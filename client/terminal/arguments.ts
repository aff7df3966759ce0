// What the command line and the environment say.
import { parseArgs } from 'node:util';

const DEFAULT_URL = 'http://127.0.0.1:8090';

export interface Settings {
  /** Null: the server makes one. */
  id: string | null;
  url: string;
  token: string | null;
  locale: string | null;
}

export type Arguments =
  { kind: 'chat'; settings: Settings } | { kind: 'help' } | { kind: 'fault'; message: string };

export const usage = `npm run chat -- [id] [options]

  id            of a conversation; without one the server makes one
  --url URL     of the server, default ${DEFAULT_URL} (or STILLPOINT_URL)
  --locale L    such as de-AT: for the language and the region of help (or LANG)

For a server that asks for a token it is in STILLPOINT_TOKEN: others can read what is on a command line.

Ctrl-C stops a reply, again it leaves. /help lists the commands.
Without a terminal each line of the input is said once the reply before it is whole; only replies go to the output.`;

/** @throws TypeError: it is no address of a web server. */
function readUrl(given: string): string {
  const url = new URL(given.includes('://') ? given : `http://${given}`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('neither http nor https');
  return url.href.replace(/\/+$/, '');
}

/** The language and region that the person set; `C` and the like say nothing of either. */
function localeOf(env: NodeJS.ProcessEnv): string | null {
  const found = /^([a-z]{2,3})_([A-Z]{2})(?=$|[.@])/.exec(
    env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || '',
  );
  return found ? `${found[1]}-${found[2]}` : null;
}

function readOptions(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      locale: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
}

/** `args` without the names of the program. An id that begins with a dash comes after `--`. */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  try {
    const { values, positionals } = readOptions(args);
    if (values.help) return { kind: 'help' };
    const [id, ...others] = positionals;
    if (others.length > 0)
      return { kind: 'fault', message: 'There can be one id; put one that has spaces in quotes.' };
    const url = values.url || env['STILLPOINT_URL'] || DEFAULT_URL;
    if (!URL.canParse(url.includes('://') ? url : `http://${url}`))
      return { kind: 'fault', message: `This is no address of a server: ${url}` };
    const settings = {
      id: id || null,
      url: readUrl(url),
      token: env['STILLPOINT_TOKEN']?.trim() || null,
      locale: values.locale || localeOf(env),
    };
    return { kind: 'chat', settings };
  } catch (error) {
    return { kind: 'fault', message: error instanceof Error ? error.message : String(error) };
  }
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The command that comes back to a conversation. */
export function commandFor(id: string, url: string): string {
  const server = url === DEFAULT_URL ? [] : ['--url', quoted(url)];
  return ['npm run chat --', ...server, ...(id.startsWith('-') ? ['--'] : []), quoted(id)].join(' ');
}
