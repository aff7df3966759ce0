// The pages of the repository, and what is in them: blocks of code, links, headings.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface Block {
  page: string;
  /** The line it begins on, 1 the first. */
  line: number;
  /** The first word behind the fence; empty where there is none. */
  language: string;
  code: string;
}

export interface Page {
  /** Its path from the root. */
  name: string;
  text: string;
  /** The text without its blocks of code. */
  prose: string;
  blocks: Block[];
  links: { target: string; isPicture: boolean }[];
  /** Of each heading, as the platform that shows it makes them. */
  anchors: string[];
}

const fence = /^( *)(`{3,})(\S*)[^\n]*\n(.*?)^\1\2$/gms;
const notOurs = /(^|\/)(node_modules|dist|dist\.[^/]*|coverage|data)\//;

const dedent = (code: string, indent: string): string => code.replaceAll(new RegExp(`^${indent}`, 'gm'), '');

function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(fence)].map((match) => {
    const [, indent = '', , language = '', code = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    return { page, line, language, code: dedent(code, indent) };
  });
}

/** What a heading is linked by: its words in lower case, spaces as dashes, other signs left out. */
function slugOf(heading: string): string {
  return heading
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Those of a page; a heading that comes again gets a number. */
export function anchorsOf(prose: string): string[] {
  const counts = new Map<string, number>();
  return [...prose.matchAll(/^#{1,6} +(.*?)(?: +#+)?$/gm)].map(([, heading = '']) => {
    const slug = slugOf(heading);
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

const withoutCode = (prose: string): string => prose.replaceAll(/(`+)(?!`).+?(?<!`)\1(?!`)/g, '``');

function linksOf(prose: string): Page['links'] {
  const text = withoutCode(prose);
  const inline = [...text.matchAll(/(!?)\[[^\]]*\]\(<?([^)\s>]*)>?(?: "[^"]*")?\)/g)];
  const bare = [...text.matchAll(/<(https?:[^>\s]+)>/g)];
  const tags = [...text.matchAll(/<(img|a)\s[^>]*(?:src|href)="([^"]+)"/g)];
  return [
    ...inline.map(([, mark, target = '']) => ({ target, isPicture: mark === '!' })),
    ...bare.map(([, target = '']) => ({ target, isPicture: false })),
    ...tags.map(([, tag, target = '']) => ({ target, isPicture: tag === 'img' })),
  ];
}

export function readPage(name: string, text = readFileSync(join(root, name), 'utf8')): Page {
  const prose = text.replaceAll(fence, '');
  return {
    name,
    text,
    prose,
    blocks: blocksOf(name, text),
    links: linksOf(prose),
    anchors: anchorsOf(prose),
  };
}

/** Every page that is ours, in the order of their names. */
export const readPages = (): Page[] =>
  globSync('**/*.md', { cwd: root, exclude: (name) => notOurs.test(`${name}/`) })
    .toSorted()
    .map((name) => readPage(name));

/** What stands between backticks in the text. */
export const codeWords = ({ prose }: Page): string[] =>
  [...prose.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, word = '']) => word);

/** A shell block as lines, those that end in `\` joined with the next. */
export const shellLines = (code: string): string[] =>
  code
    .replaceAll(/\\\n\s*/g, ' ')
    .trimEnd()
    .split('\n');
