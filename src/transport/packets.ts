// Frames as Socket.IO sends them, made once however many sockets get them: its own `emit` would make each anew.
import type { Frame } from '../chat/frame.ts';

/** A packet of the default namespace, as `conn.write` of Engine.IO takes it. */
export interface Packet {
  /** Without the type of Engine.IO in front. */
  readonly text: string;
  /** The same as one frame of a WebSocket: with it, one write in place of two, and nothing to encode for each socket. */
  readonly options: { compress: boolean; wsPreEncodedFrame: [Buffer] };
}

/** What frames are on the wire. Kept as long as the frame is. */
export class Packets {
  readonly #known = new WeakMap<Frame, Packet>();

  of(frame: Frame): Packet {
    const known = this.#known.get(frame);
    if (known) return known;
    // "2": an event (Socket.IO protocol 5); names of pushes need no escapes
    const text = `2["${frame.event}",${frame.json}]`;
    const packet: Packet = { text, options: { compress: false, wsPreEncodedFrame: [textFrame(text)] } };
    this.#known.set(frame, packet);
    return packet;
  }
}

const FINAL_TEXT = 0x81;
/** "4": a message (Engine.IO protocol 4). */
const MESSAGE = '4';
/** Longest payload whose length fits into the second byte, and into two bytes behind it (RFC 6455 5.2). */
const SHORT = 125;
const MEDIUM = 0xffff;

/** An unmasked frame with a message of Engine.IO (RFC 6455 5.2). */
function textFrame(text: string): Buffer {
  const size = MESSAGE.length + Buffer.byteLength(text);
  const head = size <= SHORT ? 2 : size <= MEDIUM ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + size);
  frame[0] = FINAL_TEXT;
  if (size <= SHORT) frame[1] = size;
  else if (size <= MEDIUM) {
    frame[1] = SHORT + 1;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = SHORT + 2;
    frame.writeBigUInt64BE(BigInt(size), 2);
  }
  frame.write(MESSAGE, head, 'latin1');
  frame.write(text, head + MESSAGE.length);
  return frame;
}
