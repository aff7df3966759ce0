// The file with the master keys: one a line, the one that is used first.
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import type { MasterKey } from '../store/vault.ts';
import { masterKey } from '../store/vault.ts';

/** 32 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{43}=$/;
/** What others may not do. A group may read it: that is how orchestrators hand secrets to users that are not root. */
const OTHERS = 0o037;

/**
 * Reads the keys of a file: lines of 32 bytes in base64; empty lines and those that begin with # say nothing.
 * @throws Error of one line that says what to do, and never quotes the file
 */
export function readMasterKeys(path: string): MasterKey[] {
  const text = readPrivate(path);
  const keys: MasterKey[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const key = line.trim();
    if (key === '' || key.startsWith('#')) continue;
    if (!KEY.test(key)) {
      throw new Error(
        `Line ${index + 1} of the key file ${path} is no key: it takes 32 bytes in base64, one key a line. Put back a copy of the file.`,
      );
    }
    keys.push(masterKey(Buffer.from(key, 'base64')));
  }
  if (keys.length > 0) return keys;
  throw new Error(`There is no key in the key file ${path}: put back a copy of it.`);
}

function readPrivate(path: string): string {
  const fd = open(path);
  try {
    const { mode } = fstatSync(fd);
    if (platform() !== 'win32' && (mode & OTHERS) !== 0) {
      throw new Error(
        `Others may use the key file ${path}: take that from them (chmod 600, or 640 for a group), and make a new key if they might have read it.`,
      );
    }
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    // nothing but a file is opened: a pipe would wait for ever
    if (!statSync(path).isFile()) throw new Error('it is no file');
    return openSync(path, 'r');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'it is no file';
    throw new Error(
      `The key file ${path} cannot be read (${reason}): set ENCRYPTION_KEY_FILE to the file with the keys, or make one with npm run keys:init.`,
      { cause },
    );
  }
}
