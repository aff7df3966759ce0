// The pages hold together: links lead somewhere, every page is found, and what a page names is there.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeConfig } from '../../src/config.ts';
import { openApi } from '../../src/contract/docs.ts';
import { errorTable } from '../../src/contract/errors.ts';
import { operations, pushes } from '../../src/contract/operations.ts';
import { AlphaStep, PriorityState } from '../../src/contract/progress.ts';
import { anchorsOf, codeWords, readPage, readPages, root, shellLines } from '../support/docs-pages.ts';
import type { Page } from '../support/docs-pages.ts';

const pages = readPages();
const pageOf = (name: string): Page | undefined => pages.find((page) => page.name === name);
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

/** Hosts of others that a page may lead to; nothing is asked of them here. */
const hosts = new Set([
  'cheatsheetseries.owasp.org',
  'csrc.nist.gov',
  'eur-lex.europa.eu',
  'genai.owasp.org',
  'owasp.org',
  'semver.org',
  'www.ecfr.gov',
  'www.rfc-editor.org',
]);
const MAX_PICTURE_BYTES = 120 * 1024;
const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Why a link leads nowhere; undefined where it leads somewhere. */
function faultOf(page: Page, target: string): string | undefined {
  if (/^https?:/.test(target)) {
    const url = URL.parse(target);
    if (!url || target.includes(' ')) return 'is no address';
    const isKnown = url.protocol === 'https:' ? hosts.has(url.hostname) : loopback.has(url.hostname);
    return isKnown ? undefined : 'leads to a host that is not listed in this test';
  }
  if (/^\w+:/.test(target)) return 'has a scheme that is not followed';
  const [file = '', anchor] = decodeURIComponent(target).split('#');
  const path = file === '' ? page.name : relative(root, resolve(root, dirname(page.name), file));
  if (path.startsWith('..') || !existsSync(join(root, path))) return 'leads to no file';
  if (anchor === undefined) return undefined;
  return pageOf(path)?.anchors.includes(anchor) ? undefined : 'has no such heading';
}

describe('links', () => {
  test.each(pages)('of $name lead somewhere', (page) => {
    const faults = page.links.map(({ target }) => [target, faultOf(page, target)]);

    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });

  test.each([
    ['gone.md', 'leads to no file'],
    ['../../etc/passwd', 'leads to no file'],
    ['security.md#no-such-heading', 'has no such heading'],
    ['#no-such-heading', 'has no such heading'],
    ['http://example.org/', 'leads to a host that is not listed in this test'],
    ['ftp://127.0.0.1/', 'has a scheme that is not followed'],
    ['https://', 'is no address'],
  ])('%s would be noticed: it %s', (target, fault) => {
    expect(faultOf(readPage('docs/client.md'), target)).toBe(fault);
  });

  test('headings get the anchors that the platform gives them', () => {
    const prose = "# A `b_c` & d!\n## [Links](x.md#y), too\n## Zoë's way\n## A b_c  d\n### Same\n### Same\n";

    expect(anchorsOf(prose)).toEqual(['a-b_c--d', 'links-too', 'zoës-way', 'a-b_c--d-1', 'same', 'same-1']);
  });

  test('pictures are files in docs/pictures, and all of them are shown', () => {
    const shown = pages.flatMap((page) =>
      page.links
        .filter(({ isPicture }) => isPicture)
        .map(({ target }) => relative(root, resolve(root, dirname(page.name), target))),
    );

    expect([...new Set(shown)].toSorted()).toEqual(globSync('docs/pictures/*', { cwd: root }).toSorted());
    for (const file of shown) expect(statSync(join(root, file)).size).toBeLessThanOrEqual(MAX_PICTURE_BYTES);
  });

  test('reach every page in docs within two hops from README.md or docs/README.md', () => {
    const after = (names: Iterable<string>): Set<string> =>
      new Set(
        [...names].flatMap((name) => [
          name,
          ...(pageOf(name)?.links ?? []).map(({ target }) =>
            relative(root, resolve(root, dirname(name), target.split('#')[0] ?? '')),
          ),
        ]),
      );
    const near = after(after(['README.md', 'docs/README.md']));

    const far = pages.map(({ name }) => name).filter((name) => name.startsWith('docs/') && !near.has(name));

    expect(far).toEqual([]);
  });
});

