// What one client does in one go, by each of the doors.
import fc from 'fast-check';
import type { Operation } from '../../src/contract/operation.ts';
import { operations } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { frame, opcodes, textFrame } from '../support/raw-websocket.ts';
import { oddText, oddValue, payloadsOf, spoiled } from './values.ts';

/** Who has a token that counts, and who has none. */
export const insiders = ['bea', 'cyd', 'weak', 'lent'] as const;
const outsiders = ['nobody', 'expired', 'early', 'forged', 'foreign', 'mutated', 'rubbish'] as const;
export type Who = (typeof insiders)[number] | (typeof outsiders)[number] | 'operator';

export interface EventShot {
  door: 'event';
  who: Who;
  event: string;
  args: unknown[];
}
export interface RestShot {
  door: 'rest';
  who: Who;
  name: OperationName;
  /** Of the row. */
  route: number;
  method: string | null;
  payload: unknown;
  /** In place of the ids in the path. */
  segment: string | null;
  query: [name: string, value: string][];
  headers: Record<string, string>;
  /** What becomes of the text of the body. */
  text: 'plain' | 'cut' | 'twice' | 'bom' | 'utf-16' | 'huge number' | 'proto' | 'bytes' | 'none';
}
export interface HandshakeShot {
  door: 'handshake';
  who: Who;
  auth: unknown;
  header: string | null;
}
/** A token that counts, with something changed in it. */
export interface TokenShot {
  door: 'token';
  of: 'ada' | 'dan' | 'bea' | 'lent';
  change:
    | { kind: 'flip'; place: number; by: number }
    | { kind: 'wrap'; before: string; after: string }
    | { kind: 'header'; header: unknown; keepsSignature: boolean };
}
export interface RawShot {
  door: 'packets' | 'frames' | 'polling' | 'http';
  parts: (string | Uint8Array)[];
}
export type Shot = EventShot | RestShot | HandshakeShot | TokenShot | RawShot;

export const rows = Object.entries(operations as Record<string, Operation>) as [OperationName, Operation][];
/** Mostly nothing of it. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const who: fc.Arbitrary<Who> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('bea' as const, 'cyd' as const) },
  { weight: 2, arbitrary: fc.constantFrom(...insiders) },
  { weight: 2, arbitrary: fc.constantFrom(...outsiders) },
);
const operator: fc.Arbitrary<Who> = fc.oneof(fc.constant('operator' as const), who);

/** The client library keeps these names for itself; `received` has no ack. */
const unsendable = 'connect connect_error disconnect disconnecting newListener removeListener received'.split(
  ' ',
);
const socketRows = rows.filter(([name, row]) => row.socket && !unsendable.includes(name));

const restRows = rows.filter(([, row]) => row.rest.length > 0);

const eventOf = ([name, row]: (typeof rows)[number]): fc.Arbitrary<EventShot> =>
  fc.record({
    door: fc.constant('event' as const),
    who,
    event: fc.constant(name),
    args: spoiled(payloadsOf(row.input)).map((payload) => [payload]),
  });
const oddEvent: fc.Arbitrary<EventShot> = fc.record({
  door: fc.constant('event' as const),
  who,
  event: fc.oneof(
    fc.constantFrom(...socketRows.map(([name]) => name)),
    oddText.filter((name) => !unsendable.includes(name)),
  ),
  args: fc.array(fc.oneof(oddValue, fc.uint8Array({ maxLength: 50 })), { maxLength: 3 }),
});

const header = fc.constantFrom(
  ...'Accept Prefer Content-Type Content-Encoding Idempotency-Key Last-Event-ID Cookie X-Odd Origin Host'.split(
    ' ',
  ),
  ...'X-Forwarded-For If-None-Match Range X-HTTP-Method-Override'.split(' '),
);
const headerText = fc.oneof(
  fc.constantFrom('text/event-stream', 'application/json', 'respond-async', 'gzip', '*', '', 'null', '1.1'),
  fc.constantFrom('text/plain; charset=utf-16', 'https://evil.example', '10.0.0.1, ::1', 'k0', 'DELETE'),
  fc.string({ maxLength: 30 }).map((text) => text.trim()),
);
const segment = fc.oneof(
  fc.constantFrom('%', '%zz', '%ff', '..', '.', ';', '%00', '*', '%2e%2e', 'a%2', '%ed%a0%80'),
  oddText.filter((text) => text.isWellFormed() && text.length < 10_000).map(encodeURIComponent),
);
const queryName = fc.constantFrom(
  'limit',
  'after',
  'before',
  'wait',
  'ticket',
  'status',
  '__proto__',
  'a[b]',
  'x',
);

