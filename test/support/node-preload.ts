// Loaded into a server before its own code: gives it a clock that is wrong, and a signal that blocks its event loop, which
// it says before it does.
import { writeSync } from 'node:fs';

const aheadMs = Number(process.env['TEST_CLOCK_AHEAD_MS'] ?? 0);
const blockMs = Number(process.env['TEST_BLOCK_MS'] ?? 0);

const now = Date.now.bind(Date);
Date.now = () => now() + aheadMs;

process.on('SIGUSR2', () => {
  writeSync(1, `${JSON.stringify({ msg: 'blocked' })}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
});
