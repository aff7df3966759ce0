// Socket.IO packets that no client sends.
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { guardedServer } from '../../support/guarded-server.ts';
import { frame, opcodes, openSocketIo, openWebSocket, textFrame } from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';

const server = guardedServer();

const validation = '"code":"VALIDATION_FAILED"';

describe('CONNECT', () => {
  test('B077 a thousand times in one burst is one socket', async () => {
    using socket = await openWebSocket(server.port);

    socket.write(...Array.from({ length: 1_000 }, () => textFrame('40')));
    await socket.message('40');
    // whatever else the burst brought, it is behind this
    await socket.isServed();

    expect(socket.messages.filter((text) => text.startsWith('40'))).toHaveLength(1);
  });

  test('B079 of a namespace of 10,000 characters is refused, and the name is neither echoed nor logged', async () => {
    using socket = await openWebSocket(server.port);

    socket.send(`40/${'canary'.repeat(1_700)},`);
    await socket.closed();

    expect(socket.messages.join(' ')).not.toContain('canary');
    expect(server.process.stdout).not.toContain('canary');
  });

  test.each(['/admin', '/__proto__', '/constructor', '/socket.io'])(
    'B079 of the namespace %s is refused',
    async (name) => {
      using socket = await openWebSocket(server.port);

      socket.send(`40${name},`);

      const answer = await socket.message('44');
      expect(answer).toBe(`44${name},{"message":"Invalid namespace"}`);
    },
  );

  test.each([
    ['{"__proto__":{"x":1}}', 'a prototype'],
    ['{"constructor":{"prototype":{"x":1}}}', 'a constructor'],
    [`{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, '5,000 levels'],
    ['{"token":7}', 'a number as token'],
    ['{"token":null,"__proto__":{"token":"x"}}', 'a token behind a prototype'],
  ])('B081 with %s is taken and changes no prototype (%s)', async (auth) => {
    using socket = await openWebSocket(server.port);

    socket.send(`40${auth}`);

    await socket.message('40');
    expect(await socket.isServed()).toBe(true);
    socket.send('425["session:status",{"session_id":"x"}]');
    expect(await socket.message('435[')).toContain('SESSION_NOT_FOUND');
  });
});

test('B081 CONNECT with a token of 100 KB opens nothing, and the token is neither echoed nor logged', async () => {
  using socket = await openWebSocket(server.port);

  socket.send(`40${JSON.stringify({ token: 'canary'.repeat(17_000) })}`);

  const answer = await socket.message('44');
  expect(answer).toContain('"code":"UNAUTHENTICATED"');
  expect(answer).not.toContain('canary');
  expect(server.process.stdout).not.toContain('canary');
});

describe('a packet that Socket.IO cannot read closes the connection:', () => {
  const rows: [row: string, text: string][] = [
    ['B085 an unknown type', '49[]'],
    ['B085 a type that is no digit', '4x'],
    ['B087 no event name', '42[]'],
    ['B087 an object for the array', '42{"a":1}'],
    ['B089 NaN', '42["x",NaN]'],
    ['B089 half an array', '42["x",'],
    ['B091 a name that is null', '42[null]'],
    ['B091 a name that is true', '42[true]'],
    ['B093 a name that is an array', '42[["a"]]'],
    ['B093 a name that is an object', '42[{"a":1}]'],
    ['B101 a namespace that was not joined', '42/admin,["x"]'],
    ['B105 zero attachments', '450-["x"]'],
    ['B109 45,999,999,999 attachments', '4545999999999-["x"]'],
    ['B109 a million attachments', '451000000-["x"]'],
    ['B109 half an attachment', '451.5-["x"]'],
    ['B109 -1 attachments', '45-1-["x"]'],
    ['B085 a name Socket.IO keeps for itself: disconnect', '42["disconnect"]'],
    ['B085 a name Socket.IO keeps for itself: connect', '42["connect"]'],
    ['B085 a name Socket.IO keeps for itself: newListener', '42["newListener"]'],
  ];
  test.each(rows)('%s', async (_, text) => {
    using socket = await openSocketIo(server.port);

    socket.send(text);

    expect(await socket.isServed()).toBe(false);
    expectHarmless(socket.messages.join(' '));
  });

  test('B105 zero attachments, a thousand times', async () => {
    using socket = await openSocketIo(server.port);

    socket.write(...Array.from({ length: 1_000 }, () => textFrame('450-["x"]')));

    await socket.closed();
  });

  test.each(['10', '-1', '"splice"', '1e9', 'null', '{}'])(
    'B111 a placeholder whose number is %s',
    async (num) => {
      using socket = await openSocketIo(server.port);

      socket.send(`451-["session:create",{"_placeholder":true,"num":${num}}]`);
      socket.write(frame({ opcode: opcodes.binary, payload: 'abc' }));

      expect(await socket.isServed()).toBe(false);
    },
  );

  test('B107 text where an attachment is due', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('451-["x",{"_placeholder":true,"num":0}]');
    socket.send('42["y"]');

    expect(await socket.isServed()).toBe(false);
  });

  test('B101 an event before CONNECT', async () => {
    using socket = await openWebSocket(server.port);

    socket.send('421["session:create","before connect"]');

    await socket.closed();
    expect(socket.messages).toHaveLength(1);
  });
});

describe('an event that cannot be meant', () => {
  test('B095 named error is refused like any other', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('421["error",{"message":"boom"}]');

    expect(await socket.message('431[')).toContain(validation);
    expect(await socket.isServed()).toBe(true);
  });

  test.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    'session:create ',
    'SESSION:CREATE',
    'session:log',
    'therapist:done',
    'x'.repeat(10_000),
    '1',
    '\u0000',
  ])('B095 named %j is an unknown event', async (name) => {
    using socket = await openSocketIo(server.port);

    socket.send(`421${JSON.stringify([name, {}])}`);

    const answer = await socket.message('431[');
    expect(answer).toContain(validation);
    expect(answer.length).toBeLessThan(1_000);
  });

  test('B087 without a name and without an array is refused or closed', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('42');

    await socket.isServed();
    expectHarmless(socket.messages.join(' '));
  });

  test('B095 of which the name is a number is an unknown event', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('421[7,{}]');

    expect(await socket.message('431[')).toContain(validation);
  });

  test('B095 without an ack is answered by an event that shows little of a long name', async () => {
    using socket = await openSocketIo(server.port);

    socket.send(`42${JSON.stringify(['n'.repeat(10_000)])}`);

    const answer = await socket.message('42["nnn');
    expect(answer).toContain(':result"');
    expect(answer.length).toBeLessThan(1_000);
  });

  test.each(['43999[1]', '430[]', '4399999999999999999999[{}]', '43["x"]'])(
    'B097 the ack %s for nothing is ignored',
    async (text) => {
      using socket = await openSocketIo(server.port);

      socket.send(text);

      await socket.isServed();
      expectHarmless(socket.messages.join(' '));
    },
  );

  test('B099 with an ack id of 30 digits is answered or closed', async () => {
    using socket = await openSocketIo(server.port);

    socket.send(`42${'9'.repeat(30)}["session:status",{"session_id":"x"}]`);

    await socket.isServed();
    expectHarmless(socket.messages.join(' '));
  });

  test('B103 behind a DISCONNECT in the same packet changes nothing', async () => {
    using socket = await openSocketIo(server.port);

    socket.write(textFrame('41'), textFrame('421["session:create","after the end"]'));
    await socket.isServed();

    const { status } = await rest(server.url, 'GET /api/v1/session/after%20the%20end/status');
    expect(status).toBe(404);
  });

  test('B113 nested 50,000 deep is refused without recursion', async () => {
    using socket = await openSocketIo(server.port);
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);

    socket.send(`421["session:create",{"metadata":{"deep":${deep}}}]`);
    socket.send(`422["session:input",${deep}]`);

    expect(await socket.message('431[')).toMatch(/too_deep/);
    expect(await socket.message('432[')).toMatch(/too_deep/);
  });

  test('B113 nested 50,000 deep in objects is refused without recursion', async () => {
    using socket = await openSocketIo(server.port);

    socket.send(`421["session:create",${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}]`);

    expect(await socket.message('431[')).toMatch(/too_deep/);
  });

  test('B113 nested 50,000 deep in an unknown event is refused', async () => {
    using socket = await openSocketIo(server.port);

    socket.send(`421["x",${'['.repeat(50_000)}${']'.repeat(50_000)}]`);

    expect(await socket.message('431[')).toContain('unknown_event');
  });

  test('B115 with a thousand arguments is refused', async () => {
    using socket = await openSocketIo(server.port);

    socket.send(`421["session:create",{"session_id":"too many"}${',1'.repeat(1_000)}]`);

    expect(await socket.message('431[')).toContain('too_many_arguments');
  });

  test('B117 with data where the ack would be is refused, and nothing is called', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('42["session:create",{"session_id":"no ack"},{"call":1}]');

    expect(await socket.message('42["session:create:result"')).toContain('too_many_arguments');
  });

  test('B073 with bytes as its payload is refused', async () => {
    using socket = await openSocketIo(server.port);

    socket.send('451-1["session:create",{"_placeholder":true,"num":0}]');
    socket.write(frame({ opcode: opcodes.binary, payload: 'abc' }));

    await socket.isServed();
    expect(socket.messages.join(' ')).toContain(validation);
  });

  test.each(['session_id', 'client_id', 'metadata'])('B073 with bytes as %s is refused', async (field) => {
    using socket = await openSocketIo(server.port);

    socket.send(`451-1["session:create",{"${field}":{"_placeholder":true,"num":0}}]`);
    socket.write(frame({ opcode: opcodes.binary, payload: 'abc' }));

    await socket.isServed();
    expect(socket.messages.join(' ')).toContain(validation);
  });
});
