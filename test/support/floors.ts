// What npm run floors looks at: the versions that are locked, where they come from, and what would run when they are installed.
import { z } from 'zod';

/** Of packages of npm, unless it says Node. */
interface Floor {
  name: string;
  /** The first version that may be used. */
  least: string;
  because: string;
}

/** Only what goes through a package that is listed here is checked: add one when its history asks for it. */
export const floors: readonly Floor[] = [
  { name: 'socket.io', least: '4.8.4', because: 'CVE-2024-38355: a crafted packet ends the process' },
  {
    name: 'socket.io-parser',
    least: '4.2.7',
    because: 'CVE-2026-33151, CVE-2026-69185: attachments take all memory',
  },
  {
    name: 'engine.io',
    least: '6.6.12',
    because: 'CVE-2022-41940, CVE-2023-31125: a request ends the process',
  },
  {
    name: 'ws',
    least: '8.21.1',
    because: 'CVE-2026-45736, CVE-2026-48779: memory is shown, or all of it taken',
  },
  { name: 'path-to-regexp', least: '8.4.0', because: 'CVE-2026-4923, CVE-2026-4926: slow expressions' },
  { name: 'qs', least: '6.16.0', because: 'CVE-2026-2391, CVE-2026-82562: arrays without a limit' },
  { name: 'body-parser', least: '2.2.1', because: 'CVE-2025-13466: slow bodies' },
  { name: 'undici', least: '7.24.0', because: 'CVE-2026-1525, CVE-2026-1526: smuggled requests, memory' },
];

/** Of the program that runs, of the image, and of what npm installs. */
export const nodeFloor: Floor = {
  name: 'Node',
  least: '24.18.1',
  because: 'CVE-2026-56846, CVE-2026-56848 and nine more',
};

const NODE_PACKAGE = /^node-(linux|darwin|win)-/;

const Entry = z.looseObject({
  name: z.string().optional(),
  version: z.string().default(''),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  hasInstallScript: z.boolean().default(false),
});
type Entry = z.output<typeof Entry> & { path: string; packageName: string };

const Lock = z.object({ lockfileVersion: z.literal(3), packages: z.record(z.string(), Entry) });
const Manifest = z.object({ allowScripts: z.record(z.string(), z.boolean()).default({}) });

/** Texts of files, and what runs. */
export interface Locked {
  lock: string;
  manifest: string;
  dockerfile: string;
  /** Of Node, without a v. */
  running: string;
}

/** One line for each thing that is wrong, with what to do. @throws Error a file is no lock file, or no manifest */
export function faultsIn({ lock, manifest, dockerfile, running }: Locked): string[] {
  const { packages } = Lock.parse(JSON.parse(lock));
  const { allowScripts } = Manifest.parse(JSON.parse(manifest));
  const entries = Object.entries(packages).flatMap(([path, entry]) => {
    const packageName = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return path === '' ? [] : [{ ...entry, path, packageName }];
  });
  return [
    ...floors.flatMap((floor) => belowFloor(floor, entries)),
    ...belowNode(entries, dockerfile, running),
    ...scriptsIn(entries, allowScripts),
    ...strangersIn(entries),
  ];
}

function belowFloor(floor: Floor, entries: readonly Entry[]): string[] {
  const found = entries.filter(({ packageName }) => packageName === floor.name);
  if (found.length === 0) return [`${floor.name} is not installed any more: take it off the list of floors`];
  return found
    .filter(({ version }) => !isAtLeast(version, floor.least))
    .map(({ path, version }) => `${path} is ${version}: update it to ${floor.least} (${floor.because})`);
}

function belowNode(entries: readonly Entry[], dockerfile: string, running: string): string[] {
  const { least, because } = nodeFloor;
  const images = [...dockerfile.matchAll(/^FROM\s+(?:--\S+\s+)*(?:\S+\/)?node:(\S+)/gm)];
  const places = [
    { place: 'The Node that runs this', version: running },
    ...images.map(([, tag = '']) => ({ place: 'The Node of the Dockerfile', version: tag })),
    ...entries
      .filter(({ packageName }) => NODE_PACKAGE.test(packageName))
      .map(({ path, version }) => ({ place: path, version })),
  ];
  return places
    .filter(({ version }) => !isAtLeast(version, least))
    .map(({ place, version }) => `${place} is ${version}: update it to ${least} (${because})`);
}

/** What would run on the machine of whoever installs. */
function scriptsIn(entries: readonly Entry[], allowed: Readonly<Record<string, boolean>>): string[] {
  const known = new Set(Object.keys(allowed));
  return entries
    .filter(({ packageName, version, hasInstallScript }) => {
      const isKnown = known.has(packageName) || known.has(`${packageName}@${version}`);
      return hasInstallScript && !isKnown;
    })
    .map(
      ({ path }) =>
        `${path} runs a script when it is installed: read it, then say in allowScripts of package.json whether it may`,
    );
}

/** What does not come from where nearly all the others come from, or may be changed on its way. */
function strangersIn(entries: readonly Entry[]): string[] {
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(originOf(entry), (counts.get(originOf(entry)) ?? 0) + 1);
  const [usual] = [...counts].toSorted(([, a], [, b]) => b - a)[0] ?? [''];
  return entries.flatMap((entry) => {
    const isStrange = originOf(entry) !== usual;
    const strange = `${entry.path} does not come from the registry of the others: install it from there`;
    const unsigned = `${entry.path} has no sha512 in the lock file: install it anew`;
    const isHashed = entry.integrity?.startsWith('sha512-') ?? false;
    return [...(isStrange ? [strange] : []), ...(isHashed ? [] : [unsigned])];
  });
}

/** '' where the lock file leaves it to the registry that is set. */
function originOf({ resolved }: Entry): string {
  if (resolved === undefined) return '';
  if (!URL.canParse(resolved)) return 'a place on disk';
  const { protocol, host } = new URL(resolved);
  return `${protocol}//${host}`;
}

/** A version that comes before its release counts as lower; a tag of an image may have words behind the numbers. */
function isAtLeast(version: string, least: string): boolean {
  const [, digits = '', words = ''] = /^v?(\d+\.\d+\.\d+)(.*)$/.exec(version) ?? [];
  if (digits === '') return false;
  const isEarly = /^-(alpha|beta|rc|pre|next|canary|nightly|dev|\d)/i.test(words);
  const order = compare(digits, least);
  return order > 0 || (order === 0 && !isEarly);
}

function compare(one: string, other: string): number {
  const others = other.split('.').map(Number);
  const differences = one.split('.').map((part, at) => Number(part) - (others[at] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}
