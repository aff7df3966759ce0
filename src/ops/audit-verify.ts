// The script of `npm run audit:verify`: walks the audit in a data directory or in Redis, also while servers write to it.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import type { AuditWalk } from '../store/audit-chain.ts';
import type { AuditRecord } from '../store/escalation.ts';
import { ChainWalk, verifyAudit } from '../store/audit-chain.ts';
import { readAudit } from '../store/sqlite-audit.ts';

/** Records read at once. */
const PAGE = 1000;
const BUSY_TIMEOUT_MS = 5000;
const HELP = [
  'Usage: npm run audit:verify [-- --head HASH]',
  '',
  'Checks that every record of the audit in DATA_DIR, or in Redis where REDIS_URL is set, is there, unchanged and in its',
  'place, and prints the head: the hash of the latest record. Whoever may write there can cut off the latest records, or',
  'write a whole new audit, and what is left still fits together. So note the head now and then where the server cannot reach it; with --head HASH the audit must',
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
    return judge(verifyAudit(pagesOf(db), noted));
  } catch (error) {
    return bad(`The audit in ${directory} cannot be read: ${reasonOf(error)}`);
  }
}

/** The verdict on the audit in Redis. Changes nothing there. */
export async function verifyRedis(
  where: { urls: readonly string[]; prefix: string },
  noted: string | undefined,
): Promise<Verdict> {
  try {
    const { openRedis } = await import('../store/redis-open.ts');
    const { RedisAudit } = await import('../store/redis-audit.ts');
    const log = { info: () => {}, warn: () => {} };
    await using link = await openRedis({ ...where, log });
    const audit = new RedisAudit(link, () => {});
    const walk = new ChainWalk(noted);
    for (let after = 0; ;) {
      const page = await audit.audit(after, PAGE);
      if (!walk.take(page) || page.length < PAGE) return judge(walk.outcome);
      after = page.at(-1)?.n ?? after;
    }
  } catch (error) {
    return bad(`The audit in Redis cannot be read: ${reasonOf(error)}`);
  }
}

/** The answer to a command line in this environment. */
export async function answerTo(
  args: string[],
  environment: Record<string, string | undefined>,
): Promise<Verdict> {
  try {
    const options = { head: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    const { head, help } = parseArgs({ args, options }).values;
    if (help) return { isWell: true, text: HELP };
    const noted = head?.toLowerCase();
    if (noted !== undefined && !/^[0-9a-f]{64}$/.test(noted))
      return bad('--head takes the 64 hex digits of a head.');
    const { DATA_DIR, REDIS_URL, REDIS_PREFIX } = environment;
    const config = readConfig({ DATA_DIR, REDIS_URL, REDIS_PREFIX });
    const { REDIS_URL: urls, REDIS_PREFIX: prefix } = config;
    return urls.length > 0
      ? await verifyRedis({ urls, prefix }, noted)
      : verifyDirectory(resolve(config.DATA_DIR), noted);
  } catch (error) {
    return bad(`${reasonOf(error)}\n\n${HELP}`);
  }
}

function judge(walk: AuditWalk): Verdict {
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function bad(text: string): Verdict {
  return { isWell: false, text };
}

if (import.meta.main) {
  const { isWell, text } = await answerTo(process.argv.slice(2), process.env);
  (isWell ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = isWell ? 0 : 1;
}
