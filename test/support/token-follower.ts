// A client by hand: it makes no promise, no timer and no JSON of its own, so that what is counted beside it is the server's.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { textFrame, upgradeHead } from './raw-websocket.ts';
import { pathOf } from './rest.ts';
import type { Way } from './token-table.ts';

/** What of a connection is kept to look for words in. */
const KEPT_CHARS = 65_536;
/** The end of the answer to a poll. */
const CURSOR = /"cursor":"([^"]+)"\}$/;

/** Follows one session in one way. */
export class TokenFollower {
  readonly #socket: Socket;
  readonly #way: Way;
  readonly #sessionId: string;
  #text = '';
  #look: { wanted: string; end: RegExp | undefined; found: (text: string) => void } | undefined;

  /** `onBytes` is told how much came. */
  constructor(url: string, way: Way, sessionId: string, onBytes: (bytes: number) => void) {
    const { hostname, port } = new URL(url);
    this.#way = way;
    this.#sessionId = sessionId;
    this.#socket = connect({ port: Number(port), host: hostname, noDelay: true });
    this.#socket.on('data', (chunk) => {
      onBytes(chunk.length);
      this.#text = (this.#text + chunk.toString('latin1')).slice(-KEPT_CHARS);
      this.#check();
    });
  }

  /** Resolves once it follows; one that polls follows from `poll` on. */
  async open(): Promise<void> {
    if (this.#way === 'socket') {
      this.#socket.write(upgradeHead());
      await this.#has('"sid"');
      this.#socket.write(textFrame('40'));
      await this.#has('40{"sid"');
      this.#socket.write(textFrame(`420["session:join",{"session_id":"${this.#sessionId}"}]`));
      await this.#has('"ok":true');
    } else if (this.#way === 'stream') {
      this.#get('/events');
      await this.#has('event: session:snapshot');
    }
  }

  /** Polls until there is no more behind the cursor, and waits there. */
  async poll(cursor: string): Promise<void> {
    this.#get(`/log?after=${cursor}&wait=30`);
    const answer = await this.#has('"turn:started"', CURSOR);
    this.#pollAgain(answer);
  }

  /** Calls back once, as soon as the word is there; one that polls has asked for the next one then. */
  expect(word: string, then: () => void): void {
    if (this.#way !== 'poll') return this.#when(word, undefined, then);
    this.#when(word, CURSOR, (answer) => {
      this.#pollAgain(answer);
      then();
    });
  }

  leave(): void {
    this.#socket.destroy();
  }

  #get(path: string): void {
    this.#socket.write(`GET ${pathOf(this.#sessionId, path)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  }

  #pollAgain(answer: string): void {
    this.#get(`/log?after=${CURSOR.exec(answer)?.[1] ?? ''}&wait=30`);
  }

  #has(wanted: string, end?: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.#when(wanted, end, resolve);
    });
  }

  /** Once, with all that came since the last time. */
  #when(wanted: string, end: RegExp | undefined, found: (text: string) => void): void {
    this.#look = { wanted, end, found };
    this.#check();
  }

  #check(): void {
    const [look, text] = [this.#look, this.#text];
    if (!look || !text.includes(look.wanted) || look.end?.test(text) === false) return;
    this.#look = undefined;
    this.#text = '';
    look.found(text);
  }
}