const settings = new Set(describeConfig().map(({ name }) => name));
const codes = Object.keys(errorTable);
const states = [...PriorityState.options, ...AlphaStep.options];
/** What is written like a setting and is none of ours. */
const others = new Map<string, RegExp>([
  ['algorithms', /^(RS256|PS256|ES256|HS256|HMAC|SHA256)$/],
  ['methods of HTTP', /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$/],
  ['signals', /^SIG[A-Z]+$/],
  ['commands of Redis, and of SQL', /^(WAIT|EVALSHA|VACUUM|PRAGMA)$/],
  ['settings of Ollama', /^OLLAMA_(DEBUG|NUM_PARALLEL|MAX_LOADED_MODELS)$/],
  ['the environment of programs beside the server', /^(STILLPOINT_\w+|CHROMIUM_PATH|SECRET|CI|HOME|PATH)$/],
  ['the environment of Node and OpenTelemetry', /^(NODE_\w+|OTEL_\w+)$/],
  ['the release', /^(MIT|LICENSE)$/],
  ['any name', /^NAME$/],
]);

/** Variables that blocks set or read. */
const variablesOf = ({ blocks }: Page): string[] =>
  blocks.flatMap(({ code }) =>
    [...code.matchAll(/\b([A-Z][A-Z0-9_]*)=|\$\{?([A-Z][A-Z0-9_]*)/g)].map(
      ([, set, read]) => set ?? read ?? '',
    ),
  );

function isNamed(name: string, page: Page): boolean {
  if (settings.has(name) || codes.includes(name) || states.some((state) => state === name)) return true;
  return variablesOf(page).includes(name) || [...others.values()].some((known) => known.test(name));
}

const history = new Set(['CHANGELOG.md']);
const living = pages.filter(({ name }) => !history.has(name));

describe('what a page names is there', () => {
  test.each(living)('settings, codes and states in $name', (page) => {
    const words = codeWords(page).flatMap(
      (word) => /^([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)(?:=.*)?$/.exec(word)?.[1] ?? [],
    );

    expect(words.filter((name) => !isNamed(name, page))).toEqual([]);
  });

  test.each(living)('settings before a command of $name', (page) => {
    const given = page.blocks
      .filter(({ language }) => ['sh', 'bash', 'console'].includes(language))
      .flatMap(({ code }) => shellLines(code))
      .filter((line) => /\bnpm (start|run)\b|node src\/main\.ts/.test(line))
      .flatMap((line) => [...(line.split(/\bnpm |\bnode /)[0] ?? '').matchAll(/\b([A-Z][A-Z_]*)=(?!\$\()/g)])
      .map(([, name = '']) => name);

    expect(given.filter((name) => !settings.has(name) && !name.startsWith('STILLPOINT_'))).toEqual([]);
  });

  test.each(pages)('scripts of npm in $name', ({ text }) => {
    const named = [...text.matchAll(/\bnpm run (?:-s |--silent )?([\w:-]+)(…|\*)?/g)].map(
      ([, name = '', more]) => ({ name, more }),
    );

    const missing = named.filter(({ name, more }) =>
      more ? !Object.keys(scripts).some((script) => script.startsWith(name)) : scripts[name] === undefined,
    );

    expect(missing).toEqual([]);
  });

  test.each(living)('operations and events in $name', (page) => {
    const known = new Set([...Object.keys(operations), ...Object.keys(pushes), ...Object.keys(scripts)]);
    const ofOthers =
      /^(node:\w+|session:snapshot|crm:\w+|(answer|client|other|language|detector|guard):\w+)$/;
    const named = codeWords(page).filter((word) => /^[a-z_]+:[a-z_]+$/.test(word));

    expect(named.filter((name) => !known.has(name) && !ofOthers.test(name))).toEqual([]);
  });

  const files = globSync('{src,test,client,docs,bench}/**/*.*', {
    cwd: root,
    exclude: (name) => /node_modules|\/dist/.test(name),
  });

  test.each(living)('files in $name', (page) => {
    const words = codeWords(page).filter((word) => !/[<>… ]/.test(word));
    const paths = words.filter((word) => /^(src|test|client|docs|bench|deploy)\/[\w./*{},-]*$/.test(word));
    const short = words.filter((word) => /^([a-z-]+\/)*[a-z][\w.-]*\.ts$/.test(word));

    expect(paths.filter((path) => globSync(path.replace(/\/$/, ''), { cwd: root }).length === 0)).toEqual([]);
    expect(short.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)))).toEqual([]);
  });

  /** Served, and in no document of the contract. */
  const undocumented = new Set(['GET /metrics', 'GET /']);
  const routes = Object.entries(openApi('0').paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
    })),
  );

  test.each(living)('routes in $name', (page) => {
    const named = codeWords(page).flatMap((word) =>
      [...word.matchAll(/^(GET|POST|PUT|DELETE) (\/[^\s?[]*)/g)].map(([, method, path = '']) => ({
        method,
        path,
      })),
    );

    const unknown = named.filter(
      ({ method, path }) =>
        !undocumented.has(`${method} ${path}`) &&
        !routes.some((route) => route.method === method && route.path.test(path)),
    );

    expect(unknown).toEqual([]);
  });
});
