// Loaded into a script before its own code: kills the process in place of its n-th change to the files, or says how many there were.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import sqlite from 'node:sqlite';

const killAt = Number(process.env['TEST_KILL_AT']);
let changes = 0;

function counted<A extends unknown[], R>(change: (...args: A) => R) {
  return function (this: unknown, ...args: A): R {
    changes += 1;
    if (changes === killAt) process.kill(process.pid, 'SIGKILL');
    return Reflect.apply(change, this, args);
  };
}

fs.writeSync = counted(fs.writeSync) as typeof fs.writeSync;
fs.fsyncSync = counted(fs.fsyncSync);
fs.linkSync = counted(fs.linkSync);
fs.renameSync = counted(fs.renameSync);
fs.rmSync = counted(fs.rmSync);
for (const name of ['exec', 'close'] as const) {
  const { value } = Object.getOwnPropertyDescriptor(sqlite.DatabaseSync.prototype, name) ?? {};
  sqlite.DatabaseSync.prototype[name] = counted(value as () => void);
}
syncBuiltinESMExports();
if (killAt === 0) process.on('exit', () => process.stderr.write(`changes ${changes}`));
