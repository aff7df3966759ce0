// npm run chat: a conversation in a terminal, on the SDK.
import { readArguments, usage } from './arguments.ts';
import type { Settings } from './arguments.ts';
import { Chat } from './chat.ts';
import { openKeyboard } from './keyboard.ts';
import { Screen } from './screen.ts';

async function chat(settings: Settings): Promise<number> {
  const { stdin, stdout, stderr, env } = process;
  const isTTY = stdout.isTTY && env['TERM'] !== 'dumb';
  const isTyped = stdin.isTTY;
  const screen = new Screen({ out: stdout, err: stderr, isTTY, hasStyle: isTTY && !env['NO_COLOR'] });
  const conversation = new Chat({
    settings,
    screen,
    isTyped,
    directory: env['INIT_CWD'] ?? process.cwd(),
  });
  const isEdited = isTyped && isTTY;
  const interrupt = () => conversation.interrupt();
  process.on('SIGINT', interrupt);
  using _keyboard = openKeyboard(stdin, isEdited, {
    line: (text) => conversation.line(text),
    typed: (typed) => screen.typed(typed),
    interrupt,
    end: () => conversation.noMoreLines(),
  });
  if (isEdited) screen.typed({ line: '', cursor: 0 });
  stdout.on('resize', () => screen.redraw());
  const code = await conversation.run();
  screen.close();
  return code;
}

/** Whoever read the output has gone: there is nobody to write for. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
}

async function main(): Promise<number> {
  process.stdout.on('error', leaveQuietly);
  process.stderr.on('error', leaveQuietly);
  const asked = readArguments(process.argv.slice(2), process.env);
  if (asked.kind === 'chat') return await chat(asked.settings);
  if (asked.kind === 'help') process.stdout.write(`${usage}\n`);
  else process.stderr.write(`${asked.message}\n`);
  return asked.kind === 'help' ? 0 : 1;
}

const code = await main();
process.stdout.write('', () => process.exit(code));
