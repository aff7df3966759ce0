// Connections that cost their own process little, so that it can hold thousands: a Socket.IO client over a bare WebSocket, and a reader of
// server-sent events. They take what comes as it is.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { opcodes, textFrame, upgradeHead } from '../../test/support/raw-websocket.ts';

const NONE: Buffer = Buffer.alloc(0);
const HEAD_END = '\r\n\r\n';

/** What reads a connection. */
interface Reader {
  onText: (text: string) => void;
}

function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.on('error', reject);
  });
}

/** One text of a server's WebSocket, and where the next begins; undefined while it is not whole. */
function frameAt(data: Buffer, at: number): { text: string | undefined; next: number } | undefined {
  if (data.length < at + 2) return undefined;
  const short = data.readUInt8(at + 1) & 0x7f;
  const from = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  if (data.length < from) return undefined;
  let length = short;
  if (short === 126) length = data.readUInt16BE(at + 2);
  if (short === 127) length = Number(data.readBigUInt64BE(at + 2));
  if (data.length < from + length) return undefined;
  const isText = (data.readUInt8(at) & 0x0f) === opcodes.text;
  return { text: isText ? data.toString('utf8', from, from + length) : undefined, next: from + length };
}

/** A socket in the default namespace. `onText` gets packets of Socket.IO, as `2["event",{…}]`. */
export class LightSocket implements Reader {
  onText: (text: string) => void = () => {};
  readonly #socket: Socket;
  readonly #acks = new Map<string, (answer: string) => void>();
  #rest = NONE;
  #isOpen = false;
  #connected: () => void = () => {};
  #calls = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
  }

  static async open(url: string): Promise<LightSocket> {
    const light = new LightSocket(await openConnection(url));
    await new Promise<void>((resolve) => {
      light.#connected = resolve;
      light.#socket.write(upgradeHead({ Host: new URL(url).host }));
    });
    return light;
  }

  /** Resolves with the arguments of the ack, as JSON. */
  call(event: string, payload: object): Promise<string> {
    const id = String(this.#calls);
    this.#calls += 1;
    return new Promise((resolve) => {
      this.#acks.set(id, resolve);
      this.#socket.write(textFrame(`42${id}${JSON.stringify([event, payload])}`));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (!this.#isOpen) {
      const end = data.indexOf(HEAD_END);
      if (end >= 0) {
        this.#isOpen = true;
        data = data.subarray(end + HEAD_END.length);
      }
    }
    let at = 0;
    for (let frame = this.#isOpen ? frameAt(data, 0) : undefined; frame; frame = frameAt(data, at)) {
      at = frame.next;
      if (frame.text !== undefined) this.#take(frame.text);
    }
    this.#rest = data.subarray(at);
  }

  #take(text: string): void {
    if (text === '2') this.#socket.write(textFrame('3'));
    else if (text.startsWith('0')) this.#socket.write(textFrame('40'));
    else if (text.startsWith('40')) this.#connected();
    else if (text.startsWith('42')) this.onText(text.slice(1));
    else if (text.startsWith('43')) {
      const from = text.indexOf('[');
      const id = text.slice(2, from);
      this.#acks.get(id)?.(text.slice(from));
      this.#acks.delete(id);
    }
  }
}

/** A stream of events. `onText` gets what stands between two blank lines, sizes of chunks in it. */
export class LightStream implements Reader {
  onText: (text: string) => void = () => {};
  readonly #socket: Socket;
  #rest = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
  }

  /** Resolves once something of it has come; `onText` gets that too. */
  static async open(url: string, path: string, onText?: (text: string) => void): Promise<LightStream> {
    const light = new LightStream(await openConnection(url));
    if (onText) light.onText = onText;
    await new Promise<void>((resolve) => {
      light.#socket.once('data', () => resolve());
      light.#socket.on('data', (text) => light.#read(String(text)));
      light.#socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAccept: text/event-stream\r\n\r\n`,
      );
    });
    return light;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.onText(block);
  }
}
