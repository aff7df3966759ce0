// A process of its own that holds a store: `hold` opens it and waits, `write` appends until it is killed and prints the
// number of every entry once it is acknowledged. Numbers behind the directory name its master keys.
import { admit, LEASE_MS, token } from '../conformance/store-bench.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { vaultOf } from './store-folder.ts';

const [, , what, directory = '', ...keys] = process.argv;
try {
  const store = await openSqlite({ directory, vault: vaultOf(...keys.map(Number)) });
  if (what === 'write') {
    const { lease } = await admit(store, 'session', 'turn');
    for (let at = 0; ; at += 1) {
      await store.append(lease, [token('turn', at, String(at % 10))], LEASE_MS);
      process.stdout.write(`${at + 2}\n`);
    }
  }
  process.stdout.write('open\n');
  setInterval(() => {}, 1000);
} catch (error) {
  process.stdout.write(`refused: ${error instanceof Error ? error.message : String(error)}\n`);
}
