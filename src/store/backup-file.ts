// A backup is a SQLite file with one more line, its checksum: SQLite itself does not notice what changes inside of a record.
import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';

const CHUNK_BYTES = 1024 * 1024;
const SEAL = /^\nstillpoint backup 1 sha256 ([0-9a-f]{64})\n$/;
const SEAL_BYTES = sealOf('0'.repeat(64)).length;
const SQLITE = 'SQLite format 3\0';
/** Every page is a multiple of it. */
const PAGE_BYTES = 512;

/** Appends the checksum to an open file, and waits until the disk has all of it. */
export function seal(fd: number): void {
  const { size } = fstatSync(fd);
  const hash = createHash('sha256');
  walk(fd, size, hash, () => {});
  writeAll(fd, Buffer.from(sealOf(hash.digest('hex'))), size);
  fsyncSync(fd);
}

/**
 * Copies the database in a file to a new one that nobody else can read, without the checksum, and waits for the disk. False when
 * it had none: it is no backup, but may be the data of a server. @throws Error of one line; then there is no copy
 */
export function copyDatabase(from: string, to: string): boolean {
  const source = openSync(from, 'r');
  const target = openSync(to, 'wx', 0o600);
  try {
    return copy(source, target);
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/** The names in a directory are on the disk, too. */
export function syncDirectory(directory: string): void {
  // where a directory cannot be opened, as on Windows, this cannot be asked for
  if (constants.O_DIRECTORY === undefined) return;
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function copy(source: number, target: number): boolean {
  const stat = fstatSync(source);
  if (!stat.isFile()) throw new Error('it is no file');
  if (stat.size === 0) throw new Error('it is empty');
  if (!read(source, 0, SQLITE.length).equals(Buffer.from(SQLITE))) throw new Error('it is no backup');
  const last = read(source, Math.max(stat.size - SEAL_BYTES, 0), SEAL_BYTES);
  const expected = SEAL.exec(last.toString('latin1'))?.[1];
  const size = expected === undefined ? stat.size : stat.size - SEAL_BYTES;
  if (size % PAGE_BYTES !== 0) throw new Error('it is damaged: its end is missing');
  const hash = createHash('sha256');
  let at = 0;
  walk(source, size, hash, (chunk) => {
    writeAll(target, chunk, at);
    at += chunk.length;
  });
  if (expected !== undefined && hash.digest('hex') !== expected)
    throw new Error('it is damaged: its checksum does not fit');
  fsyncSync(target);
  return expected !== undefined;
}

function sealOf(digest: string): string {
  return `\nstillpoint backup 1 sha256 ${digest}\n`;
}

function walk(fd: number, size: number, hash: Hash, see: (chunk: Buffer) => void): void {
  for (let at = 0; at < size;) {
    const chunk = read(fd, at, Math.min(CHUNK_BYTES, size - at));
    if (chunk.length === 0) throw new Error('it became shorter while it was read');
    hash.update(chunk);
    see(chunk);
    at += chunk.length;
  }
}

function read(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, at));
}

function writeAll(fd: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