const restOf = ([name, row]: (typeof rows)[number]): fc.Arbitrary<RestShot> =>
  fc.record({
    door: fc.constant('rest' as const),
    who: row.needs === 'operator' ? operator : who,
    name: fc.constant(name),
    route: fc.nat(row.rest.length - 1),
    method: rarely(fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE')),
    payload: spoiled(payloadsOf(row.input)),
    segment: rarely(segment),
    query: fc.oneof(
      { weight: 3, arbitrary: fc.constant<RestShot['query']>([]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(queryName, segment), { maxLength: 3 }) },
    ),
    headers: fc.oneof(
      { weight: 2, arbitrary: fc.constant<RestShot['headers']>({}) },
      { weight: 1, arbitrary: fc.dictionary(header, headerText, { maxKeys: 3 }) },
    ),
    text: fc.oneof(
      { weight: 5, arbitrary: fc.constant('plain' as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('cut', 'twice', 'bom', 'utf-16', 'huge number', 'proto', 'bytes', 'none'),
      },
    ),
  });

const handshake: fc.Arbitrary<HandshakeShot> = fc.record({
  door: fc.constant('handshake' as const),
  who: fc.constantFrom(...outsiders),
  auth: fc.option(fc.oneof(oddValue, fc.record({ token: oddValue })), { freq: 2 }),
  header: fc.option(
    fc.oneof(
      fc.constantFrom(
        'Bearer',
        'Bearer  ',
        'Basic YTpi',
        'bearer x y',
        'Bearer null',
        'Bearer spc_',
        'Bearer a.b.c',
      ),
      fc.string({ maxLength: 40 }).map((text) => text.trim()),
    ),
    { freq: 2 },
  ),
});

const odd = fc.constantFrom(' ', '\n', '\0', '.', '=', '\u00e9', 'Bearer ', 'a', '..', '%00');
const tokenHeader = fc.record(
  {
    alg: fc.constantFrom('none', 'None', 'HS256', 'RS256', 'ES256', 'EdDSA', '', null),
    kid: fc.constantFrom('one', '../one', '', null, 'one\0'),
    typ: fc.constantFrom('jwt', 'JWE', ''),
    crit: fc.constantFrom([], ['b64']),
    b64: fc.boolean(),
    jwk: fc.constant({ kty: 'oct', k: 'AA' }),
    jku: fc.constant('http://127.0.0.1:9/keys'),
  },
  { requiredKeys: ['alg'] },
);
const token: fc.Arbitrary<TokenShot> = fc.record({
  door: fc.constant('token' as const),
  of: fc.constantFrom('ada' as const, 'dan' as const, 'bea' as const, 'lent' as const),
  change: fc.oneof(
    fc.record({
      kind: fc.constant('flip' as const),
      place: fc.nat(999),
      by: fc.integer({ min: 1, max: 63 }),
    }),
    fc.record({ kind: fc.constant('wrap' as const), before: fc.oneof(odd, fc.constant('')), after: odd }),
    fc.record({ kind: fc.constant('header' as const), header: tokenHeader, keepsSignature: fc.boolean() }),
  ),
});

const event = fc.oneof(
  fc.constantFrom(...rows.map(([name]) => name)),
  oddText.filter((name) => name.length < 100),
);
const eventPacket = fc
  .tuple(event, fc.constantFrom(...rows), fc.nat(99))
  .chain(([name, [, row], id]) =>
    spoiled(payloadsOf(row.input)).map((payload) => `42${id}${JSON.stringify([name, payload])}`),
  );
const oddPacket = fc
  .tuple(
    fc.constantFrom(
      '4',
      '42',
      '421',
      '40',
      '40/x,',
      '41',
      '43',
      '44',
      '451-',
      '461-',
      '459999999-',
      '2',
      '5',
      '6',
      '0',
      '',
    ),
    fc.oneof(oddText, fc.json({ maxDepth: 3 }), fc.constantFrom('['.repeat(3_000), '{"a":'.repeat(600))),
  )
  .map(([start, rest]) => start + rest.slice(0, 3_000));
const packet = fc.oneof(eventPacket, oddPacket);

const bits = fc
  .record({
    first: fc.nat(255),
    length: fc.constantFrom(null, 125, 126, 127),
    payload: fc.uint8Array({ maxLength: 200 }),
  })
  .map(({ first, length, payload }) =>
    Buffer.concat([
      Buffer.from([first, 0x80 | (length ?? Math.min(payload.length, 125)), 0, 0, 0, 0]),
      payload,
    ]),
  );

/** An event with bytes apart from it, as many as it says or not. */
const attached = fc
  .record({
    start: fc.constantFrom('451-', '452-', '450-', '461-', '4510-'),
    event: fc.constantFrom(...socketRows.map(([name]) => name)),
    num: fc.constantFrom<unknown>(0, 1, -1, 0.5, 'toString', '__proto__', null),
    bytes: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }),
  })
  .map(({ start, event, num, bytes }) =>
    Buffer.concat([
      textFrame(`${start}${JSON.stringify([event, { session_id: { _placeholder: true, num } }])}`),
      ...bytes.map((payload) => frame({ opcode: opcodes.binary, payload: Buffer.from(payload) })),
    ]),
  );

