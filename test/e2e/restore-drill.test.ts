// A backup under load, a loss of everything behind it, and a restore: what people see of it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runScript } from '../support/backup-script.ts';
import type { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, input, openScene, words } from '../support/scene.ts';
import type { Scene, Spoken } from '../support/scene.ts';
import { tempDir } from '../support/server-process.ts';

const LIVE = ['live-a', 'live-b', 'live-c'];
const LOST = words(30);
/** As `LOST` up to where the backup finds it, and other words from there on. */
const AGAIN = `${firstWords(LOST, 8)} ${words(20, 'quar').slice(4)}`;

/** What a device knows of a session, as it is after it joined with what it had. */
async function rejoined(scene: Scene, { client }: Spoken): Promise<Client> {
  const device = client.copy();
  await (await scene.socket()).follow(device.sessionId, device);
  await device.until(({ counts }) => counts.snapshots === 1, 'a snapshot');
  return device;
}

async function says(scene: Scene, id: string, userInput: string, inputId: string): Promise<Spoken> {
  const spoken = await scene.speak(id, userInput, { input_id: inputId });
  await spoken.client.ended(spoken.admission.turn_id);
  return spoken;
}

test.for([
  { kind: 'plain', isEncrypted: false },
  { kind: 'encrypted', isEncrypted: true },
])(
  '[P-9] a backup taken under load is restored after a kill -9: whole, and with no number given twice ($kind)',
  async ({ isEncrypted }) => {
    await using place = await tempDir();
    const [file, keys] = [join(place.path, 'backup.db'), join(place.path, 'keys')];
    await writeFile(keys, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    const env = isEncrypted ? { ENCRYPTION_KEY_FILE: keys } : {};
    await using scene = await openScene({
      env: { OLLAMA_SLOTS: '8', ...env },
      fake: { behaviour: { reply: LOST } },
    });
    const settings = { DATA_DIR: scene.dataDir, ...env };
    const early = await says(scene, 'early', 'the first words', 'first');
    await says(scene, 'deleted', 'canary words', 'first');
    scene.fake.hold('piece', 8);
    const live = await Promise.all(
      LIVE.map((id) => scene.speak(id, `input of ${id}`, { input_id: 'first' })),
    );
    for (const { client } of live)
      await client.until(() => client.text() === firstWords(LOST, 8), 'eight words');

    const [backup, ...meanwhile] = await Promise.all([
      runScript('backup', [file], settings),
      ...['x', 'y', 'z'].map((id) => scene.speak(id, `said by ${id} while it is taken`)),
    ]);
    const refused = await runScript('restore', [file], settings);
    scene.fake.release();
    for (const { client, admission } of [...live, ...meanwhile]) await client.ended(admission.turn_id);
    const later = await says(scene, 'early', 'words that are lost', 'second');
    await scene.rest(`DELETE ${pathOf('deleted')}`);
    await scene.kill();
    const restored = await runScript('restore', [file], settings);
    scene.fake.always({ reply: AGAIN });
    await scene.start();
    const devices = await Promise.all(live.map((spoken) => rejoined(scene, spoken)));
    const ended = await Promise.all(
      devices.map((device, index) => device.ended(live[index]?.admission.turn_id ?? '')),
    );
    const other = await scene.socket();
    const follower = await other.follow('early');
    const retried = await input(other, 'early', 'words that are lost', { input_id: 'second' });
    await follower.ended(retried.turn_id);
    const [before, after] = [await rejoined(scene, early), await rejoined(scene, later)];
    const audit = await runScript('audit-verify', [], settings);

    expect([backup, refused, restored, audit].map(({ code, err }) => [code, err.split('\n').length])).toEqual(
      [
        [0, 1],
        [1, 2],
        [0, 1],
        [0, 1],
      ],
    );
    expect(refused.err).toContain('in use by another process');
    expect(restored.out).toContain('1 of its sessions were deleted after the backup');
    expect(ended.map(({ userInput, text, state }) => ({ userInput, text, state }))).toEqual(
      LIVE.map((id) => ({ userInput: `input of ${id}`, text: AGAIN, state: 'done' })),
    );
    expect(live.map(({ client }) => client.text())).toEqual(LIVE.map(() => LOST));
    expect(retried).not.toHaveProperty('duplicate', true);
    expect(retried.turn_id).not.toBe(later.admission.turn_id);
    for (const device of [before, after, follower]) {
      expect(device.cursor).not.toMatch(new RegExp(`^${later.client.cursor?.split('.')[0] ?? ''}`));
      expect(device.turns.map(({ userInput, text }) => [userInput, text])).toEqual([
        ['the first words', LOST],
        ['words that are lost', AGAIN],
      ]);
    }
    expect((await scene.rest(`GET ${pathOf('deleted', '/status')}`)).status).toBe(404);
    const bytes = await readFile(join(scene.dataDir, 'stillpoint.db'), 'latin1');
    expect(bytes).not.toContain('canary words');
    expect((await readFile(file, 'latin1')).includes('canary words')).toBe(!isEncrypted);
  },
);
