// The script of `npm run rag`: which exemplars a model would be shown for a text, and why. Works beside a running server.
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConfigError, readConfig } from '../config.ts';
import type { Config } from '../config.ts';
import { PriorityState, RagQuery, StateId } from '../contract/progress.ts';
import { openRetrieval } from './open-retrieval.ts';
import type { Ranked, Scale } from '../retrieval/rank.ts';
import type { RetrievalQuery } from '../retrieval/retrieval.ts';

/** Longer than any search. */
const PATIENCE_MS = 30_000;
/** Of those not taken so many are shown, each in one line. */
const NEXT = 5;
const LINE_CHARS = 72;
const EMBEDDED = 'the embedded encoder';

const State = z.union([StateId, PriorityState]);
const states: readonly string[] = [...StateId.options, ...PriorityState.options];
/** In these states nothing is searched: their replies are written. */
const RISK: readonly string[] = ['SELFHARM', 'CRISIS'];

const HELP = [
  'Usage: npm run rag -- "what a person wrote" [--state 2.3] [options]',
  '',
  'Prints which exemplars a model would be shown, and why, with the settings of the server: DATA_DIR, LANCEDB_URI,',
  'EXEMPLARS_DIR, EMBED_MODEL, OLLAMA_*. Works while the server runs, and without one; it makes the table where there is none.',
  '',
  '  --state      the state the person is in; without it all states are looked at',
  '  --technique  how the guide is going to answer: exemplars that do the same are preferred',
  '  --context    what the navigation asks for; counts where the state has too few exemplars',
  '  --locale     language of the session, such as de or pt-BR; without it all languages',
  '  --all        everything that was looked at, not only the first few',
  '  --json       one JSON object',
  '',
  `States: ${states.join(' ')}`,
].join('\n');

/** What is printed, and the exit status. */
interface Answer {
  code: 0 | 2;
  text: string;
}

interface Wanted {
  query: RetrievalQuery;
  isJson: boolean;
  isWhole: boolean;
}

/** What a search brought to light. */
interface Finding {
  query: RetrievalQuery;
  table: 'ready' | 'not_found';
  /** Why there is no table, or not the one that is wanted; null where it is. */
  problem: string | null;
  /** What made the vectors; null where words alone decided. */
  encoder: string | null;
  scale: Scale | undefined;
  ranked: readonly Ranked[];
  openMs: number;
  searchMs: number;
}

/** A mistake of who typed the line. */
class UsageError extends Error {}

/** The answer to a command line; what comes meanwhile goes to `say`, a line at a time. */
export async function answerTo(
  args: string[],
  environment: Record<string, string | undefined>,
  say: (line: string) => void,
): Promise<Answer> {
  try {
    const wanted = readLine(args);
    if (wanted === 'help') return { code: 0, text: HELP };
    const finding = await look(wanted.query, readConfig(environment), say);
    return { code: 0, text: wanted.isJson ? asJson(finding, wanted) : asText(finding, wanted) };
  } catch (error) {
    if (error instanceof ConfigError) return { code: 2, text: error.lines.join('\n') };
    if (error instanceof UsageError) return { code: 2, text: error.message };
    throw error;
  }
}

/** @throws UsageError */
function readLine(args: string[]): Wanted | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const userInput = positionals.join(' ').trim();
  if (userInput === '') throw new UsageError('There is no text: npm run rag -- "what a person wrote"');
  const { state, technique, context, locale } = values;
  if (locale !== undefined && !/^[a-z]{2,3}([-_][a-z\d_-]+)?$/i.test(locale))
    throw new UsageError('--locale takes a language such as de or pt-BR.');
  const query: RetrievalQuery = {
    stateId: state === undefined ? null : named(State, states, '--state', state),
    userInput,
    ...(technique === undefined ? {} : { technique }),
    context: context === undefined ? null : named(RagQuery, RagQuery.options, '--context', context),
    locale: locale ?? null,
  };
  return { query, isJson: values.json, isWhole: values.all };
}

