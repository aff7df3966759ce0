import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const WRITER = fileURLToPath(new URL('store-writer.ts', import.meta.url));

/** A process that holds the store in a directory, with master keys told apart by numbers. */
export function startWriter(what: 'hold' | 'write', directory: string, ...keys: number[]) {
  const child: ChildProcess = spawn(process.execPath, [WRITER, what, directory, ...keys.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('the child has no output');
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = once(child, 'close');
  return {
    line: async () => {
      await expect.poll(() => lines.length, { timeout: 15_000, interval: 2 }).toBeGreaterThan(0);
      return lines.shift() ?? '';
    },
    rest: () => lines,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
