// What can be asked for with a slash.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ChatClient, ChatSession } from '../sdk/api.ts';
import { ChatError } from '../sdk/errors.ts';
import { sessionText } from './format.ts';
import type { Screen } from './screen.ts';
import type { Transcript } from './transcript.ts';

const HISTORY_TURNS = 10;
const HISTORY_MAX = 200;
const NAME_MAX = 60;

export interface Desk {
  readonly client: ChatClient;
  readonly session: ChatSession;
  readonly screen: Screen;
  readonly transcript: Transcript;
  /** Where file names begin. */
  readonly directory: string;
  /** The command that comes back to the conversation. */
  readonly comeBack: () => string;
  /** The next line; null: there is none. */
  readonly ask: (question: string) => Promise<string | null>;
  /** Stops what is live or on its way; false: there is nothing. */
  readonly stop: () => Promise<boolean>;
  /** Asks again for the last reply if that failed or was stopped, or sends what was refused; false: there is nothing. */
  readonly retry: () => Promise<boolean>;
  /** Deletes the conversation, and leaves. */
  readonly delete: () => Promise<void>;
  readonly leave: () => void;
}

interface Command {
  name: string;
  /** What may follow the name. */
  argument?: string;
  summary: string;
  /** Done at once, also where lines wait for the reply before them. */
  isUrgent?: boolean;
  run(desk: Desk, argument: string): Promise<void> | void;
}

async function status({ session, client, screen }: Desk): Promise<void> {
  const lines = sessionText(await session.status());
  const connection = client.connection.get();
  const via = connection.phase === 'online' ? connection.via : connection.phase;
  screen.lines([...lines, `Connection ${via}`]);
}

async function history({ session, screen, transcript }: Desk, argument: string): Promise<void> {
  const asked = argument === '' ? HISTORY_TURNS : Number(argument);
  if (!Number.isInteger(asked) || asked < 1 || asked > HISTORY_MAX) {
    screen.note(`/history takes a number from 1 to ${HISTORY_MAX}.`);
    return;
  }
  const { turns, next_before: before } = await session.history({ limit: asked });
  const ended = turns.filter(({ state }) => state !== 'queued' && state !== 'running');
  if (ended.length === 0) screen.note('Nothing was said yet.');
  else if (before !== null) screen.note('  … there are more before these');
  for (const turn of ended) transcript.past(turn, session.state.get());
}

/** A name for the file, of the letters that every file system takes. */
const fileNameFor = (id: string): string =>
  `stillpoint-${id.replaceAll(/[^\w-]+/g, '_').slice(0, NAME_MAX)}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`;

async function exportAll({ session, screen, directory }: Desk, argument: string): Promise<void> {
  const all = await session.export();
  const file = resolve(directory, argument || fileNameFor(session.id ?? ''));
  try {
    await writeFile(file, `${JSON.stringify(all, null, 2)}\n`, { flag: 'wx', mode: 0o600 });
    screen.note(`All that the server stores of this conversation is in ${file}`);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    screen.note(isThere ? `${file} exists already: give another name.` : `Not written: ${String(error)}`);
  }
}

async function deleteAll(desk: Desk): Promise<void> {
  const answer = await desk.ask(
    'This deletes all of this conversation, here and on the server, for good. Type yes to do it:',
  );
  if (answer?.trim().toLowerCase() === 'yes') await desk.delete();
  else desk.screen.note('Nothing was deleted.');
}

function resources({ session, screen, transcript }: Desk): void {
  const { help } = session.state.get();
  if (help) {
    transcript.fullHelp(help);
    return;
  }
  screen.lines([
    'No places to get help were sent in this conversation so far.',
    'If you or somebody else is in danger, call your local emergency number (112 in many countries).',
  ]);
}

function help(desk: Desk): void {
  const heads = commands.map(({ name, argument }) =>
    argument === undefined ? name : `${name} [${argument}]`,
  );
  const columns = Math.max(...heads.map(({ length }) => length));
  desk.screen.lines(commands.map(({ summary }, i) => `${(heads[i] ?? '').padEnd(columns)}  ${summary}`));
  desk.screen.note('Ctrl-C stops a reply, again it leaves. Words that begin with a slash: begin with two.');
  const { help } = desk.session.state.get();
  if (help) desk.transcript.fullHelp(help);
}

const commands: readonly Command[] = [
  { name: '/status', summary: 'where the conversation stands', run: status },
  { name: '/history', argument: 'n', summary: `the last n turns (${HISTORY_TURNS})`, run: history },
  {
    name: '/cancel',
    summary: 'stop the reply',
    isUrgent: true,
    run: async (desk) => {
      if (!(await desk.stop())) desk.screen.note('There is no reply to stop.');
    },
  },
  {
    name: '/retry',
    summary: 'ask again for a reply that failed or was stopped',
    run: async (desk) => {
      if (!(await desk.retry())) desk.screen.note('The last reply is whole: there is nothing to ask again.');
    },
  },
  { name: '/resources', summary: 'places to get help', run: resources },
  {
    name: '/export',
    argument: 'file',
    summary: 'write all that is stored of it into a file',
    run: exportAll,
  },
  { name: '/delete', summary: 'delete all of it, after a question', run: deleteAll },
  {
    name: '/id',
    summary: 'its id, and how to come back',
    run: ({ session, screen, comeBack }) =>
      screen.lines([session.id ?? 'It has no id yet.', comeBack()], undefined, true),
  },
  { name: '/help', summary: 'this list', run: help },
  { name: '/quit', summary: 'leave; the conversation stays', run: ({ leave }) => leave() },
];

/** The command of a line; null: the line is words. */
export function commandOf(
  line: string,
): { command: Command | undefined; name: string; argument: string } | null {
  const found = /^(\/(?!\/)\S*)\s*(.*)$/s.exec(line.trim());
  if (!found) return null;
  const [, name = '', argument = ''] = found;
  return { command: commands.find((command) => command.name === name.toLowerCase()), name, argument };
}

/** What a line says that is no command. */
export const wordsOf = (line: string): string => (line.startsWith('//') ? line.slice(1) : line);

/** Runs it; what goes wrong is told in one line. */
export async function runCommand(
  desk: Desk,
  { command, name, argument }: NonNullable<ReturnType<typeof commandOf>>,
): Promise<void> {
  if (!command) {
    desk.screen.note(
      `There is no command ${name}; /help lists them. Words that begin with a slash: begin with two.`,
    );
    return;
  }
  try {
    await command.run(desk, argument);
  } catch (error) {
    const isAbsent = error instanceof ChatError && error.code === 'SESSION_NOT_FOUND';
    const reason = error instanceof Error ? error.message : String(error);
    desk.screen.note(
      isAbsent ? 'There is nothing yet: say something first.' : `${name} was not done: ${reason}`,
    );
  }
}
