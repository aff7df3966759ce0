import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/ops/doctor/finding.ts';
import { checkWebhooks } from '../../../src/ops/doctor/webhooks.ts';
import { newFolder } from '../../support/store-folder.ts';

const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);

function writeMode(path: string, text: string, mode: number): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}

describe('the file of webhooks', () => {
  const entry = { name: 'crm', url: 'https://crm.example/hook', secret: 's'.repeat(32) };

  test.each([
    ['is used', JSON.stringify([entry]), 0o600, /^ok: 1 receivers in /],
    ['names a bad entry by its number', '[{}]', 0o600, /^fail: The file of webhooks cannot be used: entry 1/],
    ['that others may write is refused', '[]', 0o622, /^fail: /],
  ])('%s', async (_what, text, mode, expected) => {
    await using folder = await newFolder();
    const path = join(folder.path, 'webhooks.json');
    writeMode(path, text, mode);

    const [line = ''] = told(await checkWebhooks(path));

    expect(line).toMatch(expected);
    expect(line).not.toContain(entry.secret);
  });

  test('is nothing to tell of where there is none', async () => {
    expect(await checkWebhooks('')).toEqual([]);
    expect(told(await checkWebhooks('/nowhere/at/all'))).toEqual(['fail: there is no file /nowhere/at/all']);
  });
});
