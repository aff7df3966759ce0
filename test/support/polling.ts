// Socket.IO polling by hand, for bodies no client library would send.
import { rest } from './rest.ts';

const pollingPath = '/socket.io/?EIO=4&transport=polling';

/** The path of a new connection that has connected to the default namespace. */
export async function openPolling(url: string): Promise<string> {
  const { text } = await rest(url, `GET ${pollingPath}`);
  const path = `${pollingPath}&sid=${/"sid":"([^"]+)"/.exec(text)?.[1] ?? ''}`;
  await rest(url, `POST ${path}`, { body: '40' });
  await rest(url, `GET ${path}`);
  return path;
}
