import type { KeyObject } from 'node:crypto';
import type { Log } from '../log.ts';
import { parseKeyFile } from './key-set.ts';
import type { KeyFinder, KeySet } from './key-set.ts';
import { WatchedFile } from './watched-file.ts';

const POLL_MS = 1000;

/** The keys in a file, read again when it changes. */
export class FileKeys implements KeyFinder {
  readonly #file: WatchedFile<KeySet>;
  readonly #timer: NodeJS.Timeout;

  private constructor(file: WatchedFile<KeySet>, pollMs: number) {
    this.#file = file;
    this.#timer = setInterval(() => void file.poll(), pollMs).unref();
  }

  /** @throws Error of one line: the file is not there, or bad */
  static async open(path: string, log: Pick<Log, 'info' | 'error'>, pollMs = POLL_MS): Promise<FileKeys> {
    const file = await WatchedFile.open({ path, parse: parseKeyFile, log });
    if (!file.value) throw new Error(`There is no file of JWT keys at ${path}`);
    return new FileKeys(file, pollMs);
  }

  async find(kid: string | undefined, algorithm: string): Promise<KeyObject | undefined> {
    return this.#file.value?.find(kid, algorithm);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
