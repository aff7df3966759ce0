// Exemplars: what a person says in a state, and what a good guide answers. Authored content, ours and an operator's.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PriorityState, RagQuery, StateId } from '../contract/progress.ts';

const line = (most: number) => z.string().trim().min(1).max(most);

/** One example. Its texts are shown to a model as data, so they are short. */
export const Exemplar = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i),
  /** The state the guide answers in: a priority state where one came before the fine state. */
  state_id: z.union([StateId, PriorityState]),
  /** What is going on, as a supervisor would say it. */
  situation: line(200),
  /** How the guide answers; the names of `session_progress.technique`. */
  technique: line(64),
  client_example: line(500),
  guide_line: line(600),
  tags: z.array(line(40)).max(12).default([]),
  /** Under which queries of the navigation it may be found in other states. */
  contexts: z.array(RagQuery).max(8).default([]),
  /** Language of both texts. */
  lang: z
    .string()
    .regex(/^[a-z]{2,3}$/)
    .default('en'),
});
export type Exemplar = z.output<typeof Exemplar>;

const ExemplarFile = z.strictObject({ version: line(64), exemplars: z.array(Exemplar) });

/** A file that cannot be used, and why; fit for a log. */
interface Refused {
  file: string;
  reason: string;
}

interface Exemplars {
  /** Each id once, in an order that is always the same and mixes the states. */
  list: Exemplar[];
  refused: Refused[];
}

/** Short, and fit for a name. */
export const contentHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The exemplars that come with the server. */
export const ownDirectory = join(import.meta.dirname, 'exemplars');

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return issue === undefined ? 'not valid' : `${issue.path.join('.')}: ${issue.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}

async function jsonFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name.endsWith('.json')).sort();
}

/**
 * Reads every `*.json` of the directories, in order; of two exemplars with one id the later counts, so that an operator
 * can replace ours. A bad file is left out and named. Never raises.
 */
export async function readExemplars(directories: readonly string[]): Promise<Exemplars> {
  const byId = new Map<string, Exemplar>();
  const refused: Refused[] = [];
  for (const directory of directories) {
    const names = await jsonFiles(directory).catch((error: unknown) => {
      refused.push({ file: directory, reason: reasonOf(error) });
      return [];
    });
    for (const name of names) {
      const file = join(directory, name);
      try {
        const { exemplars } = ExemplarFile.parse(JSON.parse(await readFile(file, 'utf8')));
        for (const exemplar of exemplars) byId.set(exemplar.id, exemplar);
      } catch (error) {
        refused.push({ file, reason: reasonOf(error) });
      }
    }
  }
  const mixed = [...byId.values()].map((exemplar) => [contentHash(exemplar.id), exemplar] as const);
  const list = mixed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, exemplar]) => exemplar);
  return { list, refused };
}

/** What of an exemplar is compared by meaning with what a person writes: the sum of these. */
export const meaningsOf = ({ client_example: example, tags, situation }: Exemplar): string[] => [
  `${example}. ${tags.join(' ')}`,
  `${example}. ${situation}`,
];
