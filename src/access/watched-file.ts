// A file that is read again when it changes. A bad or missing one changes nothing: what was read last goes on counting.
import { open, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import type { Log } from '../log.ts';

/** Whoever else may write to it could put keys of their own there. */
const WRITABLE_BY_OTHERS = 0o022;
const MISSING = 'missing';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'failed';

/** The text of a file, undefined where there is none. @throws Error of one line: it cannot be read, or others may write to it */
export async function readGuarded(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, 'r');
    const { mode } = await handle.stat();
    if (platform() === 'win32' || (mode & WRITABLE_BY_OTHERS) === 0) return await handle.readFile('utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read: ${codeOf(cause)}`, { cause });
  }
  throw new Error(`${path} may be written by others than its owner; chmod 600 helps`);
}

export interface WatchedFileOptions<T> {
  path: string;
  /** @throws Error of one line that quotes nothing of the text */
  parse: (text: string) => T;
  /** What is in it, as the log says it. */
  what?: string;
  log: Pick<Log, 'info' | 'error'>;
}

export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T | undefined;
  #stamp = MISSING;
  #isFaulty = false;

  private constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
  }

  /** Reads it for the first time. @throws Error of one line: it is there, and bad */
  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    const file = new WatchedFile(options);
    await file.#read();
    return file;
  }

  /** What was read last; undefined as long as the file was never there. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Reads the file if it has changed; whether there is something new. Never rejects: a fault is one line of the log. */
  async poll(): Promise<boolean> {
    const { log, path, what = 'keys' } = this.#options;
    try {
      const isNew = await this.#read();
      if (isNew) log.info({ path }, `a file of ${what} was read again`);
      return isNew;
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'it cannot be read';
      if (!this.#isFaulty)
        log.error({ reason }, `a file of ${what} is bad: the ${what} read before go on counting`);
      this.#isFaulty = true;
      return false;
    }
  }

  async #read(): Promise<boolean> {
    // taken before the text: what changes meanwhile is found the next time
    const stamp = await this.#look();
    if (stamp === this.#stamp) return false;
    const text = await readGuarded(this.#options.path);
    if (text === undefined) throw new Error(`${this.#options.path} is not there`);
    this.#stamp = stamp;
    this.#value = this.#options.parse(text);
    this.#isFaulty = false;
    return true;
  }

  async #look(): Promise<string> {
    try {
      const { ino, size, mode, mtimeNs, ctimeNs } = await stat(this.#options.path, { bigint: true });
      return [ino, size, mode, mtimeNs, ctimeNs].join(' ');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return MISSING;
      throw error;
    }
  }
}
