// Clocks: tokens end by them, and leases.
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** No copy of this program is older. */
const EARLIEST = Date.UTC(2025, 0, 1);
const APART_MS = 5_000;

/** Times in ms. */
interface Clocks {
  /** Since 1970. */
  now: number;
  /** How far the clock of the wall went on further than the one that never jumps, since this was started. */
  jumpedMs: number;
  /** How far the clocks of others are ahead of ours. */
  others: readonly { name: string; aheadMs: number }[];
}

const seconds = (ms: number): string => `${(Math.abs(ms) / 1000).toFixed(0)} s`;

export function judgeClocks({ now, jumpedMs, others }: Clocks): Finding[] {
  const time = new Date(now).toISOString().slice(0, 19).replace('T', ' ');
  const sync = 'Have it set by the network: timedatectl set-ntp true, chrony, or the clock of the host.';
  if (now < EARLIEST) return [fail('clock', `it is not ${time}: the clock is wrong`, sync)];
  const findings = others
    .filter(({ aheadMs }) => Math.abs(aheadMs) > APART_MS)
    .map(({ name, aheadMs }) => {
      const way = aheadMs > 0 ? 'behind' : 'ahead of';
      return warn('clock', `this clock is ${seconds(aheadMs)} ${way} that of ${name}`, sync);
    });
  if (Math.abs(jumpedMs) > APART_MS) {
    findings.push(warn('clock', `the clock jumped by ${seconds(jumpedMs)} while this ran`, sync));
  }
  if (findings.length > 0) return findings;
  const agreed = others.map(({ name }) => name).join(', ');
  return [ok('clock', `${time} UTC${agreed === '' ? '' : `, as at ${agreed}`}`)];
}
