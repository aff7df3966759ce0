// The script of `npm run restore`: puts a backup in the place of the embedded store.
import { resolve } from 'node:path';
import type { Restored } from '../store/sqlite-restore.ts';
import { restore } from '../store/sqlite-restore.ts';
import { Vault } from '../store/vault.ts';
import { answerWith } from './file-command.ts';
import type { Answer, Given } from './file-command.ts';
import { readMasterKeys } from './master-keys.ts';

const HELP = [
  'Usage: npm run restore -- [--discard] FILE',
  '',
  'Puts the backup FILE in the place of what is in DATA_DIR. Stop the server first. FILE is checked before anything is',
  'touched, and stays as it is. What was there is kept beside it, as stillpoint.db.before-restore-TIME; --discard does not keep it.',
  '',
  'Sessions that were deleted after the backup stay deleted, as far as what was there tells.',
  '',
  'Exit status: 0 it is restored, 1 the data is as it was.',
].join('\n');

/** The answer to a command line in this environment at that time (ms since 1970). */
export function answerTo(
  args: string[],
  environment: Record<string, string | undefined>,
  now = Date.now(),
): Answer {
  const inRedis =
    'The data is in Redis, which is restored by its own means: see docs/backup.md. Nothing was changed.';
  const command = { help: HELP, option: 'discard', inRedis };
  const { ENCRYPTION_KEY_FILE: keys = '' } = environment;
  const run = ({ file, directory, hasOption }: Given) => {
    const vault = new Vault(keys === '' ? [] : readMasterKeys(resolve(keys)));
    return describe(file, directory, restore({ file, directory, vault, discard: hasOption, now }));
  };
  return answerWith({ ...command, run }, args, environment);
}

function describe(file: string, directory: string, done: Restored): string {
  const { sessions, schema, erased, revoked, kept, unread, isSealed } = done;
  const lines = [
    `${file} is restored to ${directory}: ${sessions} sessions, from schema version ${schema}`,
    'Clients begin anew, with a snapshot: their cursors do not count any more.',
  ];
  if (!isSealed)
    lines.push(
      'It had no checksum: no backup, but the data of a server. Nobody can tell whether all of its words are right.',
    );
  if (erased > 0)
    lines.push(`${erased} of its sessions were deleted after the backup, and are deleted again.`);
  if (revoked > 0)
    lines.push(`${revoked} of its capabilities were revoked after the backup, and are revoked again.`);
  if (unread !== undefined) {
    lines.push(
      `What was there cannot be read (${unread}): sessions that were deleted after the backup are back. Delete them again.`,
    );
  }
  if (kept !== undefined) {
    lines.push(
      `What was there is kept as ${kept}: what is deleted from now on stays in it. Delete it once all is well.`,
    );
  }
  return lines.join('\n');
}

if (import.meta.main) {
  const { isWell, text } = answerTo(process.argv.slice(2), process.env);
  (isWell ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = isWell ? 0 : 1;
}
