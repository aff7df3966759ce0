// The script of `npm run audit:verify`: walks the audit of a data directory, also while a server writes to it.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import type { AuditRecord } from '../store/escalation.ts';
import { verifyAudit } from '../store/audit-chain.ts';
import { readAudit } from '../store/sqlite-audit.ts';

/** Records read at once. */
const PAGE = 1000;
const BUSY_TIMEOUT_MS = 5000;
const HELP = [
  'Usage: npm run audit:verify [-- --head HASH]',
  '',
  'Checks that every record of the audit in DATA_DIR is there, unchanged and in its place, and prints the head: the hash of',
  'the latest record. Whoever may write to the files can cut off the latest records, or write a whole new audit, and what is',
  'left still fits together. So note the head now and then where the server cannot reach it; with --head HASH the audit must',
  'contain the one that you noted.',
  '',
  'Exit status: 0 the chain holds, 1 it does not, or it could not be read.',
].join('\n');

/** What is said, and whether all is well. */
interface Verdict {
  isWell: boolean;
  text: string;
}

/** The verdict on the audit in a directory. Changes nothing there. */
export function verifyDirectory(directory: string, noted: string | undefined): Verdict {
  const path = join(directory, 'stillpoint.db');
  if (!existsSync(path)) {
    return bad(`There is no data in ${directory}: set DATA_DIR to the directory of the server.`);
  }
  try {
    using db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    return judge(pagesOf(db), noted);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return bad(`The audit in ${directory} cannot be read: ${reason}`);
  }
}

/** The answer to a command line. */
export function answerTo(args: string[], directory: string): Verdict {
  try {
    const options = { head: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    const { head, help } = parseArgs({ args, options }).values;
    if (help) return { isWell: true, text: HELP };
    const noted = head?.toLowerCase();
    if (noted !== undefined && !/^[0-9a-f]{64}$/.test(noted))
      return bad('--head takes the 64 hex digits of a head.');
    return verifyDirectory(directory, noted);
  } catch (error) {
    return bad(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
  }
}

function judge(pages: Iterable<AuditRecord[]>, noted: string | undefined): Verdict {
  const walk = verifyAudit(pages, noted);
  if (!walk.holds) return bad(`Record ${walk.n} is ${walk.fault}: the chain does not hold.`);
  const { count, head, hasNoted } = walk;
  if (!hasNoted) {
    return bad(
      `${count} records fit together, but the head noted earlier is not among them: ` +
        'the end was cut off, or this is another audit.',
    );
  }
  return { isWell: true, text: `${count} records, the chain holds, head ${head}` };
}

function* pagesOf(db: DatabaseSync): Iterable<AuditRecord[]> {
  const read = readAudit(db);
  for (let after = 0; ;) {
    const page = read(after, PAGE);
    yield page;
    after = page.at(-1)?.n ?? after;
    if (page.length < PAGE) return;
  }
}

function bad(text: string): Verdict {
  return { isWell: false, text };
}

if (import.meta.main) {
  const { isWell, text } = answerTo(process.argv.slice(2), resolve(process.env['DATA_DIR'] || './data'));
  (isWell ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = isWell ? 0 : 1;
}
