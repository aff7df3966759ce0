import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { requestOverHttp } from '../../../client/sdk/http-request.ts';

/** Asks a server that answers so for the state of a session. */
async function asked(answer: (response: ServerResponse) => void): Promise<unknown> {
  const http = createServer((_request, response) => answer(response));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const server = { url: `http://127.0.0.1:${port}`, token: async () => undefined };
  try {
    return await requestOverHttp(server, 'session:status', { session_id: 's' }).catch(
      (error: unknown) => error,
    );
  } finally {
    http.close();
    http.closeAllConnections();
  }
}

const refusal = JSON.stringify({ error: 'TurnInProgress', code: 'TURN_IN_PROGRESS', message: 'busy' });

it('tells a refusal of the server by its code', async () => {
  const error = await asked((response) => response.writeHead(409).end(refusal));

  expect(error).toMatchObject({ name: 'ChatError', code: 'TURN_IN_PROGRESS', status: 409 });
});

it('takes a refusal that was cut off for a lost connection, so that it is asked again', async () => {
  const error = await asked((response) => {
    response.writeHead(409, { 'Content-Length': refusal.length });
    response.write(refusal.slice(0, 20), () => response.destroy());
  });

  expect(error).toMatchObject({ name: 'ConnectionError', reason: 'lost' });
});

it('takes a refusal in the words of somebody on the way for one that stays', async () => {
  const error = await asked((response) => response.writeHead(403).end('<h1>No</h1>'));

  expect(error).toMatchObject({ name: 'ChatError', code: 'FORBIDDEN', status: 403 });
});
