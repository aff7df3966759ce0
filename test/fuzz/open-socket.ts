import { SocketClient } from '../support/socket-client.ts';
import { deadline } from '../support/wait.ts';

/** Connects, or rejects with what the server answered: the client's connection closes before it tells that. */
export async function openSocket(
  url: string,
  auth: unknown,
  extraHeaders: Record<string, string>,
): Promise<SocketClient> {
  // the library sends whatever it is
  const client = new SocketClient(url, { auth: auth as Record<string, unknown>, extraHeaders });
  let refusal: unknown;
  client.socket.once('connect_error', (error) => (refusal = error));
  try {
    await deadline(client.connected, `a connection to ${url}`);
    return client;
  } catch (error) {
    client.close();
    throw refusal ?? error;
  }
}
