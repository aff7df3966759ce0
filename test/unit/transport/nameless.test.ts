// Probes are asked by address, whatever names are listed.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { hostRule, refuseEarly } from '../../../src/transport/http.ts';

const isOurHost = hostRule({ allowedHosts: ['chat.example'], allowedOrigins: [], isLoopbackOnly: false });

test.each([
  ['/livez', 'evil.example', undefined],
  ['/livez?x=1', 'evil.example', 403],
  ['/health', 'evil.example', 403],
  ['/livez', 'localhost', undefined],
])('%s of %s may be nameless where probes are', (url, host, status) => {
  const asked = Object.assign(new IncomingMessage(new Socket()), { url, rawHeaders: ['Host', host] });
  asked.headers.host = host;
  const rules = {
    allowedOrigins: new Set<string>(),
    isOurHost,
    namelessPaths: new Set(['/livez']),
  };

  expect(refuseEarly(asked, rules)?.status).toBe(status);
});