const line = fc.oneof(
  fc.constantFrom(
    'Host: 127.0.0.1',
    'Host: evil.example',
    'Host: ',
    'Content-Length: 5',
    'Content-Length: -1',
  ),
  fc.constantFrom(
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, x',
    'Content-Length: 5, 6',
    ' folded',
  ),
  fc.constantFrom(
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Connection: close',
    'Sec-WebSocket-Version: 99',
  ),
  fc.constantFrom('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13', 'Expect: x'),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(`X: ${'y'.repeat(20_000)}`, 'X:\0', ': x', 'X', 'Authorization: Bearer x'),
);
const target = fc.constantFrom(
  '/health',
  '/api/v1/sessions',
  '/api/v1/input',
  '/socket.io/?EIO=4&transport=websocket',
  '/socket.io/?EIO=4&transport=polling&sid=x',
  '/socket.io/?EIO=4&transport=polling&transport=websocket',
  '/socket.io/?EIO=9',
  '*',
  'http://evil.example/health',
  '//health',
  '/%',
  '',
);
const http = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'CONNECT', 'get', 'PRI', 'X', ''),
    target,
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
    host: fc.constantFrom<string[]>(['Host: 127.0.0.1'], ['Host: 127.0.0.1'], ['Host: 127.0.0.1'], []),
    lines: fc.array(line, { maxLength: 4 }),
    newline: fc.constantFrom('\r\n', '\r\n', '\n', '\r'),
    body: fc.oneof(fc.constantFrom('', '5\r\nhello\r\n0\r\n\r\n', 'fffffffffffffffff\r\n', '{}'), oddText),
  })
  .map(({ method, target, version, host, lines, newline, body }) =>
    [`${method} ${target} ${version}`, ...host, ...lines, '', body].join(newline),
  );

const raw = (door: RawShot['door'], part: fc.Arbitrary<string | Uint8Array>): fc.Arbitrary<RawShot> =>
  fc.record({ door: fc.constant(door), parts: fc.array(part, { minLength: 1, maxLength: 5 }) });

/** After a deletion there is little to be done; an input makes the session again. */
const weights: Partial<Record<OperationName, number>> = { 'session:delete': 1, 'session:input': 9 };
const ofEach = <T>(
  table: typeof rows,
  make: (row: (typeof rows)[number]) => fc.Arbitrary<T>,
): fc.Arbitrary<T> =>
  fc.oneof(...table.map((row) => ({ weight: weights[row[0]] ?? 4, arbitrary: make(row) })));

const shot: fc.Arbitrary<Shot> = fc.oneof(
  { weight: 10, arbitrary: ofEach(socketRows, eventOf) },
  { weight: 14, arbitrary: ofEach(restRows, restOf) },
  { weight: 2, arbitrary: oddEvent },
  { weight: 1, arbitrary: handshake },
  { weight: 1, arbitrary: token },
  { weight: 2, arbitrary: raw('packets', packet) },
  {
    weight: 1,
    arbitrary: raw('frames', fc.oneof(bits, fc.uint8Array({ maxLength: 100 }), packet, attached)),
  },
  { weight: 1, arbitrary: raw('polling', packet) },
  { weight: 1, arbitrary: raw('http', http) },
);

/** A few at once. */
export const volley: fc.Arbitrary<Shot[]> = fc.array(shot, { minLength: 1, maxLength: 3 });
