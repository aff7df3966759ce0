import { expect, it } from 'vitest';
import { Frame } from '../../../src/chat/frame.ts';
import { Packets } from '../../../src/transport/packets.ts';

/** What an unmasked frame with text holds, and how many bytes its length takes (RFC 6455 5.2). */
function read(frame: Buffer): { text: string; lengthBytes: number } {
  expect(frame[0]).toBe(0b1000_0001);
  const short = frame.readUInt8(1);
  expect(short & 0b1000_0000).toBe(0);
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const lengths = {
    0: () => short,
    2: () => frame.readUInt16BE(2),
    8: () => Number(frame.readBigUInt64BE(2)),
  };
  const payload = frame.subarray(2 + lengthBytes);
  expect(payload).toHaveLength(lengths[lengthBytes]());
  return { text: payload.toString(), lengthBytes };
}

/** A frame whose payload has that many bytes. */
function frameOf(bytes: number, letter = 'x'): Frame {
  const empty = Buffer.byteLength(`42["e",{"t":""}]`);
  const count = (bytes - empty) / Buffer.byteLength(letter);
  return Object.assign(new Frame('therapist:token', { t: letter.repeat(count) }), { event: 'e' });
}

it.each([
  [125, 0],
  [126, 2],
  [65_535, 2],
  [65_536, 8],
  [1_000_000, 8],
])('a packet of %i bytes is one frame of a WebSocket', (bytes, lengthBytes) => {
  const { text, options } = new Packets().of(frameOf(bytes));
  const frame = read(options.wsPreEncodedFrame[0]);

  expect(frame).toEqual({ text: `4${text}`, lengthBytes });
  expect(Buffer.byteLength(frame.text)).toBe(bytes);
});

it.each(['é', '€', '😀'])('its length is counted in bytes: %s', (letter) => {
  const { text, options } = new Packets().of(frameOf(16 + 4 * 300, letter));

  expect(read(options.wsPreEncodedFrame[0]).text).toBe(`4${text}`);
  expect(JSON.parse(text.slice(1))).toEqual(['e', { t: letter.repeat(1_200 / Buffer.byteLength(letter)) }]);
});

it('is made once', () => {
  const packets = new Packets();
  const frame = frameOf(200);

  expect(packets.of(frame)).toBe(packets.of(frame));
});
