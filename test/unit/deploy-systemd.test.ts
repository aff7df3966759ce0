// The unit for systemd agrees with the settings.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { describeConfig, readConfig } from '../../src/config.ts';

const root = resolve(import.meta.dirname, '../..');
const unit = readFileSync(join(root, 'deploy/systemd/stillpoint.service'), 'utf8');
const settings = new Set(describeConfig().map(({ name }) => name));

const valuesOf = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

const environment = Object.fromEntries(valuesOf('Environment').map((line) => line.split('=', 2)));

it('sets nothing but settings', () => {
  const { NODE_ENV, ...rest } = environment;

  expect(NODE_ENV).toBe('production');
  expect(Object.keys(rest)).toEqual(['DATA_DIR', 'AUTH_MODE']);
  expect(Object.keys(rest).filter((name) => !settings.has(name))).toEqual([]);
});

it('gives the server the time to stop that it may take, and the directory that it writes to', () => {
  const { DRAIN_DELAY_MS, DRAIN_MS, DATA_DIR } = readConfig(environment);

  expect(Number(valuesOf('TimeoutStopSec')[0]) * 1000).toBeGreaterThanOrEqual(
    DRAIN_DELAY_MS + DRAIN_MS + 10_000,
  );
  expect(DATA_DIR).toBe(`/var/lib/${valuesOf('StateDirectory').join()}`);
});

it('starts it without a right that it does not need, and leaves compiled code its memory', () => {
  expect(valuesOf('User')).toEqual(['stillpoint']);
  expect(valuesOf('CapabilityBoundingSet')).toEqual(['']);
  expect(valuesOf('NoNewPrivileges')).toEqual(['yes']);
  expect(valuesOf('ProtectSystem')).toEqual(['strict']);
  expect(valuesOf('MemoryDenyWriteExecute')).toEqual([]);
  // a call that is not allowed must fail, not kill
  expect(valuesOf('SystemCallErrorNumber')).toEqual(['EPERM']);
});