function parsed(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const help = { ...flag, short: 'h' } as const;
  const options = { state: text, technique: text, context: text, locale: text, all: flag, json: flag, help };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The name as it is written in the contract, however it was typed. */
function named<T>(schema: z.ZodType<T>, names: readonly string[], option: string, value: string): T {
  const found = schema.safeParse(names.find((name) => name.toLowerCase() === value.toLowerCase()));
  if (found.success) return found.data;
  throw new UsageError(`${option} ${value} is not one of: ${names.join(' ')}`);
}

async function look(query: RetrievalQuery, config: Config, say: (line: string) => void): Promise<Finding> {
  await using resources = new AsyncDisposableStack();
  const { promise: stuck, resolve: stick } = Promise.withResolvers<string>();
  const tell = (facts: object, message: string) => {
    const isMade = 'done' in facts && 'of' in facts;
    say(
      isMade
        ? `a table is made, which takes a while the first time: ${String(facts.done)} of ${String(facts.of)} texts have vectors`
        : `${message}: ${factsOf(facts)}`,
    );
    // it would be tried again and again; what is there now has to do
    if ('rag' in facts && 'reason' in facts) stick(String(facts.reason));
  };
  const log = {
    info: (facts: object, message: string) => ('exemplars' in facts ? undefined : tell(facts, message)),
    warn: tell,
    error: tell,
  };
  const begunAt = performance.now();
  const retrieval = openRetrieval(config, log, resources);
  const problem = await Promise.race([retrieval.start().then(() => null), stuck]);
  await retrieval.warmUp();
  // the first search loads what the second is measured without
  await retrieval.explain(query, AbortSignal.timeout(PATIENCE_MS));
  const readyAt = performance.now();
  const ranked = await retrieval.explain(query, AbortSignal.timeout(PATIENCE_MS));
  const searchMs = performance.now() - readyAt;
  const hasMeaning = ranked.some(({ similarity }) => similarity !== null);
  // where its own table is not there, a model of Ollama makes no vectors
  const encoder = problem === null && config.EMBED_MODEL !== '' ? `Ollama, ${config.EMBED_MODEL}` : EMBEDDED;
  return {
    query,
    table: retrieval.state(),
    problem,
    encoder: hasMeaning ? encoder : null,
    scale: retrieval.scale,
    ranked,
    openMs: readyAt - begunAt,
    searchMs,
  };
}

const factsOf = (facts: object): string =>
  Object.entries(facts)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');

const isTaken = ({ verdict }: Ranked): boolean => verdict === 'taken';

function shown({ ranked }: Finding, { isWhole }: Wanted): { taken: Ranked[]; rest: Ranked[] } {
  const rest = ranked.filter((one) => !isTaken(one));
  return { taken: ranked.filter(isTaken), rest: isWhole ? rest : rest.slice(0, NEXT) };
}

const rounded = (value: number): number => Number(value.toFixed(3));

function asJson(finding: Finding, wanted: Wanted): string {
  const { query, table, problem, encoder, scale, openMs, searchMs } = finding;
  const { taken, rest } = shown(finding, wanted);
  return JSON.stringify({
    state: query.stateId,
    table,
    problem,
    encoder,
    decided_by: decidedBy(finding),
    usual: scale ? { similarity: rounded(scale.mean), spread: rounded(scale.spread) } : null,
    open_ms: rounded(openMs),
    search_ms: rounded(searchMs),
    examples: [...taken, ...rest].map(({ exemplar, verdict, score, similarity, words }) => ({
      id: exemplar.id,
      verdict,
      score: rounded(score),
      similarity: similarity === null ? null : rounded(similarity),
      words: rounded(words),
      state_id: exemplar.state_id,
      situation: exemplar.situation,
      technique: exemplar.technique,
      client_example: exemplar.client_example,
      guide_line: exemplar.guide_line,
    })),
  });
}

function decidedBy({ encoder, ranked }: Finding): 'meaning and words' | 'words alone' | 'nothing' {
  if (ranked.length === 0) return 'nothing';
  return encoder === null ? 'words alone' : 'meaning and words';
}

function asText(finding: Finding, wanted: Wanted): string {
  const { query } = finding;
  const { taken, rest } = shown(finding, wanted);
  const lines = [
    ...headOf(finding),
    ...(taken.length === 0 ? ['', nothing(finding)] : []),
    ...taken.flatMap((one, at) => ['', ...inFull(one, at + 1, query.technique)]),
    ...(rest.length === 0 ? [] : ['', 'Not taken', ...inLines(rest)]),
  ];
  return lines.join('\n');
}

function headOf(finding: Finding): string[] {
  const { query, scale, encoder, ranked, openMs, searchMs } = finding;
  const usual =
    scale && encoder !== null
      ? `; usual are ${scale.mean.toFixed(2)}, give or take ${scale.spread.toFixed(2)}`
      : '';
  const rows: [string, string][] = [
    ['state', query.stateId ?? 'any'],
    ['decided by', `${decidedBy(finding)}${encoder === null ? '' : ` (vectors of ${encoder}${usual})`}`],
    [
      'looked at',
      `${ranked.length} in ${searchMs.toFixed(0)} ms, after ${openMs.toFixed(0)} ms to get ready`,
    ],
  ];
  if (RISK.includes(query.stateId ?? ''))
    rows.push(['note', 'in this state the server takes no examples: its replies are written']);
  return rows.map(([name, value]) => `${name.padEnd(10)}  ${value}`);
}

function nothing({ table, problem, ranked }: Finding): string {
  if (table === 'not_found') return `There is no table of exemplars: ${problem ?? 'it cannot be read'}`;
  return ranked.length === 0
    ? 'Nothing is close enough: no exemplar fits at all.'
    : 'Nothing is close enough.';
}

function reasonsOf({ similarity, words, exemplar }: Ranked, technique: string | undefined): string {
  const reasons = [
    ...(similarity === null ? [] : [`similarity ${similarity.toFixed(2)}`]),
    words > 0 ? `shared words ${words.toFixed(1)}` : 'no shared words',
    ...(exemplar.technique === technique ? ['same technique'] : []),
  ];
  return reasons.join(', ');
}

function inFull(one: Ranked, place: number, technique: string | undefined): string[] {
  const { exemplar, score } = one;
  const rows: [string, string][] = [
    ['score', `${score.toFixed(2)}: ${reasonsOf(one, technique)}`],
    ['state', exemplar.state_id],
    ['situation', exemplar.situation],
    ['technique', exemplar.technique],
    ['client', exemplar.client_example],
    ['guide', exemplar.guide_line],
  ];
  return [`${place}. ${exemplar.id}`, ...rows.map(([name, value]) => `   ${name.padEnd(9)}  ${value}`)];
}

function inLines(rest: readonly Ranked[]): string[] {
  const ids = Math.max(...rest.map(({ exemplar }) => exemplar.id.length));
  const verdicts = Math.max(...rest.map(({ verdict }) => verdict.length));
  return rest.map(({ exemplar, score, verdict }) => {
    const text = exemplar.client_example;
    const line = text.length > LINE_CHARS ? `${text.slice(0, LINE_CHARS - 1)}…` : text;
    return `   ${score.toFixed(2).padStart(5)}  ${verdict.padEnd(verdicts)}  ${exemplar.id.padEnd(ids)}  ${line}`;
  });
}

if (import.meta.main) {
  // read when its library is loaded, and it warns of every search
  process.env['LANCEDB_LOG'] ??= 'error';
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const { code, text } = await answerTo(process.argv.slice(2), process.env, say);
  (code === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = code;
}
