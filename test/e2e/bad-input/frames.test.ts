// WebSocket frames and engine.io packets that no client sends.
import { describe, expect, test } from 'vitest';
import { guardedServer } from '../../support/guarded-server.ts';
import { frame, opcodes, openSocketIo, openWebSocket, textFrame } from '../../support/raw-websocket.ts';

const server = guardedServer();

const closeCode = (code: number): Buffer => Buffer.from([code >> 8, code & 0xff]);

describe('a WebSocket frame', () => {
  const { text, binary, close, ping, pong, continuation } = opcodes;
  const rows: [row: string, bytes: Buffer, code: number][] = [
    ['B041 with RSV1', frame({ opcode: text, payload: '2', reserved: 0x40 }), 1002],
    ['B041 with RSV2', frame({ opcode: text, payload: '2', reserved: 0x20 }), 1002],
    ['B041 with RSV3', frame({ opcode: binary, payload: '2', reserved: 0x10 }), 1002],
    ['B043 of the reserved opcode 0x3', frame({ opcode: 0x3 }), 1002],
    ['B043 of the reserved opcode 0xB', frame({ opcode: 0xb }), 1002],
    ['B045 that is a ping of 126 bytes', frame({ opcode: ping, payload: 'x'.repeat(126) }), 1002],
    ['B045 that is a pong of 126 bytes', frame({ opcode: pong, payload: 'x'.repeat(126) }), 1002],
    ['B045 that is a ping without FIN', frame({ opcode: ping, fin: false }), 1002],
    ['B047 that announces 2^63 bytes', frame({ opcode: text, announced: 1n << 63n }), 1009],
    ['B047 that announces 2^53 bytes', frame({ opcode: text, announced: 1n << 53n }), 1009],
    ['B047 that announces 1 MiB and a byte', frame({ opcode: text, announced: 1_048_577n }), 1009],
    ['B051 that closes with 1005', frame({ opcode: close, payload: closeCode(1005) }), 1002],
    ['B051 that closes with 1006', frame({ opcode: close, payload: closeCode(1006) }), 1002],
    ['B051 that closes with 0', frame({ opcode: close, payload: closeCode(0) }), 1002],
    ['B051 that closes with one byte', frame({ opcode: close, payload: 'x' }), 1002],
    ['B041 that continues nothing', frame({ opcode: continuation, payload: 'x' }), 1002],
    ['B041 of bytes that are not UTF-8', frame({ opcode: text, payload: Buffer.from([0x34, 0xff]) }), 1007],
  ];
  test.each(rows)('%s ends the connection', async (_, bytes, code) => {
    using socket = await openSocketIo(server.port);

    socket.write(bytes);

    expect(await socket.closed()).toBe(code);
  });

  test('B041 without a mask ends the connection', async () => {
    using socket = await openSocketIo(server.port);

    socket.write(Buffer.from([0x81, 0x01, 0x32]));

    expect(await socket.closed()).toBe(1002);
  });

  test('B049 in 100,000 fragments that never end closes the connection', async () => {
    using socket = await openSocketIo(server.port);
    const more = frame({ opcode: continuation, payload: 'x', fin: false });

    socket.write(
      frame({ opcode: text, payload: '4', fin: false }),
      ...Array.from({ length: 100_000 }, () => more),
    );

    const code = await socket.closed();
    // the close frame may be lost behind what was still on its way in
    expect([1008, 1009, undefined]).toContain(code);
  });

  test('B053 of a flood of 20,000 pings closes the connection, and few are answered', async () => {
    using socket = await openSocketIo(server.port);

    socket.write(...Array.from({ length: 20_000 }, () => frame({ opcode: ping, payload: 'x' })));
    await socket.closed();

    expect(socket.pongs).toBeLessThan(20_000);
  });

  test('B053 of a few pings is answered', async () => {
    using socket = await openSocketIo(server.port);

    socket.write(...Array.from({ length: 5 }, () => frame({ opcode: ping, payload: 'x' })));
    await socket.until(() => socket.pongs === 5, 'five pongs');

    expect(await socket.isServed()).toBe(true);
  });
});

describe('an engine.io packet', () => {
  const closing: [row: string, bytes: Buffer][] = [
    ['B063 that is empty', textFrame('')],
    ['B067 that is a probe outside an upgrade', textFrame('2probe')],
    ['B071 of an unknown type', textFrame('7x')],
    ['B071 of a type that is no digit', textFrame('x')],
    ['B071 of the type of a handshake', textFrame('9')],
    ['B073 that is binary without a header before it', frame({ opcode: opcodes.binary, payload: 'abc' })],
    ['B073 that is binary and empty', frame({ opcode: opcodes.binary })],
  ];
  test.each(closing)('%s closes the connection', async (_, bytes) => {
    using socket = await openSocketIo(server.port);

    socket.write(bytes);

    expect(await socket.isServed()).toBe(false);
  });

  const harmless: [row: string, text: string][] = [
    ['B065 that closes', '1'],
    ['B069 that upgrades what is upgraded', '5'],
    ['B069 that does nothing', '6'],
    ['B069 that opens again', '0{"sid":"x"}'],
  ];
  test.each(harmless)('%s ends or changes nothing', async (_, text) => {
    using socket = await openSocketIo(server.port);

    socket.send(text);

    // either is fine; that it comes to one of them is the point
    await socket.isServed();
  });

  test('B063 rubbish before CONNECT closes the connection', async () => {
    using socket = await openWebSocket(server.port);

    socket.send('4rubbish');

    await socket.closed();
    expect(socket.messages).toHaveLength(1);
  });
});
