// A WebSocket by hand, for frames no client library would send.
import { openRaw } from './raw-socket.ts';
import type { RawSocket } from './raw-socket.ts';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  opcode: number;
  payload?: string | Buffer;
  fin?: boolean;
  /** The three reserved bits, as 0x40, 0x20, 0x10. */
  reserved?: number;
  /** Announced instead of the real length, in the 64-bit form. */
  announced?: bigint;
}

/** A masked frame; the mask is zero, so the payload goes out as it is. */
export function frame({ opcode, payload = '', fin = true, reserved = 0, announced }: FrameOptions): Buffer {
  const body = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | reserved | opcode;
  const head = Buffer.alloc(14);
  head[0] = first;
  let length = 2;
  if (announced !== undefined || body.length > 0xffff) {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(announced ?? BigInt(body.length), 2);
    length = 10;
  } else if (body.length > 125) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(body.length, 2);
    length = 4;
  } else {
    head[1] = 0x80 | body.length;
  }
  return Buffer.concat([head.subarray(0, length + 4), body]);
}

export const textFrame = (text: string): Buffer => frame({ opcode: opcodes.text, payload: text });

/** The head of an upgrade to Socket.IO over WebSocket. */
export function upgradeHead(headers: Record<string, string> = {}): string {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Opened, with the engine's handshake read; not yet a Socket.IO client. */
export async function openWebSocket(port: number): Promise<RawWebSocket> {
  const raw = await openRaw(port);
  raw.write(upgradeHead());
  await raw.until(() => raw.text.includes('\r\n\r\n'), 'the answer to the upgrade');
  raw.take(raw.received.indexOf('\r\n\r\n') + 4);
  const socket = new RawWebSocket(raw);
  await socket.until(() => socket.messages.length > 0, "the engine's handshake");
  return socket;
}

/** Opened and connected to the default namespace. */
export async function openSocketIo(port: number): Promise<RawWebSocket> {
  const socket = await openWebSocket(port);
  socket.send('40');
  await socket.until(() => socket.messages.some((text) => text.startsWith('40')), 'the answer to CONNECT');
  return socket;
}

export class RawWebSocket implements Disposable {
  readonly raw: RawSocket;
  /** Text frames so far. */
  readonly messages: string[] = [];
  pongs = 0;
  /** Code of the close frame that came, if one did. */
  closeCode: number | undefined;

  constructor(raw: RawSocket) {
    this.raw = raw;
  }

  /** One text frame. */
  send(text: string): void {
    this.raw.write(textFrame(text));
  }

  write(...frames: Buffer[]): void {
    this.raw.write(Buffer.concat(frames));
  }

  async until(condition: () => boolean, label: string, ms?: number): Promise<void> {
    const look = () => {
      this.#read();
      return condition();
    };
    await this.raw.until(look, `${label}; messages: ${this.messages.join(' ').slice(0, 300)}`, ms);
  }

  /** The next message that begins so, from the given one on; waits for it. */
  async message(start: string, from = 0): Promise<string> {
    const find = () => this.messages.slice(from).find((text) => text.startsWith(start));
    await this.until(() => find() !== undefined, `a message ${start}`);
    return find() ?? '';
  }

  /** Resolves with the close code, or undefined when the connection just ended. */
  async closed(ms?: number): Promise<number | undefined> {
    await this.until(() => this.raw.isClosed || this.closeCode !== undefined, 'the close', ms);
    return this.closeCode;
  }

  /** Whether the engine still serves this connection: an unknown event is answered. */
  async isServed(): Promise<boolean> {
    this.#read();
    const from = this.messages.length;
    this.send('4299["is-anybody-there"]');
    const answered = () => this.messages.slice(from).some((text) => text.startsWith('4399['));
    await this.until(() => answered() || this.raw.isClosed || this.closeCode !== undefined, 'any reaction');
    return answered();
  }

  [Symbol.dispose](): void {
    this.raw.close();
  }

  #read(): void {
    for (;;) {
      const { received } = this.raw;
      const [first, second] = received;
      if (first === undefined || second === undefined) return;
      const short = second & 0x7f;
      const headBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (received.length < headBytes) return;
      let length = short;
      if (short === 126) length = received.readUInt16BE(2);
      if (short === 127) length = Number(received.readBigUInt64BE(2));
      if (received.length < headBytes + length) return;
      this.#frame(first & 0x0f, this.raw.take(headBytes + length).subarray(headBytes));
    }
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.text) this.messages.push(payload.toString('utf8'));
    if (opcode === opcodes.pong) this.pongs++;
    if (opcode === opcodes.close) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
  }
}
